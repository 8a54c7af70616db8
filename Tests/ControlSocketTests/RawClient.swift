import Glibc

@testable import ControlSocket

/// A client that sends any bytes and waits as long as it likes.
final class RawClient {
  private let descriptor: Descriptor

  init(_ path: String) throws {
    descriptor = try UnixSocket.connect(to: path)
    _ = fcntl(descriptor.raw, F_SETFL, 0)  // blocking
  }

  /// Sends what the server takes; false when it has closed.
  @discardableResult
  func send(_ bytes: [UInt8]) -> Bool {
    let raw = descriptor.raw
    // The pointer covers the array.
    return unsafe bytes.withUnsafeBytes {
      unsafe Glibc.send(raw, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
    }
      == bytes.count
  }

  func send(_ text: String) { send(Array(text.utf8)) }

  /// At most `count` bytes, as soon as there are any; none at the end.
  func receive(_ count: Int) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: count)
    // The system writes at most `count` bytes, the array's size.
    let received = unsafe recv(descriptor.raw, &buffer, count, 0)
    return Array(buffer.prefix(max(0, received)))
  }

  /// Everything until the server closes.
  func receiveAll() -> [UInt8] {
    var all: [UInt8] = []
    while true {
      let some = receive(1 << 16)
      if some.isEmpty { return all }
      all += some
    }
  }

  /// Everything until the server closes, as text.
  func receiveText() -> String { String(decoding: receiveAll(), as: UTF8.self) }

  func shutdownSending() { _ = shutdown(descriptor.raw, CInt(SHUT_WR)) }
}

/// A directory of its own for each test, gone afterwards with what is in it.
struct Directory: ~Copyable {
  let path: String

  init() throws {
    var template = Array("/tmp/scanout-test-XXXXXX".utf8CString)
    // The template ends with a zero byte and is rewritten in place.
    guard unsafe mkdtemp(&template) != nil else { throw ControlSocketError.badPath("/tmp") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    for name in ["control", "file", "other"] { unsafe unlink(path + "/" + name) }
    unsafe rmdir(path)
  }

  var socket: String { path + "/control" }
}

/// How many sockets of this process are bound or connected to a path: the listening one and both ends of clients.
func openSockets(of path: String) -> Int {
  (0..<CInt(1024)).count { descriptor in
    // Both functions take the same arguments.
    unsafe [getsockname, getpeername].contains { name in
      var address = sockaddr_un()
      var count = socklen_t(MemoryLayout<sockaddr_un>.size)
      // The system writes at most `count` bytes, the size of the address.
      let result = unsafe withUnsafeMutablePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          unsafe name(descriptor, $0, &count)
        }
      }
      let bytes = unsafe withUnsafeBytes(of: address.sun_path) { unsafe Array($0.prefix { $0 != 0 }) }
      return result == 0 && address.sun_family == sa_family_t(AF_UNIX) && bytes == Array(path.utf8)
    }
  }
}
