#include "CHost.h"

#include <errno.h>
#include <sys/random.h>

ptrdiff_t chost_random(void *bytes, size_t count) {
  ssize_t filled = getrandom(bytes, count, GRND_NONBLOCK);
  return filled < 0 ? -errno : filled;
}
