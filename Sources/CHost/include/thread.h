#ifndef CHOST_THREAD_H
#define CHOST_THREAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>

/// Names the calling thread; the kernel keeps the first 15 bytes.
static inline void chost_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

/// Waits for a semaphore (a sem_t) for at most so many nanoseconds, not negative and no more than hours, by a clock that
/// nobody sets; whether it was taken.
bool chost_wait(void *semaphore, int64_t nanoseconds);

/// A mark of the calling thread's own, 0 until it is set.
uintptr_t chost_thread_mark(void);

/// Sets the mark of the calling thread.
void chost_set_thread_mark(uintptr_t mark);

#endif
