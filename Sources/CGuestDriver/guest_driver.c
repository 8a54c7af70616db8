#define _GNU_SOURCE
#include "guest_driver.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

// The kernel's own limit for one message.
enum { MAX_DESCRIPTORS = 253 };

int guest_driver_memfd(size_t size, int seal_shrink) {
  int fd = memfd_create("guest-driver-ram", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return -errno;
  if (ftruncate(fd, (off_t)size) < 0 || (seal_shrink && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) < 0)) {
    int error = errno;
    close(fd);
    return -error;
  }
  return fd;
}

int guest_driver_eventfd(void) {
  int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return fd < 0 ? -errno : fd;
}

int guest_driver_wait_readable(int fd, int timeout_ms) {
  struct pollfd waiting = {.fd = fd, .events = POLLIN};
  for (;;) {
    int ready = poll(&waiting, 1, timeout_ms);
    if (ready >= 0) return ready;
    if (errno != EINTR) return -errno;
  }
}

int guest_driver_connect(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) return -ENAMETOOLONG;
  strcpy(address.sun_path, path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
    int error = errno;
    close(fd);
    return -error;
  }
  return fd;
}

int guest_driver_socketpair(int pair[2]) {
  return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ? -errno : 0;
}

ssize_t guest_driver_send(int fd, const void *bytes, size_t count, const int *fds, int fd_count) {
  if (fd_count < 0 || fd_count > MAX_DESCRIPTORS) return -EINVAL;
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * MAX_DESCRIPTORS)];
  struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (fd_count > 0) {
    memset(control, 0, sizeof control);
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)fd_count);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)fd_count);
    memcpy(CMSG_DATA(header), fds, sizeof(int) * (size_t)fd_count);
  }
  for (;;) {
    ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    if (sent >= 0) return sent;
    if (errno != EINTR) return -errno;
  }
}

ssize_t guest_driver_receive(int fd, void *bytes, size_t count, int *fds, int fd_capacity, int *fd_count,
                             int timeout_ms) {
  *fd_count = 0;
  int ready = guest_driver_wait_readable(fd, timeout_ms);
  if (ready < 0) return ready;
  if (ready == 0) return -ETIMEDOUT;
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * MAX_DESCRIPTORS)];
  struct iovec part = {.iov_base = bytes, .iov_len = count};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  ssize_t received;
  do {
    received = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
  } while (received < 0 && errno == EINTR);
  if (received < 0) return -errno;
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    size_t here = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < here; i++) {
      int passed;
      memcpy(&passed, CMSG_DATA(header) + i * sizeof(int), sizeof passed);
      if (*fd_count < fd_capacity) {
        fds[(*fd_count)++] = passed;
      } else {
        close(passed);
      }
    }
  }
  return received;
}

pid_t guest_driver_spawn(char *const arguments[], const int *inherited, int inherited_count, int input,
                         int output) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  int error = posix_spawn_file_actions_init(&files);
  if (error) return -error;
  error = posix_spawnattr_init(&attributes);
  if (error) {
    posix_spawn_file_actions_destroy(&files);
    return -error;
  }
  // The caller's thread may hold signals back; its child must not.
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  error = input < 0 ? posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
                    : posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
  if (!error) error = posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
  if (!error) error = posix_spawn_file_actions_adddup2(&files, output, STDERR_FILENO);
  // Onto itself: that takes close-on-exec away, in the child alone.
  for (int i = 0; !error && i < inherited_count; i++) {
    error = posix_spawn_file_actions_adddup2(&files, inherited[i], inherited[i]);
  }
  pid_t child = -1;
  if (!error) error = posix_spawnp(&child, arguments[0], &files, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return error ? -error : child;
}

int guest_driver_end_child(pid_t child, int patience_ms) {
  // Anything else would name a group of processes, or all.
  if (child <= 1) return -EINVAL;
  int status = 0;
  pid_t ended = waitpid(child, &status, WNOHANG);
  for (int waited = 0; ended == 0 && waited < patience_ms; waited++) {
    usleep(1000);
    ended = waitpid(child, &status, WNOHANG);
  }
  if (ended == 0) {
    kill(child, SIGKILL);
    do {
      ended = waitpid(child, &status, 0);
    } while (ended < 0 && errno == EINTR);
  }
  if (ended < 0) return -errno;
  return WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
}
