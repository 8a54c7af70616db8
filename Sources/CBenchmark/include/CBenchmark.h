// What a benchmark needs in C: a count of every allocation, and the copies to compare with.
#ifndef CBENCHMARK_H
#define CBENCHMARK_H

#include <stddef.h>
#include <stdint.h>

/// Allocations (malloc, calloc, realloc, aligned ones) since the program started, on every thread but those that
/// asked to be left out.
uint64_t cbenchmark_allocations(void);

/// Leaves the calling thread's allocations out of the count.
void cbenchmark_ignore_this_thread(void);

/// CPU time of the calling thread in nanoseconds.
uint64_t cbenchmark_thread_time(void);

/// Copies pieces one behind the other with one memcpy each.
void cbenchmark_copy_pieces(void *to, const void *from, const uint64_t *offsets, size_t count, size_t piece);

/// Zeroed memory of the kind that the device uses for pixels: anonymous pages, large ones where the system gives them.
void *cbenchmark_pixels(size_t count);

/// Looks at a VNC server as libvncclient does, until that ends: asks for the next update as soon as one has come, and
/// waits so many milliseconds before it reads on; a negative number reads the first update and never again.
/// Returns 0 if it has seen an update.
int cbenchmark_view(const char *host, int port, const char *encoding, int milliseconds);

#endif
