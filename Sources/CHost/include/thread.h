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

#endif
