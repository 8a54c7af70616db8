#ifndef CHOST_DESCRIPTORS_H
#define CHOST_DESCRIPTORS_H

#include <stddef.h>

/// A new eventfd, close-on-exec and non-blocking, or a negative errno.
int chost_event_create(void);

/// Adds 1 to an eventfd: 0, or a negative errno (-EAGAIN: its counter is full). Safe in a signal handler.
///
/// Looks first whether the counter has room: whoever else has the descriptor may have made it blocking again, and
/// a write to a full one would then wait for its reader.
int chost_event_signal(int descriptor);

/// Empties an eventfd: 1 if it had been signalled, 0 if not, or a negative errno.
///
/// Never waits, on Linux 5.8 and later not even if whoever else has the descriptor made it blocking again and was
/// quicker to empty it.
int chost_event_take(int descriptor);

/// 1 if the descriptor is an eventfd, 0 if it is anything else.
///
/// The name comes from /proc; where that is not mounted, any descriptor without a file type will do, for no
/// such descriptor but an eventfd takes a write.
int chost_is_event(int descriptor);

/// Makes reads and writes return -EAGAIN where they would block: 0 or a negative errno.
int chost_set_nonblocking(int descriptor);

#endif
