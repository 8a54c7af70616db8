import Glibc

/// An auto-reset event: `wait` returns after the next `signal`, or at once if one came before.
///
/// Signals do not add up: any number before a `wait` count as one. There is no time limit, so a thread that
/// waits here costs nothing while nothing happens.
@safe
package final class Event: @unchecked Sendable {
  // Sendable: `signalled` is touched under the mutex only.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  private var signalled = false

  package init() {
    unsafe mutex = .allocate(capacity: 1)
    unsafe mutex.initialize(to: pthread_mutex_t())
    unsafe pthread_mutex_init(mutex, nil)
    unsafe condition = .allocate(capacity: 1)
    unsafe condition.initialize(to: pthread_cond_t())
    unsafe pthread_cond_init(condition, nil)
  }

  deinit {
    // Whoever waits or signals holds a reference, so nobody is inside.
    unsafe pthread_cond_destroy(condition)
    unsafe condition.deallocate()
    unsafe pthread_mutex_destroy(mutex)
    unsafe mutex.deallocate()
  }

  /// Lets one waiting thread, or the next that waits, go on.
  package func signal() {
    // The pointers live as long as self.
    unsafe pthread_mutex_lock(mutex)
    signalled = true
    unsafe pthread_cond_signal(condition)
    unsafe pthread_mutex_unlock(mutex)
  }

  /// Sleeps until a signal has come, and takes it.
  package func wait() {
    // The pointers live as long as self; the loop covers spurious wake-ups.
    unsafe pthread_mutex_lock(mutex)
    while !signalled { unsafe pthread_cond_wait(condition, mutex) }
    signalled = false
    unsafe pthread_mutex_unlock(mutex)
  }
}
