import CGuestDriver
import Glibc

/// One end of a Unix stream socket that can pass descriptors.
///
/// The simulator's calls to the host are here; each hands the kernel an array with its own length.
package final class StreamSocket {
  /// -1 once closed.
  package private(set) var descriptor: Int32

  /// Takes a connected socket over.
  package init(owning descriptor: Int32) { self.descriptor = descriptor }

  /// Connects to a listening socket.
  package convenience init(path: String) throws {
    // A Swift string passed as a C string lives for the call.
    let descriptor = unsafe guest_driver_connect(path)
    guard descriptor >= 0 else { throw DriverError.host(call: "connect", errno: -descriptor) }
    self.init(owning: descriptor)
  }

  /// Two ends of one connection.
  package static func pair() throws -> (StreamSocket, StreamSocket) {
    var ends: [Int32] = [-1, -1]
    // Two elements, as the call wants.
    let result = unsafe guest_driver_socketpair(&ends)
    guard result == 0 else { throw DriverError.host(call: "socketpair", errno: -result) }
    return (StreamSocket(owning: ends[0]), StreamSocket(owning: ends[1]))
  }

  deinit { closeNow() }

  /// Closes the socket; what is on its way may be lost.
  package func closeNow() {
    guard descriptor >= 0 else { return }
    close(descriptor)
    descriptor = -1
  }

  /// Gives the descriptor away; the socket is as if closed.
  package func release() -> Int32 {
    defer { descriptor = -1 }
    return descriptor
  }

  /// Ends sending; the other side reads the end of the stream.
  package func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// Sends all bytes, the descriptors beside the first of them.
  package func send(_ bytes: [UInt8], descriptors: [Int32] = []) throws {
    var done = 0, passed = descriptors
    while done < bytes.count {
      // `done` is less than the count; the C side reads just what is left, and the passed descriptors.
      let sent = unsafe bytes.withUnsafeBytes { all in
        unsafe guest_driver_send(
          descriptor, all.baseAddress.map { unsafe $0 + done }, all.count - done, passed, Int32(passed.count))
      }
      guard sent > 0 else { throw Self.error("sendmsg", sent) }
      done += sent
      passed = []
    }
  }

  /// Receives what is there, up to `count` bytes; an empty array is the end of the stream.
  package func receiveSome(
    upTo count: Int, timeoutInMilliseconds: Int
  ) throws -> (bytes: [UInt8], descriptors: [Int32]) {
    var descriptors = [Int32](repeating: -1, count: 64), passed: Int32 = 0, received = 0
    // Both arrays are as long as the C side is told.
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      unsafe received = guest_driver_receive(
        descriptor, buffer.baseAddress, count, &descriptors, 64, &passed, Int32(timeoutInMilliseconds))
      filled = max(0, received)
    }
    guard received >= 0 else { throw Self.error("recvmsg", received) }
    return (bytes, Array(descriptors.prefix(Int(passed))))
  }

  /// Receives exactly `count` bytes.
  package func receive(
    _ count: Int, timeoutInMilliseconds: Int
  ) throws -> (bytes: [UInt8], descriptors: [Int32]) {
    var bytes: [UInt8] = [], descriptors: [Int32] = []
    while bytes.count < count {
      let more = try receiveSome(
        upTo: count - bytes.count, timeoutInMilliseconds: timeoutInMilliseconds)
      guard !more.bytes.isEmpty else { throw DriverError.disconnected }
      bytes += more.bytes
      descriptors += more.descriptors
    }
    return (bytes, descriptors)
  }

  private static func error(_ call: String, _ result: Int) -> DriverError {
    switch Int32(truncatingIfNeeded: -result) {
    case EPIPE, ECONNRESET, 0: .disconnected
    case ETIMEDOUT: .timedOut(waitingFor: "the other side of the socket")
    case let errno: .host(call: call, errno: errno)
    }
  }
}

/// A counter that another process can raise and that this one waits on.
package final class EventCounter: Sendable {
  package let descriptor: Int32

  package init() throws {
    descriptor = guest_driver_eventfd()
    guard descriptor >= 0 else { throw DriverError.host(call: "eventfd", errno: -descriptor) }
  }

  deinit { close(descriptor) }

  /// Waits until it was raised and sets it back; how often it was raised, 0 after the time has passed.
  package func wait(timeoutInMilliseconds: Int) throws -> UInt64 {
    let ready = guest_driver_wait_readable(descriptor, Int32(timeoutInMilliseconds))
    guard ready >= 0 else { throw DriverError.host(call: "poll", errno: -ready) }
    guard ready > 0 else { return 0 }
    var count: UInt64 = 0
    // Eight bytes, the size of the counter.
    guard unsafe Glibc.read(descriptor, &count, 8) == 8 else { return 0 }
    return count
  }

  /// Sets it back without waiting.
  package func clear() { _ = try? wait(timeoutInMilliseconds: 0) }  // nothing there to clear is as good

  /// Whether it was raised, without setting it back.
  package var isRaised: Bool { guest_driver_wait_readable(descriptor, 0) > 0 }

  /// Raises it.
  package func raise(by amount: UInt64 = 1) {
    var amount = amount
    // Eight bytes, the size of the counter. A full counter stays full.
    unsafe _ = Glibc.write(descriptor, &amount, 8)
  }
}
