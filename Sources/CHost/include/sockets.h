#ifndef CHOST_SOCKETS_H
#define CHOST_SOCKETS_H

#include <stddef.h>

/// The most descriptors that Linux attaches to one piece of a stream (SCM_MAX_FD).
#define CHOST_DESCRIPTORS_MAX 253

/// A new stream socket of the local family, close-on-exec: a descriptor or a negative errno.
int chost_unix_socket(void);

/// Binds a socket to a path and lets clients connect: 0 or a negative errno.
int chost_unix_listen(int descriptor, const char *path, int backlog);

/// Connects a socket to the server at a path: 0 or a negative errno.
int chost_unix_connect(int descriptor, const char *path);

/// The next client of a listening socket, close-on-exec and non-blocking: a descriptor or a negative errno.
int chost_accept(int descriptor);

/// What one read from a socket brought besides bytes.
struct chost_received {
  /// Bytes, 0 at the end of the stream, or a negative errno.
  ptrdiff_t count;
  /// Descriptors stored, all close-on-exec. The caller owns them.
  int descriptor_count;
  /// Descriptors that came but are not stored: closed already, or lost in the kernel because the process or
  /// the control buffer had no room.
  int lost_descriptors;
};

/// Reads what is there without waiting, with the descriptors that came along.
struct chost_received chost_receive(int descriptor, void *bytes, size_t capacity, int *descriptors,
                                    int descriptor_capacity);

/// Sends without waiting and without SIGPIPE, descriptors with the first byte: bytes taken or a negative errno.
ptrdiff_t chost_send(int descriptor, const void *bytes, size_t count, const int *descriptors,
                     int descriptor_count);

/// Waits until one of up to three descriptors (negative: none) has something to read or has ended.
///
/// Returns a bit for each (1, 2, 4), 0 after `milliseconds` (negative: no limit), or a negative errno.
int chost_wait_readable(int first, int second, int third, int milliseconds);

/// Waits until `output` takes bytes or has ended (1), or `stop` has something to read (2); else as above.
int chost_wait_writable(int output, int stop, int milliseconds);

#endif
