import CHost
import Glibc
import Synchronization

/// A value that many threads read at once and that stands still while anybody reads it.
///
/// Reading costs one atomic in and one out and never waits, except while the value is being changed. A writer
/// closes the gate first, so new readers wait for it and it waits only for those already inside. Not recursive: a
/// reader that enters again traps, and so does one that writes.
@safe
public struct Gate<Value: ~Copyable>: ~Copyable, @unchecked Sendable {
  // Sendable: readers only borrow, and a writer has the value to itself.
  /// Top bit: a writer has closed the gate. The rest: how many readers are inside, or about to turn back.
  private let state = Atomic<UInt32>(0)
  @usableFromInline let value: UnsafeMutablePointer<Value>
  /// The mark of a thread inside. Kept apart from `value`, which a reader must not look at before it is counted: to
  /// ThreadSanitizer a writer's use of the value is one of the pointer too.
  private let identity: UInt
  private let writers = Lock(())
  private let drained = Event()
  private let reopened = Reopened()

  private static var closed: UInt32 { 1 << 31 }

  /// A gate that is open.
  public init(_ initial: consuming sending Value) {
    unsafe value = .allocate(capacity: 1)
    unsafe value.initialize(to: initial)
    unsafe identity = UInt(bitPattern: value)  // a number, no access
  }

  deinit {
    // Readers and writers borrow the gate, so nobody is inside.
    unsafe value.deinitialize(count: 1)
    unsafe value.deallocate()
  }

  /// Lends the value to `body`; it does not change until `body` returns.
  @inlinable
  public borrowing func withReading<Result: ~Copyable, Failure: Error>(
    _ body: (borrowing Value) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let outer = enter()
    defer { leave(outer) }
    // A writer changes the value only while it has the gate closed and no reader is counted.
    return try unsafe body(value.pointee)
  }

  /// Counts the calling thread in; returns what it was inside of.
  @usableFromInline borrowing func enter() -> UInt {
    let outer = chost_thread_mark()
    if outer == identity {
      Callout.brokenPromise(
        "a front-end asked for pixels from inside a call of the device, which holds them")
    }
    while state.add(1, ordering: .acquiring).oldValue & Self.closed != 0 {
      countOut()
      reopened.wait(until: { state.load(ordering: .acquiring) & Self.closed == 0 })
    }
    chost_set_thread_mark(identity)
    return outer
  }

  @usableFromInline borrowing func leave(_ outer: UInt) {
    chost_set_thread_mark(outer)
    countOut()
  }

  private borrowing func countOut() {
    if state.subtract(1, ordering: .releasing).oldValue == Self.closed | 1 { drained.signal() }
  }

  /// Lends the value to `body` for changing it, when every reader has left; new readers wait meanwhile.
  public borrowing func withWriting<Result: ~Copyable, Failure: Error>(
    _ body: (inout Value) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    if chost_thread_mark() != 0 {
      Callout.brokenPromise("guest memory was changed from inside a call of a device, which may be using it")
    }
    return try writers.withLock { (_: inout Void) throws(Failure) -> Result in
      state.bitwiseOr(Self.closed, ordering: .acquiringAndReleasing)
      // A reader that turns back may signal too: look again after each.
      while state.load(ordering: .acquiring) & ~Self.closed != 0 { drained.wait() }
      defer { reopened.signalAll { state.bitwiseAnd(~Self.closed, ordering: .releasing) } }
      // No reader is counted, and `writers` keeps other writers out.
      return try unsafe body(&value.pointee)
    }
  }
}

/// Where readers wait for a gate to open again.
@safe
private final class Reopened: @unchecked Sendable {
  // Sendable: a mutex and a condition, made for this.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>

  init() {
    unsafe mutex = .allocate(capacity: 1)
    unsafe mutex.initialize(to: pthread_mutex_t())
    unsafe pthread_mutex_init(mutex, nil)
    unsafe condition = .allocate(capacity: 1)
    unsafe condition.initialize(to: pthread_cond_t())
    unsafe pthread_cond_init(condition, nil)
  }

  deinit {
    // Whoever waits holds a reference.
    unsafe pthread_cond_destroy(condition)
    unsafe condition.deallocate()
    unsafe pthread_mutex_destroy(mutex)
    unsafe mutex.deallocate()
  }

  func wait(until isOpen: () -> Bool) {
    // The pointers live as long as self; the loop covers spurious wake-ups.
    unsafe pthread_mutex_lock(mutex)
    while !isOpen() { unsafe pthread_cond_wait(condition, mutex) }
    unsafe pthread_mutex_unlock(mutex)
  }

  /// Opens under the mutex, so that nobody falls asleep between looking and waiting.
  func signalAll(_ open: () -> Void) {
    unsafe pthread_mutex_lock(mutex)
    open()
    unsafe pthread_cond_broadcast(condition)
    unsafe pthread_mutex_unlock(mutex)
  }
}
