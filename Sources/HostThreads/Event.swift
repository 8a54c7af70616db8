import CHost
import Glibc
import Synchronization

/// An auto-reset event: `wait` returns after the next `signal`, or at once if one came before.
///
/// Signals do not add up: any number before a `wait` count as one. Without a time limit a thread that waits here
/// costs nothing while nothing happens. One thread waits; where there may be more, each passes the
/// signal on. A signal takes no lock, so the thread that it wakes runs at once instead of going back to sleep
/// behind one.
@safe
public final class Event: @unchecked Sendable {
  // Sendable: a semaphore is made for several threads, and its address never changes.
  private let semaphore: UnsafeMutablePointer<sem_t>
  /// Whether the semaphore stands at 1, or is about to.
  private let isSignalled = Atomic(false)

  /// An event that has not happened.
  public init() {
    unsafe semaphore = .allocate(capacity: 1)
    unsafe semaphore.initialize(to: sem_t())
    unsafe sem_init(semaphore, 0, 0)
  }

  deinit {
    // Whoever waits or signals holds a reference, so nobody is inside.
    unsafe sem_destroy(semaphore)
    unsafe semaphore.deallocate()
  }

  /// Lets one waiting thread, or the next that waits, go on.
  public func signal() {
    guard !isSignalled.exchange(true, ordering: .acquiringAndReleasing) else { return }
    // The semaphore lives as long as self.
    unsafe sem_post(semaphore)
  }

  /// Sleeps until a signal has come, and takes it.
  public func wait() {
    // As above. It fails only when a signal handler ran meanwhile.
    while unsafe sem_wait(semaphore) != 0 {}
    take()
  }

  /// Sleeps until a signal has come, and takes it, but no longer than this, nor than an hour; whether one has come.
  public func wait(atMost limit: Duration) -> Bool {
    let (seconds, attoseconds) = min(max(limit, .zero), .seconds(3600)).components
    // As above.
    guard unsafe chost_wait(semaphore, seconds * 1_000_000_000 + attoseconds / 1_000_000_000) else {
      return false
    }
    take()
    return true
  }

  private func take() {
    // An exchange, not a store: a signal that still found `true` posted nothing, so what came before it must be
    // seen by whoever looks after this. A store could become visible only after the look.
    _ = isSignalled.exchange(false, ordering: .acquiringAndReleasing)
  }
}
