import Glibc

/// The connection of one viewer, as long as we speak on it ourselves.
///
/// Used by the viewer's thread alone, except `disconnect`.
final class ViewerSocket: Sendable {
  let descriptor: Descriptor

  /// Takes over a connected socket.
  init(owning raw: CInt) {
    descriptor = Descriptor(owning: raw)
    descriptor.prepare()
    var yes: CInt = 1
    // A local variable of the size that is given; a Unix socket refuses, and needs it not.
    unsafe setsockopt(raw, CInt(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<CInt>.size))
  }

  /// Ends the connection, whoever waits for it on another thread goes on; any thread may call.
  func disconnect() { _ = shutdown(descriptor.raw, CInt(SHUT_RDWR)) }

  /// Reads exactly `count` bytes; nil when the viewer has gone, or the moment `deadline` comes first.
  func read(_ count: Int, by deadline: Int64) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    var filled = 0
    while filled < count {
      // The pointer covers what is left of the array.
      let result = unsafe bytes.withUnsafeMutableBytes { bytes in
        unsafe Glibc.read(descriptor.raw, bytes.baseAddress! + filled, count - filled)
      }
      if result > 0 {
        filled += result
      } else if result == 0 || !waits(for: POLLIN, by: deadline) {
        return nil
      }
    }
    return bytes
  }

  /// Reads `count` bytes and forgets them; false as `read`.
  func skip(_ count: Int, by deadline: Int64) -> Bool {
    var left = count
    while left > 0 {
      let piece = min(left, 4096)
      guard read(piece, by: deadline) != nil else { return false }
      left -= piece
    }
    return true
  }

  /// Writes all bytes; false when the viewer has gone or does not take them by the deadline.
  func write(_ bytes: [UInt8], by deadline: Int64) -> Bool {
    var sent = 0
    while sent < bytes.count {
      // The pointer covers what is left of the array.
      let result = unsafe bytes.withUnsafeBytes { bytes in
        unsafe Glibc.send(
          descriptor.raw, bytes.baseAddress! + sent, bytes.count - sent, CInt(MSG_NOSIGNAL))
      }
      if result >= 0 {
        sent += result
      } else if !waits(for: POLLOUT, by: deadline) {
        return false
      }
    }
    return true
  }

  /// The first byte that waits to be read, which stays there; nil when there is none.
  func peek() -> UInt8? {
    var byte: UInt8 = 0
    // One byte of a local variable.
    return unsafe recv(descriptor.raw, &byte, 1, CInt(MSG_PEEK)) == 1 ? byte : nil
  }

  /// What a call that does not wait came to.
  enum Progress: Equatable {
    case bytes(Int)
    /// It would have had to wait.
    case nothing
    case gone
  }

  /// Reads what is there, at most what fits.
  func receive(_ bytes: inout [UInt8]) -> Progress {
    // At most the array's size.
    let count = unsafe recv(descriptor.raw, &bytes, bytes.count, CInt(MSG_DONTWAIT))
    return count == 0 ? .gone : Self.progress(count)
  }

  /// Writes what finds room.
  func send(_ bytes: ArraySlice<UInt8>) -> Progress {
    let count = unsafe bytes.withUnsafeBytes { bytes in
      // The pointer covers the slice.
      unsafe Glibc.send(
        descriptor.raw, bytes.baseAddress, bytes.count, CInt(MSG_NOSIGNAL) | CInt(MSG_DONTWAIT))
    }
    return Self.progress(count)
  }

  private static func progress(_ count: Int) -> Progress {
    count >= 0 ? .bytes(count) : errno == EAGAIN || errno == EINTR ? .nothing : .gone
  }

  /// Sleeps after a call that would have blocked, until another makes sense; false on errors and when it is too late.
  func waits(for event: CInt, by deadline: Int64) -> Bool {
    guard errno == EAGAIN || errno == EINTR else { return false }
    let left = deadline - Clock.now()
    guard left > 0 else { return false }
    var polled = pollfd(fd: descriptor.raw, events: Int16(event), revents: 0)
    // One entry, a local variable.
    _ = unsafe poll(&polled, 1, CInt(clamping: left))
    return true
  }
}
