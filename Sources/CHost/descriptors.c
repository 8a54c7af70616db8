#include "CHost.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

int chost_event_create(void) {
  int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return descriptor < 0 ? -errno : descriptor;
}

int chost_event_signal(int descriptor) {
  const uint64_t one = 1;
  struct pollfd entry = {descriptor, POLLOUT, 0};
  int saved = errno;
  int result;
  if (poll(&entry, 1, 0) == 0) {
    result = -EAGAIN;
  } else {
    result = write(descriptor, &one, sizeof one) == (ssize_t)sizeof one ? 0 : -errno;
  }
  errno = saved;
  return result;
}

int chost_event_take(int descriptor) {
  uint64_t count;
  struct iovec piece = {&count, sizeof count};
  ssize_t result = preadv2(descriptor, &piece, 1, -1, RWF_NOWAIT);
  // Before Linux 5.8 an eventfd does not know the flag.
  if (result < 0 && errno == EOPNOTSUPP) result = read(descriptor, &count, sizeof count);
  if (result == (ssize_t)sizeof count) return 1;
  return errno == EAGAIN ? 0 : -errno;
}

int chost_timer_create(void) {
  int descriptor = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  return descriptor < 0 ? -errno : descriptor;
}

void chost_timer_set(int descriptor, int64_t deadline) {
  struct itimerspec setting = {{0, 0}, {deadline / 1000000000, deadline % 1000000000}};
  timerfd_settime(descriptor, TFD_TIMER_ABSTIME, &setting, NULL);
}

int chost_is_event(int descriptor) {
  char path[40], name[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
  ssize_t count = readlink(path, name, sizeof name);
  if (count >= 0) {
    static const char expected[] = "anon_inode:[eventfd]";
    return (size_t)count == sizeof expected - 1 && memcmp(name, expected, sizeof expected - 1) == 0;
  }
  struct stat status;
  return fstat(descriptor, &status) == 0 && (status.st_mode & S_IFMT) == 0;
}

int chost_set_nonblocking(int descriptor) {
  int flags = fcntl(descriptor, F_GETFL);
  if (flags < 0) return -errno;
  if (flags & O_NONBLOCK) return 0;
  return fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}
