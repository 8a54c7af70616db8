import FrontEndAPI
import Glibc
import HostThreads

/// One front-end that is attached: its side of the display.
///
/// The display keeps the front-end alive until `detach`.
final class Attachment: DisplayChannel {
  let version: InterfaceVersion
  /// What the front-end calls itself, with the version that it was built for.
  let peer: InterfaceVersion
  private let outputs: [PublishedOutput]
  private let link: Lock<Link>
  /// Called when the front-end has let go.
  private let detached: @Sendable () -> Void
  /// Signalled when a call that `detach` waits for has returned.
  private let callReturned = Event()

  private struct Link {
    var frontEnd: (any DisplayFrontEnd)?
    /// The threads that are inside a call to the front-end: the device's, and one that attaches.
    var callers: [pthread_t] = []

    /// Whether the calling thread is one of them.
    var isInsideCall: Bool {
      let caller = pthread_self()
      return callers.contains { pthread_equal($0, caller) != 0 }
    }
  }

  init(
    _ frontEnd: any DisplayFrontEnd, version: InterfaceVersion, outputs: [PublishedOutput],
    detached: @escaping @Sendable () -> Void
  ) {
    self.version = version
    peer = frontEnd.interface
    self.detached = detached
    self.outputs = outputs
    var link = Link(frontEnd: frontEnd)
    link.callers.reserveCapacity(4)  // so that telling allocates nothing
    self.link = Lock(link)
  }

  var outputCount: Int { outputs.count }

  func takeChanges(ofOutput index: Int) -> OutputChanges? { output(index)?.takeChanges(for: self) }

  func withSurface<Result>(ofOutput index: Int, _ body: (borrowing Surface) -> Result) -> Result? {
    output(index)?.withSurface(body)
  }

  func cursor(ofOutput index: Int) -> CursorState? { output(index)?.cursor }

  /// nil also once the front-end has detached.
  private func output(_ index: Int) -> PublishedOutput? {
    guard outputs.indices.contains(index), link.withLock({ $0.frontEnd != nil }) else { return nil }
    return outputs[index]
  }

  /// Waits for a call to the front-end that is under way, unless it is made from inside that call.
  func detach() {
    for output in outputs { output.remove(self) }
    let (frontEnd, isToWait) = link.withLock { link in
      let frontEnd = link.frontEnd
      link.frontEnd = nil
      return (frontEnd, !link.callers.isEmpty && !link.isInsideCall)
    }
    if isToWait {
      callReturned.wait()
      callReturned.signal()  // for another thread that detaches at the same time
    }
    detached()
    extendLifetime(frontEnd)  // its last reference is not dropped under the lock
  }

  /// The handshake is over: what changed during it is told now.
  func open() {
    for output in outputs where output.open(self) { tell(output.index) }
  }

  /// Tells the front-end of a change; the caller holds no lock.
  func tell(_ index: Int) {
    let frontEnd = link.withLock { link -> (any DisplayFrontEnd)? in
      if link.frontEnd != nil { link.callers.append(pthread_self()) }
      return link.frontEnd
    }
    guard let frontEnd else { return }
    Callout.run { frontEnd.outputChanged(index) }
    let isAwaited = link.withLock { link in
      let caller = pthread_self()
      if let place = link.callers.firstIndex(where: { pthread_equal($0, caller) != 0 }) {
        link.callers.remove(at: place)
      }
      return link.frontEnd == nil && link.callers.isEmpty
    }
    if isAwaited { callReturned.signal() }
  }
}
