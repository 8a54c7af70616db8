#ifndef CHOST_RANDOM_H
#define CHOST_RANDOM_H

#include <stddef.h>

/// Fills memory from the system's random number generator without waiting: bytes filled, 1 to `count`, or a negative
/// errno. -EAGAIN: the generator has not been seeded since the system started; once it has, it stays so.
ptrdiff_t chost_random(void *bytes, size_t count);

#endif
