import FrontEndAPI
import Glibc
import HostThreads
import Testing

@testable import FrontEndVNC

/// When viewers are woken for what has changed: once for several changes, a moment after the first.
@Suite struct NewsRoundTests {
  /// A host whose timers run out when the test says so.
  final class Core: CoreServices {
    let interface = InterfaceVersion(type: "core", label: "test", major: 1, minor: 0)
    let timer = Timer()

    final class Timer: CoreTimer {
      let body = Lock<(@Sendable () -> Void)?>(nil)
      let starts = Lock<[UInt32]>([])
      func start(afterMilliseconds milliseconds: UInt32) { starts.withLock { $0.append(milliseconds) } }
      func cancel() {}
      func remove() { body.withLock { $0 = nil } }
      func runOut() { body.withLock { $0 }?() }
    }

    func addTimer(_ body: @escaping @Sendable () -> Void) -> any CoreTimer {
      timer.body.withLock { $0 = body }
      return timer
    }

    func addWatch(
      of descriptor: Int32, for events: WatchEvents, _ body: @escaping @Sendable (WatchEvents) -> Void
    ) -> any CoreWatch { preconditionFailure("not asked for here") }
  }

  let core = Core()
  let viewers: [WakeUp]

  init() throws { viewers = try (0..<3).map { _ in try #require(WakeUp()) } }

  /// Which viewers have been woken since the last look.
  func woken() -> [Bool] {
    viewers.map { viewer in
      var polled = pollfd(fd: viewer.descriptor, events: Int16(POLLIN), revents: 0)
      // One entry, a local variable.
      defer { viewer.clear() }
      return unsafe poll(&polled, 1, 0) == 1
    }
  }

  @Test func `a round starts with its first change, and wakes each viewer that has one`() {
    let round = NewsRound(on: core)
    #expect(core.timer.starts.withLock { $0 }.isEmpty)
    for _ in 0..<5 {
      round.add(viewers[0])
      round.add(viewers[2])
    }
    #expect(core.timer.starts.withLock { $0 } == [3])
    #expect(woken() == [false, false, false])
    core.timer.runOut()
    #expect(woken() == [true, false, true])
    core.timer.runOut()
    #expect(woken() == [false, false, false])
    round.add(viewers[1])
    #expect(core.timer.starts.withLock { $0 } == [3, 3])
    core.timer.runOut()
    #expect(woken() == [false, true, false])
  }

  @Test func `a viewer that has gone is woken no more, and its descriptors are let go`() {
    let round = NewsRound(on: core)
    round.add(viewers[0])
    round.add(viewers[1])
    round.remove(viewers[0])
    core.timer.runOut()
    #expect(woken() == [false, true, false])
    weak var gone: WakeUp?
    do {
      let viewer = WakeUp()
      gone = viewer
      if let viewer {
        round.add(viewer)
        round.remove(viewer)
      }
    }
    #expect(gone == nil)
  }

  @Test func `the timer ends with the round`() {
    do {
      let round = NewsRound(on: core)
      round.add(viewers[0])
    }
    #expect(core.timer.body.withLock { $0 } == nil)
    #expect(woken() == [false, false, false])
  }
}
