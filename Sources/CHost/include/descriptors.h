#ifndef CHOST_DESCRIPTORS_H
#define CHOST_DESCRIPTORS_H

#include <stddef.h>
#include <stdint.h>

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

/// A new timerfd of the monotonic clock, close-on-exec and non-blocking, or a negative errno.
int chost_timer_create(void);

/// Makes a timerfd readable when the monotonic clock shows so many nanoseconds (more than 0), and until then not; 0 stops it.
void chost_timer_set(int descriptor, int64_t deadline);

/// Makes reads and writes return -EAGAIN where they would block: 0 or a negative errno.
int chost_set_nonblocking(int descriptor);

#endif
