#ifndef CHOST_RANDOM_H
#define CHOST_RANDOM_H

#include <errno.h>
#include <stddef.h>
#include <sys/random.h>

/// Fills memory from the system's random number generator without waiting: bytes filled, 1 to `count`, or a negative
/// errno. -EAGAIN: the generator has not been seeded since the system started; once it has, it stays so.
static inline ptrdiff_t chost_random(void *bytes, size_t count) {
  ssize_t filled = getrandom(bytes, count, GRND_NONBLOCK);
  return filled < 0 ? -errno : filled;
}

#endif
