import CGuestDriver

/// A stream socket that carries lines of text.
struct LineSocket: ~Copyable {
  private let socket: StreamSocket
  private var received: [UInt8] = []
  /// Longer than any line of QEMU's that is of use here.
  private static let longestLine = 1 << 20

  /// Takes a connected socket over.
  init(owning descriptor: Int32) { socket = StreamSocket(owning: descriptor) }

  func send(_ line: String) throws { try socket.send(Array(line.utf8) + [0x0a]) }

  /// The next line without its end.
  mutating func next(before deadline: ContinuousClock.Instant, for purpose: String) throws -> String {
    var searched = 0
    while true {
      if let end = received[searched...].firstIndex(of: 0x0a) {
        let line = String(decoding: received[..<end], as: UTF8.self)
        received.removeFirst(end + 1)
        return line.last == "\r" ? String(line.dropLast()) : line
      }
      searched = received.count
      guard searched < Self.longestLine else { throw DriverError.deviceFault("a line without an end") }
      let left = ContinuousClock.now.duration(to: deadline)
      guard left > .zero else { throw DriverError.timedOut(waitingFor: purpose) }
      // Never 0: the last part of a millisecond is waited for too.
      let milliseconds = Int(left / .milliseconds(1)) + 1
      do {
        let more = try socket.receiveSome(upTo: 65536, timeoutInMilliseconds: milliseconds).bytes
        guard !more.isEmpty else { throw DriverError.disconnected }
        received += more
      } catch DriverError.timedOut {
        throw DriverError.timedOut(waitingFor: purpose)
      }
    }
  }

  /// The next line if it is here, complete, already.
  mutating func nextIfHere() throws -> String? {
    while received.firstIndex(of: 0x0a) == nil, guest_driver_wait_readable(socket.descriptor, 0) > 0 {
      let more = try socket.receiveSome(upTo: 65536, timeoutInMilliseconds: 0).bytes
      guard !more.isEmpty else { throw DriverError.disconnected }
      received += more
    }
    guard received.contains(0x0a) else { return nil }
    return try next(before: .now, for: "a line")
  }
}
