#include "CHost.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

static int chost_unix_address(const char *path, struct sockaddr_un *address) {
  size_t count = strlen(path);
  if (count == 0 || count >= sizeof address->sun_path) return -ENAMETOOLONG;
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  memcpy(address->sun_path, path, count);
  return 0;
}

int chost_unix_socket(void) {
  int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return descriptor < 0 ? -errno : descriptor;
}

int chost_unix_listen(int descriptor, const char *path, int backlog) {
  struct sockaddr_un address;
  int failure = chost_unix_address(path, &address);
  if (failure) return failure;
  if (bind(descriptor, (const struct sockaddr *)&address, sizeof address) < 0) return -errno;
  if (listen(descriptor, backlog) == 0) return 0;
  failure = errno;
  unlink(path);
  return -failure;
}

int chost_unix_connect(int descriptor, const char *path) {
  struct sockaddr_un address;
  int failure = chost_unix_address(path, &address);
  if (failure) return failure;
  return connect(descriptor, (const struct sockaddr *)&address, sizeof address) < 0 ? -errno : 0;
}

int chost_accept(int descriptor) {
  int client = accept4(descriptor, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  return client < 0 ? -errno : client;
}

struct chost_received chost_receive(int descriptor, void *bytes, size_t capacity,
                                                  int *descriptors, int descriptor_capacity) {
  struct chost_received received = {0, 0, 0};
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int) * CHOST_DESCRIPTORS_MAX)];
  } control;
  struct iovec piece = {bytes, capacity};
  struct msghdr message;
  memset(&message, 0, sizeof message);
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  do {
    received.count = recvmsg(descriptor, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (received.count < 0 && errno == EINTR);
  if (received.count < 0) {
    received.count = -errno;
    return received;
  }
  for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t index = 0; index < count; index++) {
      int one;
      memcpy(&one, CMSG_DATA(part) + index * sizeof one, sizeof one);
      if (received.descriptor_count < descriptor_capacity) {
        descriptors[received.descriptor_count++] = one;
      } else {
        close(one);
        received.lost_descriptors++;
      }
    }
  }
  if (message.msg_flags & MSG_CTRUNC) received.lost_descriptors++;
  return received;
}

ptrdiff_t chost_send(int descriptor, const void *bytes, size_t count, const int *descriptors,
                                 int descriptor_count) {
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int) * CHOST_DESCRIPTORS_MAX)];
  } control;
  struct iovec piece = {(void *)bytes, count};
  struct msghdr message;
  if (descriptor_count < 0 || descriptor_count > CHOST_DESCRIPTORS_MAX) return -EINVAL;
  memset(&message, 0, sizeof message);
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  if (descriptor_count > 0) {
    memset(&control, 0, sizeof control);
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)descriptor_count);
    struct cmsghdr *part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)descriptor_count);
    memcpy(CMSG_DATA(part), descriptors, sizeof(int) * (size_t)descriptor_count);
  }
  ssize_t sent;
  do {
    sent = sendmsg(descriptor, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent < 0 ? -errno : sent;
}

int chost_wait_readable(int first, int second, int third, int milliseconds) {
  struct pollfd entries[3] = {{first, POLLIN, 0}, {second, POLLIN, 0}, {third, POLLIN, 0}};
  int ready = poll(entries, 3, milliseconds);
  if (ready < 0) return -errno;
  return (entries[0].revents ? 1 : 0) | (entries[1].revents ? 2 : 0) | (entries[2].revents ? 4 : 0);
}

int chost_wait_writable(int output, int stop, int milliseconds) {
  struct pollfd entries[2] = {{output, POLLOUT, 0}, {stop, POLLIN, 0}};
  int ready = poll(entries, 2, milliseconds);
  if (ready < 0) return -errno;
  return (entries[0].revents ? 1 : 0) | (entries[1].revents ? 2 : 0);
}
