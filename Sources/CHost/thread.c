#include "CHost.h"

#include <semaphore.h>
#include <time.h>

bool chost_wait(void *semaphore, int64_t nanoseconds) {
  struct timespec deadline;
  clock_gettime(CLOCK_MONOTONIC, &deadline);
  nanoseconds += deadline.tv_nsec;
  deadline.tv_sec += nanoseconds / 1000000000;
  deadline.tv_nsec = nanoseconds % 1000000000;
  int result;
  do {
    result = sem_clockwait(semaphore, CLOCK_MONOTONIC, &deadline);
  } while (result != 0 && errno == EINTR);  // a signal handler ran meanwhile
  return result == 0;
}

static _Thread_local uintptr_t thread_mark;

uintptr_t chost_thread_mark(void) { return thread_mark; }

void chost_set_thread_mark(uintptr_t mark) { thread_mark = mark; }
