import CHost
import Glibc
import GuestRAM
import HostThreads
import Logging
import PCIBus
import Testing

@testable import VfioUser

/// All suites of this module: they count descriptors and wake-ups of one process, so they take turns.
@Suite(.serialized) struct VfioUserTests {}

/// A PCI function without a device behind it: registers that keep what is written, and a record of what happened.
final class FakeFunction: PCIFunction {
  struct Access: Equatable {
    let region: PCIRegion
    let offset: UInt64
    let bytes: [UInt8]
  }

  struct State {
    var configuration = [UInt8](repeating: 0, count: 256)
    var registers: [UInt64: [UInt8]] = [:]
    var writes: [Access] = []
    var reads = 0
    var resets = 0
    var memoryAtReset: [Int] = []
    var sink: (any InterruptSink)?
  }

  let state = Lock(State())
  let msixVectorCount = 4
  let hasINTx = true
  let configurationSpaceSize = 256
  let doorbells: [PCIDoorbell] = []
  let bars = [
    BAR(.memory32, size: 4096), BAR(.io, size: 64), .absent, .absent, BAR(.memory64, size: 1 << 20), .absent,
  ]

  init() { state.withLock { Self.powerOn(&$0) } }

  private static func powerOn(_ state: inout State) {
    state.configuration = [UInt8](repeating: 0, count: 256)
    // 1b36:0005 of class "other", with an INTx pin.
    let start: [UInt8] = [0x36, 0x1b, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0xff]
    state.configuration.replaceSubrange(0..<start.count, with: start)
    state.configuration[0x3d] = 1
  }

  func read(_ region: PCIRegion, at offset: UInt64, into bytes: inout MutableRawSpan) {
    state.withLock { state in
      state.reads += 1
      for index in 0..<bytes.byteCount {
        let byte =
          region == .configuration
          ? state.configuration[Int(offset) + index] : UInt8(truncatingIfNeeded: Int(offset) + index)
        bytes.storeBytes(of: byte, toByteOffset: index, as: UInt8.self)
      }
    }
  }

  func write(_ region: PCIRegion, at offset: UInt64, _ bytes: RawSpan) {
    var copy: [UInt8] = []
    for index in 0..<bytes.byteCount { copy.append(bytes.load8(at: index)) }
    state.withLock { state in
      if state.writes.count < 1000 {
        state.writes.append(Access(region: region, offset: offset, bytes: copy))
      }
      if region == .configuration {
        for (index, byte) in copy.enumerated() { state.configuration[Int(offset) + index] = byte }
      }
    }
  }

  func connect(_ interrupts: (any InterruptSink)?) { state.withLock { $0.sink = interrupts } }

  func ring(_ doorbell: PCIDoorbell) {}

  func reset() {
    let sink = state.withLock { state in
      state.resets += 1
      Self.powerOn(&state)
      return state.sink
    }
    sink?.setINTx(asserted: false)
  }

  var writes: [Access] { state.withLock { $0.writes } }
  var resets: Int { state.withLock { $0.resets } }
  var sink: (any InterruptSink)? { state.withLock { $0.sink } }
}

/// A server on a thread of its own, on a socket of its own.
final class Served {
  let function = FakeFunction()
  let memory = GuestMemory()
  let log = LineRecorder()
  let server: Server
  private let thread: HostThread
  private let finished: Lock<Bool>
  let threadName: String

  private final class Box: Sendable {
    let finished = Lock(false)
  }
  private let box: Box

  /// Longer than a loaded machine keeps a test's thread from its turn: a client is dropped where a test wants it alone.
  static let patience = Patience(negotiation: 120_000, reply: 120_000)

  init(once: Bool = false, patience: Patience = Served.patience) throws {
    let server = try Server(
      path: Self.freshPath(), function: function, memory: memory, logger: log.logger, patience: patience)
    let box = Box()
    let name = "vfu-\(UInt32.random(in: 0..<10_000_000))"
    thread = try HostThread(name: name) {
      do { try server.run(once: once) } catch { Issue.record("run: \(error)") }
      box.finished.withLock { $0 = true }
    }
    self.server = server
    self.box = box
    finished = Lock(false)
    threadName = name
  }

  deinit {
    server.stop()
    thread.join()
  }

  func join() { thread.join() }
  var isFinished: Bool { box.finished.withLock { $0 } }
  var path: String { server.path }

  static func freshPath() -> String {
    "/tmp/vfio-user-test-\(getpid())-\(UInt32.random(in: 0...UInt32.max)).sock"
  }
}

/// Collects what is logged.
final class LineRecorder: Sendable {
  private let collected = Lock<[String]>([])
  var lines: [String] { collected.withLock { $0 } }

  var logger: Logger {
    Logger(label: "test") { _ in Handler(recorder: self) }
  }

  private struct Handler: LogHandler {
    let recorder: LineRecorder
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .trace
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }
    func log(event: LogEvent) {
      recorder.collected.withLock { $0.append(event.message.description) }
    }
  }
}

/// Little-endian bytes.
func le<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
  (0..<Value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
}

func number(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } }

/// A whole message; its size can lie.
func message(
  _ command: UInt16, _ payload: [UInt8] = [], id: UInt16 = 7, flags: UInt32 = 0, size: UInt32? = nil
)
  -> [UInt8]
{
  le(id) + le(command) + le(size ?? UInt32(16 + payload.count)) + le(flags) + le(UInt32(0)) + payload
}

/// Waits for something that another thread does, and that has to come: a minute bounds a hang alone.
func eventually(_ what: () -> Bool) -> Bool {
  let deadline = ContinuousClock.now + .seconds(60)
  while ContinuousClock.now < deadline {
    if what() { return true }
    usleep(2000)
  }
  return what()
}

/// The open descriptors of this process that refer to what `number` refers to, itself included.
func copies(of number: CInt) -> Int {
  func identity(_ number: CInt) -> String? {
    var status = stat()
    guard unsafe fstat(number, &status) == 0 else { return nil }
    // All eventfds share one file; their own number stands in fdinfo.
    guard status.st_mode & S_IFMT == 0 else { return "\(status.st_dev) \(status.st_ino)" }
    let info = text("/proc/self/fdinfo/\(number)")
    // Of the others there is one file for each kind at most in this process.
    return info.split(separator: "\n").first { $0.hasPrefix("eventfd-id") }.map(String.init) ?? "no eventfd"
  }
  let wanted = identity(number)
  // Another test may close what was listed: that is nobody's copy.
  return openDescriptors().count { identity($0).map { $0 == wanted } ?? false }
}

/// Every open descriptor of this process.
func openDescriptors() -> [CInt] { names(in: "/proc/self/fd").compactMap { CInt($0) } }

func names(in path: String) -> [String] {
  guard let directory = unsafe opendir(path) else { return [] }
  defer { unsafe closedir(directory) }
  var result: [String] = []
  while let entry = unsafe readdir(directory) {
    let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
      unsafe String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
    }
    result.append(name)
  }
  return result
}

func text(_ path: String) -> String {
  let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
  guard file >= 0 else { return "" }
  defer { close(file) }
  var buffer = [UInt8](repeating: 0, count: 8192)
  let count = unsafe read(file, &buffer, buffer.count)
  return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
}

/// Something that runs on another thread meanwhile.
final class Pending {
  private var thread: HostThread?
  func start(_ body: @escaping () -> Void) {
    nonisolated(unsafe) let body = body
    thread = try? HostThread(name: "test") { unsafe body() }
  }
  func join() { thread?.join() }
}
