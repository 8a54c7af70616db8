import Glibc

/// A value that one thread gives, once, and another waits for, though not for ever.
///
/// A wait with a time limit: for who asks a thread that may be at something long.
@safe
public final class Reply<Value: Sendable>: @unchecked Sendable {
  // Sendable: the mutex orders all access to the value, and no pointer leaves this type.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  private var given: Value?

  /// A reply that nobody has given yet.
  public init() {
    unsafe mutex = .allocate(capacity: 1)
    unsafe mutex.initialize(to: pthread_mutex_t())
    unsafe pthread_mutex_init(mutex, nil)
    unsafe condition = .allocate(capacity: 1)
    unsafe condition.initialize(to: pthread_cond_t())
    // A clock that nobody sets; the attributes are needed during this call alone.
    var attributes = pthread_condattr_t()
    unsafe pthread_condattr_init(&attributes)
    unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    unsafe pthread_cond_init(condition, &attributes)
    unsafe pthread_condattr_destroy(&attributes)
  }

  deinit {
    // Whoever gives or waits holds a reference, so nobody is inside.
    unsafe pthread_cond_destroy(condition)
    unsafe condition.deallocate()
    unsafe pthread_mutex_destroy(mutex)
    unsafe mutex.deallocate()
  }

  /// Gives the value; the first one counts.
  public func give(_ value: Value) {
    // The pointers live as long as self.
    unsafe pthread_mutex_lock(mutex)
    if given == nil { given = value }
    unsafe pthread_cond_broadcast(condition)
    unsafe pthread_mutex_unlock(mutex)
  }

  /// The value, as soon as it is given; nil when it is not within so many milliseconds.
  public func value(withinMilliseconds limit: Int = 0) -> Value? {
    var deadline = timespec()
    // A pointer to a local variable; those below live as long as self.
    unsafe clock_gettime(CLOCK_MONOTONIC, &deadline)
    let milliseconds = min(max(limit, 0), 3_600_000)
    let nanoseconds = deadline.tv_nsec + milliseconds % 1000 * 1_000_000
    deadline.tv_sec += milliseconds / 1000 + nanoseconds / 1_000_000_000
    deadline.tv_nsec = nanoseconds % 1_000_000_000
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    while given == nil, unsafe pthread_cond_timedwait(condition, mutex, &deadline) == 0 {}
    return given
  }
}
