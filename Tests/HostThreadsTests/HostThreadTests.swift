import Glibc
import Synchronization
import Testing

@testable import HostThreads

@Suite struct HostThreadTests {
  private final class Shared: Sendable {
    let thread = Lock<HostThread?>(nil)
    let isKnown = Event()
    let hasJoinedItself = Event()
    let isAtItsEnd = Atomic(false)
  }

  @Test("a thread that joins itself goes on, and others still wait for its end")
  func joinsItself() throws {
    let shared = Shared()
    let thread = try HostThread(name: "self-joiner") {
      shared.isKnown.wait()
      shared.thread.withLock { $0 }?.join()
      shared.hasJoinedItself.signal()
      usleep(50_000)
      shared.isAtItsEnd.store(true, ordering: .releasing)
    }
    shared.thread.withLock { $0 = thread }
    shared.isKnown.signal()
    shared.hasJoinedItself.wait()
    thread.join()
    let isAtItsEnd = shared.isAtItsEnd.load(ordering: .acquiring)
    #expect(isAtItsEnd)
  }
}
