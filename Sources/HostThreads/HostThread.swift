import CHost
import Glibc

/// A thread of the host, started by `init` and waited for by `join`.
public final class HostThread: Sendable {
  private let isJoined = Lock(false)
  private let handle: pthread_t

  /// Starts `body` on a thread of its own.
  ///
  /// - Parameter name: what debuggers and `ps -L` show; Linux keeps the first 15 bytes.
  /// - Throws: `HostThreadError` when the system has no more threads to give.
  public init(name: String, _ body: @escaping @Sendable () -> Void) throws(HostThreadError) {
    let start = unsafe Unmanaged.passRetained(Start(name: name, body: body))
    var handle = pthread_t()
    // The retained box is consumed exactly once: by the thread, or below when there is none.
    let result = unsafe pthread_create(
      &handle, nil,
      { argument in
        let box = unsafe Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
        unsafe chost_name_thread(box.name)
        box.body()
        return nil
      }, start.toOpaque())
    guard result == 0 else {
      unsafe start.release()
      throw HostThreadError(errno: result)
    }
    self.handle = handle
  }

  /// Waits until the thread's body has returned. A second call returns at once, and so does one from the thread
  /// itself, which cannot wait for its own end: what it belongs to may be let go there.
  public func join() {
    guard pthread_equal(pthread_self(), handle) == 0 else { return }
    isJoined.withLock { isJoined in
      guard !isJoined else { return }
      // The handle came from pthread_create and is joined once.
      _ = pthread_join(handle, nil)
      isJoined = true
    }
  }

  deinit {
    if !isJoined.withLock({ $0 }) { pthread_detach(handle) }  // nobody can join it any more
  }

  private final class Start: Sendable {
    let name: String
    let body: @Sendable () -> Void
    init(name: String, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }
}

/// The system refused a thread; `errno` says why.
public struct HostThreadError: Error {
  /// What `pthread_create` said.
  public let errno: CInt
}
