// What Swift cannot spell for the driver simulator: control messages, memory descriptors and ordered
// accesses to ring fields. It shares nothing with the device, so that a mistake in one of them is seen
// by the other. Every call that can fail returns a negative errno value.
#ifndef GUEST_DRIVER_H
#define GUEST_DRIVER_H

#include <stdint.h>
#include <stddef.h>
#include <sys/types.h>

/// A new memory file of `size` bytes, close-on-exec; `seal_shrink` forbids to shrink it later.
int guest_driver_memfd(size_t size, int seal_shrink);

/// A new non-blocking event descriptor with counter 0.
int guest_driver_eventfd(void);

/// Waits until `fd` is readable; 1 if it is, 0 after `timeout_ms`.
int guest_driver_wait_readable(int fd, int timeout_ms);

/// A stream socket connected to the Unix socket at `path`.
int guest_driver_connect(const char *path);

/// Two connected stream sockets in `pair`.
int guest_driver_socketpair(int pair[2]);

/// Sends bytes with up to 253 descriptors beside the first of them; returns how many bytes went out.
ssize_t guest_driver_send(int fd, const void *bytes, size_t count, const int *fds, int fd_count);

/// Receives what is there, up to `count` bytes and `fd_capacity` descriptors, which are close-on-exec.
/// Returns the bytes received, 0 at the end of the stream; -ETIMEDOUT if nothing came in time.
ssize_t guest_driver_receive(int fd, void *bytes, size_t count, int *fds, int fd_capacity, int *fd_count,
                             int timeout_ms);

/// Starts the program that `arguments` name (the first is looked up in PATH; a null pointer ends them) with
/// `input` (-1: nothing) as its input and `output` as its output and errors. It gets the `inherited`
/// descriptors under their own numbers. Returns its process id.
pid_t guest_driver_spawn(char *const arguments[], const int *inherited, int inherited_count, int input,
                         int output);

/// Waits up to `patience_ms` for a child to end, then kills it, and reaps it. Returns its exit status, or the
/// number of the signal that ended it plus 256.
int guest_driver_end_child(pid_t child, int patience_ms);

/// Ring index accesses of a driver: the index is published after what it covers, and read before it.
static inline uint16_t guest_driver_load16_acquire(const void *field) {
  return __atomic_load_n((const uint16_t *)field, __ATOMIC_ACQUIRE);
}

static inline void guest_driver_store16_release(void *field, uint16_t value) {
  __atomic_store_n((uint16_t *)field, value, __ATOMIC_RELEASE);
}

static inline void guest_driver_full_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

#endif
