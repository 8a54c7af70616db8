// A page that holds whoever touches it first, in the middle of what it does: for tests of what others may do meanwhile.
#ifndef HELD_PAGES_H
#define HELD_PAGES_H

#include <stddef.h>

/// Takes all access to mapped pages away. The first thread that touches them waits until they are released. One range at a time
/// in a process. Returns 0 or a negative errno.
int held_pages_hold(void *start, size_t size);

/// Waits until a thread is held, or for so long; 1 when one is, else 0.
int held_pages_await(int milliseconds);

/// Gives the pages back, lets the thread that was held go on, and puts the process's handler of SIGSEGV back. Call it once after
/// each hold.
void held_pages_release(void);

#endif
