import CHost
import Glibc

/// The reply in hand, built in place and sent at once.
struct Outbox: ~Copyable {
  /// How sending ended.
  enum Outcome: Equatable {
    case sent
    /// The client did not read in time.
    case stalled
    case stopped
    case failure(errno: CInt)
  }

  private let socket: CInt
  private let stop: CInt
  private var storage: [UInt8]

  /// - Parameters:
  ///   - socket: the client's, non-blocking; stays the caller's.
  ///   - stop: an eventfd that ends the wait for a client that does not read.
  init(socket: CInt, stop: CInt, largestMessage: Int) {
    self.socket = socket
    self.stop = stop
    storage = [UInt8](repeating: 0, count: largestMessage)
  }

  /// Lends the payload of the next reply to `body`: `count` bytes, in which old ones stand until they are written.
  mutating func withPayload(_ count: Int, _ body: (inout MutableRawSpan) -> Void) {
    var all = storage.mutableSpan
    // Any bytes are bytes.
    var bytes = unsafe all.mutableBytes
    var payload = bytes._mutatingExtracting(Header.size..<Header.size + count)
    body(&payload)
  }

  /// Sends a reply: a header for `command`, then `payloadCount` bytes that are in place, or an error's number.
  ///
  /// - Parameter milliseconds: how long the client may take to read it all.
  mutating func send(
    replyTo command: Header, payloadCount: Int, error: CInt, within milliseconds: Int
  ) -> Outcome {
    let count = Header.size + payloadCount
    var flags = Header.reply
    if error != 0 { flags |= Header.failed }
    let header = Header(
      id: command.id, command: command.command, messageSize: UInt32(count), flags: flags,
      error: UInt32(error))
    var span = storage.mutableSpan
    // Any bytes are bytes.
    var bytes = unsafe span.mutableBytes
    header.encode(into: &bytes)
    return write(count, within: milliseconds)
  }

  private func write(_ count: Int, within milliseconds: Int) -> Outcome {
    var sent = 0
    var deadline: Deadline?
    while true {
      let (from, socket) = (sent, socket)
      let result = unsafe storage.withUnsafeBytes { all in
        // from < count <= all.count.
        unsafe chost_send(socket, all.baseAddress! + from, count - from, nil, 0)
      }
      if result >= 0 {
        sent += result
        if sent == count { return .sent }
        continue
      }
      guard result == -Int(EAGAIN) else { return .failure(errno: CInt(truncatingIfNeeded: -result)) }
      // Only a client that does not read brings us here; the clock runs for the whole reply.
      let limit = deadline ?? Deadline(milliseconds: milliseconds)
      deadline = limit
      let ready = chost_wait_writable(socket, stop, limit.remainingMilliseconds)
      if ready == 0 { return .stalled }
      if ready > 0, ready & 2 != 0 { return .stopped }
      if ready < 0, ready != -EINTR { return .failure(errno: -ready) }
    }
  }
}

/// A point in time on the clock that nobody sets.
struct Deadline {
  private let end: Int64

  /// A time from now.
  init(milliseconds: Int) { end = Self.now() + Int64(milliseconds) }

  /// For `poll`: 0 when it has passed.
  var remainingMilliseconds: CInt { CInt(clamping: max(0, end - Self.now())) }

  private static func now() -> Int64 {
    var time = timespec()
    // The structure outlives the call.
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }
}
