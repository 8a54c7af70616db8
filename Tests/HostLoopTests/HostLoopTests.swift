import FrontEndAPI
import Glibc
import HostLoop
import HostThreads
import Testing

/// The loop that front-ends get their timers and watches from.
@Suite struct HostLoopTests {
  let loop: HostLoop

  init() throws { loop = try HostLoop() }

  /// What was called, in order, by several threads.
  final class Calls: Sendable {
    private let names = Lock<[String]>([])
    private let came = Event()
    func add(_ name: String) {
      names.withLock { $0.append(name) }
      came.signal()
    }
    var all: [String] { names.withLock { $0 } }
    /// Waits until there are as many; never ends if they do not come.
    func wait(for count: Int) {
      while all.count < count { came.wait() }
    }
  }

  /// Two ends of a pipe, which here is a pair of sockets: no program that another test starts keeps an end.
  struct Pipe: ~Copyable {
    static let kind = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    let readEnd: CInt
    let writeEnd: CInt
    init() throws {
      var ends: [CInt] = [-1, -1]
      try #require(unsafe socketpair(AF_UNIX, Self.kind, 0, &ends) == 0)
      (readEnd, writeEnd) = (ends[0], ends[1])
    }
    func put() { _ = unsafe write(writeEnd, [1 as UInt8], 1) }
    func take() {
      var byte: UInt8 = 0
      _ = unsafe read(readEnd, &byte, 1)
    }
    deinit {
      close(readEnd)
      close(writeEnd)
    }
  }

  /// Lets everything that is due be called.
  func settle() {
    let calls = Calls()
    let timer = loop.addTimer { calls.add("settled") }
    timer.start(afterMilliseconds: 0)
    calls.wait(for: 1)
    timer.remove()
  }

  /// Lets the loop stand still while timers are started, so that none has run out before the last is.
  func whileItStandsStill(_ body: () -> Void) {
    let began = Event(), mayGoOn = Event()
    let timer = loop.addTimer {
      began.signal()
      mayGoOn.wait()
    }
    timer.start(afterMilliseconds: 0)
    began.wait()
    body()
    mayGoOn.signal()
    timer.remove()
  }

  @Test func `it offers the core interface of this package`() throws {
    let own = InterfaceVersion(type: "core", label: "test", major: 1, minor: 0)
    #expect(try loop.interface.agreed(with: own).minor == 0)
    let newer = InterfaceVersion(type: "core", label: "test", major: 2, minor: 0)
    #expect(throws: InterfaceMismatch.self) { try loop.interface.agreed(with: newer) }
  }

  @Test func `timers run out in their order, once each`() {
    let calls = Calls()
    let late = loop.addTimer { calls.add("late") }
    let early = loop.addTimer { calls.add("early") }
    whileItStandsStill {
      var start: ContinuousClock.Instant
      // The one that is started last is to run out first: not if this thread rests in between for so long.
      repeat {
        start = .now
        late.start(afterMilliseconds: 60)
        early.start(afterMilliseconds: 10)
      } while ContinuousClock.now - start > .milliseconds(40)
    }
    calls.wait(for: 2)
    settle()
    #expect(calls.all == ["early", "late"])
    early.start(afterMilliseconds: 0)
    calls.wait(for: 3)
    late.remove()
    early.remove()
  }

  @Test func `starting and stopping a timer wakes nobody before it runs out`() {
    let turns = Calls()
    // How often the loop's thread has gone to sleep so far.
    let look = loop.addTimer {
      var usage = rusage()
      // A local variable.
      unsafe getrusage(1, &usage)  // RUSAGE_THREAD, which Swift does not see
      turns.add("\(usage.ru_nvcsw)")
    }
    let timer = loop.addTimer {}
    look.start(afterMilliseconds: 0)
    turns.wait(for: 1)
    for _ in 0..<1000 {
      timer.start(afterMilliseconds: 3_600_000)
      timer.cancel()
    }
    look.start(afterMilliseconds: 0)
    turns.wait(for: 2)
    let counts = turns.all.compactMap { Int($0) }
    #expect(counts[1] - counts[0] < 100)
    for timer in [look, timer] { timer.remove() }
  }

  @Test func `a timer that is cancelled, removed or started anew does not run out`() {
    let calls = Calls()
    let timers = ["cancelled", "removed", "anew"].map { name in loop.addTimer { calls.add(name) } }
    let end = loop.addTimer { calls.add("end") }
    whileItStandsStill {
      for timer in timers { timer.start(afterMilliseconds: 20) }
      timers[0].cancel()
      timers[1].remove()
      timers[1].start(afterMilliseconds: 0)  // removed for good
      timers[2].start(afterMilliseconds: 3_600_000)
      end.start(afterMilliseconds: 60)  // behind the others, had they gone on
    }
    calls.wait(for: 1)
    #expect(calls.all == ["end"])
    for timer in timers + [end] { timer.remove() }
  }

  @Test func `a timer may start itself again`() {
    let calls = Calls()
    let box = Lock<(any CoreTimer)?>(nil)
    let timer = loop.addTimer {
      calls.add("turn")
      if calls.all.count < 5 { box.withLock { $0 }?.start(afterMilliseconds: 1) }
    }
    box.withLock { $0 = timer }
    timer.start(afterMilliseconds: 0)
    calls.wait(for: 5)
    settle()
    #expect(calls.all.count == 5)
    timer.remove()
    box.withLock { $0 = nil }
  }

