import Synchronization
import Testing

@testable import HostThreads

@Suite struct GateTests {
  /// A value of two halves that only agree while nobody writes.
  private struct Pair {
    var left = 0
    var right = 0
  }

  @Test("readers never see a value that is being changed")
  func standsStill() throws {
    final class Shared: Sendable {
      let gate = Gate(Pair())
      let torn = Atomic(0)
      let reads = Atomic(0)
      let done = Atomic(false)
    }
    let shared = Shared()
    let readers = try (0..<3).map { _ in
      try HostThread(name: "reader") {
        while !shared.done.load(ordering: .acquiring) {
          shared.gate.withReading { pair in
            if pair.left != pair.right { shared.torn.add(1, ordering: .relaxed) }
          }
          shared.reads.add(1, ordering: .relaxed)
        }
      }
    }
    for round in 1...2000 {
      shared.gate.withWriting { pair in
        pair.left = round
        pair.right = round
      }
    }
    while shared.reads.load(ordering: .relaxed) < 1000 {}
    shared.done.store(true, ordering: .releasing)
    for reader in readers { reader.join() }
    #expect(shared.torn.load(ordering: .relaxed) == 0)
    #expect(shared.gate.withReading { $0.left } == 2000)
  }

  @Test("a writer waits for the reader inside, and a reader behind it for the writer")
  func waits() throws {
    final class Shared: Sendable {
      let gate = Gate(0)
      let isInside = Event()
      let mayLeave = Event()
      let order = Lock<[String]>([])
      let wrote = Event()
    }
    let shared = Shared()
    let reader = try HostThread(name: "reader") {
      shared.gate.withReading { _ in
        shared.isInside.signal()
        shared.mayLeave.wait()
        shared.order.withLock { $0.append("read") }
      }
    }
    shared.isInside.wait()
    let writer = try HostThread(name: "writer") {
      shared.gate.withWriting { value in
        value = 1
        shared.order.withLock { $0.append("write") }
      }
    }
    shared.mayLeave.signal()
    reader.join()
    writer.join()
    #expect(shared.order.withLock { $0 } == ["read", "write"])
    #expect(shared.gate.withReading { $0 } == 1)
  }

  @Test("an event keeps one signal for whoever waits later")
  func event() {
    let event = Event()
    event.signal()
    event.signal()
    event.wait()
    event.signal()
    event.wait()
  }

  @Test("a lock that another thread holds is not available")
  func available() throws {
    final class Shared: Sendable {
      let lock = Lock(1)
      let held = Event()
      let mayLeave = Event()
    }
    let shared = Shared()
    let holder = try HostThread(name: "holder") {
      shared.lock.withLock { _ in
        shared.held.signal()
        shared.mayLeave.wait()
      }
    }
    shared.held.wait()
    #expect(shared.lock.withLockIfAvailable { $0 } == nil)
    shared.mayLeave.signal()
    holder.join()
    #expect(shared.lock.withLockIfAvailable { $0 } == 1)
  }
}
