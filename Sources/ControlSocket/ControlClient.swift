import Glibc

/// The asking side of the control socket.
package enum ControlClient {
  /// Sends a request to the server on `path` and waits for the whole answer.
  ///
  /// - Parameter milliseconds: how long all of it may take.
  package static func ask(
    _ request: ControlRequest, at path: String, within milliseconds: Int64 = 60_000
  ) throws(ControlSocketError) -> [UInt8] {
    let descriptor = try UnixSocket.connect(to: path)
    let deadline = now() + milliseconds
    try send(request.bytes, over: descriptor, path, deadline)

    var received: [UInt8] = []
    var lineEnd: Int?
    while lineEnd == nil {
      guard try receive(into: &received, from: descriptor, path, deadline) else {
        throw .cutShort(received: received.count, expected: nil)
      }
      lineEnd = received.prefix(ControlReply.maximumLineBytes).firstIndex(of: UInt8(ascii: "\n"))
      guard lineEnd != nil || received.count < ControlReply.maximumLineBytes else {
        throw .refused(ControlFailure(.badRequest, "whoever answers on \(path) is no scanout server"))
      }
    }
    guard let lineEnd else { preconditionFailure("the loop ends with a line") }
    let expected: Int
    do { expected = try ControlReply.contentCount(line: received[..<lineEnd]) } catch {
      throw .refused(error)
    }
    received.removeFirst(lineEnd + 1)
    while received.count < expected {
      guard try receive(into: &received, from: descriptor, path, deadline) else {
        throw .cutShort(received: received.count, expected: expected)
      }
    }
    guard received.count == expected else {
      throw .refused(ControlFailure(.badRequest, "the server on \(path) sent more than it announced"))
    }
    return received
  }

  private static func send(
    _ bytes: [UInt8], over descriptor: borrowing Descriptor, _ path: String, _ deadline: Int64
  ) throws(ControlSocketError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let raw = descriptor.raw
      // The pointer covers exactly the bytes that are left.
      let count = unsafe rest.withUnsafeBytes {
        unsafe Glibc.send(raw, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
      }
      if count > 0 {
        rest = rest.dropFirst(count)
        continue
      }
      switch errno {
      case EAGAIN: try wait(for: POLLOUT, on: descriptor, path, deadline)
      case EINTR: continue
      // The server may have answered, that it is busy, before it closed.
      case EPIPE, ECONNRESET: return
      case let code: throw .system(call: "send", path: path, errno: code)
      }
    }
  }

  /// Appends what has come, waiting for it if need be; false at the end of the connection.
  private static func receive(
    into bytes: inout [UInt8], from descriptor: borrowing Descriptor, _ path: String, _ deadline: Int64
  ) throws(ControlSocketError) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 256 << 10)
    while true {
      let room = buffer.count
      // The system writes at most `room` bytes, the array's size.
      let count = unsafe recv(descriptor.raw, &buffer, room, 0)
      if count > 0 {
        bytes += buffer.prefix(count)
        return true
      }
      if count == 0 || errno == ECONNRESET { return false }
      switch errno {
      case EAGAIN: try wait(for: POLLIN, on: descriptor, path, deadline)
      case EINTR: continue
      case let code: throw .system(call: "recv", path: path, errno: code)
      }
    }
  }

  private static func wait(
    for event: CInt, on descriptor: borrowing Descriptor, _ path: String, _ deadline: Int64
  ) throws(ControlSocketError) {
    var polled = pollfd(fd: descriptor.raw, events: Int16(event), revents: 0)
    let left = deadline - now()
    guard left > 0 else { throw .timeout(path) }
    // One entry. Failure, a time limit or an event: the caller tries again and the clock decides.
    _ = unsafe poll(&polled, 1, CInt(clamping: left))
  }

  private static func now() -> Int64 {
    var time = timespec()
    // The pointer is to a local variable.
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }
}
