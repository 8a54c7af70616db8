import Glibc

/// One client of the control socket, from its first byte to the last byte of its answer.
///
/// Owned by the control thread. Every call returns at once.
final class ControlConnection {
  /// What the client waits for.
  enum Phase {
    /// Its line is not complete.
    case reading
    /// Its request waits until other answers have left.
    case waiting(ControlRequest)
    /// Its answer is under way.
    case answering
    /// Nothing more will happen; to be dropped.
    case over
  }

  let descriptor: Descriptor
  private(set) var phase = Phase.reading
  /// When the client loses its turn, in milliseconds of the monotonic clock. A waiting client has no limit of its
  /// own: those before it have.
  private(set) var deadline: Int64?

  private var line: [UInt8] = []
  private var head: [UInt8] = []
  private var content: [UInt8] = []
  private var sent = 0

  init(_ descriptor: consuming Descriptor, deadline: Int64) {
    self.descriptor = descriptor
    self.deadline = deadline
  }

  /// What to wait for.
  var events: Int16 {
    switch phase {
    case .reading: Int16(POLLIN)
    case .answering: Int16(POLLOUT)
    case .waiting, .over: 0  // a lost connection is reported in any case
    }
  }

  /// Bytes of content that this client holds in memory.
  var heldBytes: Int { content.count }

  var isOver: Bool {
    if case .over = phase { true } else { false }
  }

  /// Acts on what `poll` reported.
  func act(on events: Int16) {
    switch phase {
    case .reading: receive()
    case .answering: send()
    case .waiting: if events & Int16(POLLHUP | POLLERR | POLLNVAL) != 0 { end() }
    case .over: break
    }
  }

  /// Gives the client its answer, which must leave before the deadline.
  func answer(_ reply: ControlReply, deadline: Int64) {
    head = reply.head
    content = reply.content
    sent = 0
    self.deadline = deadline
    phase = .answering
    send()
  }

  /// Drops the client.
  func end() {
    phase = .over
    deadline = nil
    content = []
  }

  private func receive() {
    // One byte more than a line may have tells a line that is too long.
    var buffer = [UInt8](repeating: 0, count: ControlRequest.maximumLineBytes + 1 - line.count)
    let room = buffer.count
    // The system writes at most `room` bytes, the array's size.
    let count = unsafe recv(descriptor.raw, &buffer, room, 0)
    guard count > 0 else {
      if count == 0 || (errno != EAGAIN && errno != EINTR) { end() }
      return
    }
    line += buffer.prefix(count)
    do throws(ControlFailure) {
      guard let end = line.firstIndex(of: UInt8(ascii: "\n")) else {
        guard line.count < ControlRequest.maximumLineBytes else {
          throw ControlFailure(
            .badRequest, "a request is one line of at most \(ControlRequest.maximumLineBytes) bytes")
        }
        return
      }
      guard end == line.count - 1 else {
        throw ControlFailure(.badRequest, "a connection takes one request, then waits for its answer")
      }
      phase = .waiting(try ControlRequest(line: line[..<end]))
      deadline = nil
    } catch {
      // The time that was left for the request is enough for a line.
      answer(.failure(error), deadline: deadline ?? 0)
    }
  }

  private func send() {
    while sent < head.count + content.count {
      let inHead = sent < head.count
      let part = inHead ? head : content
      let offset = inHead ? sent : sent - head.count
      // The pointer stays inside the array: `offset` is below its count.
      let count = unsafe part.withUnsafeBytes { bytes in
        unsafe Glibc.send(
          descriptor.raw, bytes.baseAddress! + offset, bytes.count - offset, CInt(MSG_NOSIGNAL))
      }
      guard count >= 0 else {
        if errno == EINTR { continue }
        if errno != EAGAIN { end() }
        return
      }
      sent += count
    }
    end()
  }
}
