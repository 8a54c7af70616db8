import Glibc

/// A value that only the holder of a POSIX mutex can reach.
///
/// The standard library's `Mutex` is a futex that ThreadSanitizer does not know, so every access under it is
/// reported as a race; a POSIX mutex is known to it. Not recursive: taking it twice on one thread traps.
@safe
public struct Lock<Value: ~Copyable>: ~Copyable, @unchecked Sendable {
  // Sendable: the mutex orders all access to the value, and neither pointer leaves this type.
  @usableFromInline let mutex: UnsafeMutablePointer<pthread_mutex_t>
  @usableFromInline let value: UnsafeMutablePointer<Value>

  /// A lock that nobody holds.
  public init(_ initial: consuming sending Value) {
    unsafe mutex = .allocate(capacity: 1)
    unsafe mutex.initialize(to: pthread_mutex_t())
    var attributes = pthread_mutexattr_t()
    unsafe pthread_mutexattr_init(&attributes)
    unsafe pthread_mutexattr_settype(&attributes, CInt(PTHREAD_MUTEX_ERRORCHECK))
    unsafe pthread_mutex_init(mutex, &attributes)
    unsafe pthread_mutexattr_destroy(&attributes)
    unsafe value = .allocate(capacity: 1)
    unsafe value.initialize(to: initial)
  }

  deinit {
    // Nobody holds the mutex here: a holder borrows the lock, which keeps it alive.
    unsafe pthread_mutex_destroy(mutex)
    unsafe mutex.deallocate()
    unsafe value.deinitialize(count: 1)
    unsafe value.deallocate()
  }

  /// Runs `body` with the value while no other thread can; keep it short.
  @inlinable
  public borrowing func withLock<Result: ~Copyable, Failure: Error>(
    _ body: (inout Value) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    // Both pointers are valid from init to deinit, and the mutex makes the access exclusive.
    guard unsafe pthread_mutex_lock(mutex) == 0 else {
      Callout.brokenPromise("a call of the device was answered by a call of the device, on the same thread")
    }
    defer { unsafe pthread_mutex_unlock(mutex) }
    return try unsafe body(&value.pointee)
  }

  /// As `withLock`, but nil without a call when another thread holds it.
  @inlinable
  public borrowing func withLockIfAvailable<Result, Failure: Error>(
    _ body: (inout Value) throws(Failure) -> Result
  ) throws(Failure) -> Result? {
    // As `withLock`.
    guard unsafe pthread_mutex_trylock(mutex) == 0 else { return nil }
    defer { unsafe pthread_mutex_unlock(mutex) }
    return try unsafe body(&value.pointee)
  }
}