  @Test func `a watch calls while its descriptor is ready, and tells for what`() throws {
    let pipe = try Pipe()
    let calls = Calls()
    let readEnd = pipe.readEnd
    let watch = loop.addWatch(of: readEnd, for: .readable) { events in
      var byte: UInt8 = 0
      _ = unsafe read(readEnd, &byte, 1)
      calls.add("\(events == .readable)")
    }
    settle()
    #expect(calls.all.isEmpty)
    pipe.put()
    pipe.put()
    calls.wait(for: 2)
    #expect(calls.all == ["true", "true"])
    watch.remove()
    pipe.put()
    settle()
    #expect(calls.all.count == 2)
  }

  @Test func `a watch for writing calls at once, and for nothing not at all`() throws {
    let pipe = try Pipe()
    let calls = Calls()
    let box = Lock<(any CoreWatch)?>(nil)
    let watch = loop.addWatch(of: pipe.writeEnd, for: []) { events in
      calls.add("\(events.rawValue)")
      box.withLock { $0 }?.update([])
    }
    box.withLock { $0 = watch }
    settle()
    #expect(calls.all.isEmpty)
    watch.update(.writable)
    calls.wait(for: 1)
    settle()
    #expect(calls.all == ["2"])
    watch.remove()
    watch.update(.writable)  // removed for good
    settle()
    #expect(calls.all.count == 1)
    box.withLock { $0 = nil }
  }

  @Test func `the end of the other side is told as readable`() throws {
    var ends: [CInt] = [-1, -1]
    try #require(unsafe socketpair(AF_UNIX, Pipe.kind, 0, &ends) == 0)
    close(ends[1])
    let calls = Calls()
    let box = Lock<(any CoreWatch)?>(nil)
    let watch = loop.addWatch(of: ends[0], for: []) { _ in
      calls.add("end")
      box.withLock { $0 }?.remove()  // from inside its own call
    }
    box.withLock { $0 = watch }
    watch.update(.readable)
    calls.wait(for: 1)
    settle()
    #expect(calls.all == ["end"])
    box.withLock { $0 = nil }
    close(ends[0])
  }

  @Test func `a removal waits for the call that is under way`() {
    let calls = Calls()
    let began = Event(), mayEnd = Event()
    let timer = loop.addTimer {
      began.signal()
      mayEnd.wait()
      calls.add("call")
    }
    timer.start(afterMilliseconds: 0)
    began.wait()
    let threads = (0..<3).map { _ in
      try! HostThread(name: "remover") {
        timer.remove()
        calls.add("removed")
      }
    }
    #expect(calls.all.isEmpty)
    mayEnd.signal()
    for thread in threads { thread.join() }
    #expect(calls.all == ["call", "removed", "removed", "removed"])
  }

  @Test func `a loop that ends calls nothing more and lets go of what it was given`() throws {
    final class Kept: Sendable {}
    weak var kept: Kept?
    let other = try HostLoop()
    let calls = Calls()
    do {
      let object = Kept()
      kept = object
      let timer = other.addTimer {
        calls.add("\(object)")
      }
      timer.start(afterMilliseconds: 3_600_000)
    }
    #expect(kept != nil)
    other.stop()
    #expect(kept == nil)
    #expect(calls.all.isEmpty)
    other.addTimer { calls.add("late") }.start(afterMilliseconds: 0)
    other.stop()
    #expect(calls.all.isEmpty)
  }

  @Test func `an idle loop does not wake up`() throws {
    settle()
    // Its thread by name: this loop has one of its own.
    let quiet = try HostLoop(name: "quiet loop")
    let timer = quiet.addTimer {}
    timer.start(afterMilliseconds: 0)
    let before = try Self.switches(ofThread: "quiet loop")
    timer.remove()
    let settled = try Self.switches(ofThread: "quiet loop")
    usleep(300_000)
    // What was rung before it may still be on its way, and a lock may be wanted by both sides.
    #expect(try Self.switches(ofThread: "quiet loop") - settled <= 2, "\(before)")
    quiet.stop()
  }

  /// How often a thread of this process has gone to sleep.
  static func switches(ofThread name: String) throws -> Int {
    for _ in 0..<60_000 {
      guard let directory = unsafe opendir("/proc/self/task") else { break }
      defer { unsafe closedir(directory) }
      while let entry = unsafe readdir(directory) {
        let id = unsafe withUnsafeBytes(of: entry.pointee.d_name) {
          unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
        let status = text("/proc/self/task/\(id)/status")
        guard status.hasPrefix("Name:\t\(name)\n"),
          let line = status.split(separator: "\n").first(where: { $0.hasPrefix("voluntary_ctxt_switches") }),
          let count = Int(line.split(separator: "\t")[1])
        else { continue }
        return count
      }
      usleep(1000)  // the thread has not got its name yet
    }
    throw NoSuchThread()
  }

  struct NoSuchThread: Error {}

  private static func text(_ path: String) -> String {
    let descriptor = unsafe open(path, O_RDONLY)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 8192)
    let count = unsafe read(descriptor, &bytes, bytes.count)
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
  }
}
