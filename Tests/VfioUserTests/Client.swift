import CHost
import Glibc
import Testing

/// A vfio-user client made of bytes; every offset in these tests is written out by hand.
final class Client {
  struct Reply: Equatable {
    var id: UInt16
    var command: UInt16
    var flags: UInt32
    var error: UInt32
    var payload: [UInt8]
    /// Header and payload.
    var size: Int { 16 + payload.count }
  }

  let socket: CInt
  private var nextID: UInt16 = 1
  /// Milliseconds that it waits for what has to come: a bound for hangs alone.
  private static let patience: CInt = 60_000

  static let qemuJSON = """
    {"capabilities":{"migration":{"pgsize":4096,"max_bitmap_size":268435456},"max_msg_fds":16,\
    "max_data_xfer_size":1048576,"pgsizes":4096,"max_dma_maps":65535,"write_multiple":true}}
    """

  init(_ path: String) throws {
    socket = chost_unix_socket()
    let result = unsafe path.withCString { unsafe chost_unix_connect(socket, $0) }
    try #require(result == 0)
    _ = chost_set_nonblocking(socket)
  }

  deinit { close(socket) }

  /// Sends bytes, descriptors with the first; false if the server is gone.
  @discardableResult
  func send(_ bytes: [UInt8], _ descriptors: [CInt] = []) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let result = unsafe bytes.withUnsafeBytes { all in
        unsafe descriptors.withUnsafeBufferPointer { numbers in
          unsafe chost_send(
            socket, all.baseAddress! + sent, bytes.count - sent, numbers.baseAddress,
            sent == 0 ? CInt(numbers.count) : 0)
        }
      }
      if result == -Int(EAGAIN) {
        guard chost_wait_writable(socket, -1, Self.patience) > 0 else { return false }
      } else if result < 0 {
        return false
      } else {
        sent += result
      }
    }
    return true
  }

  private func receive(_ count: Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    var from = 0
    while from < count {
      guard chost_wait_readable(socket, -1, -1, Self.patience) == 1 else { return nil }
      let got = unsafe bytes.withUnsafeMutableBytes {
        unsafe read(socket, $0.baseAddress! + from, count - from)
      }
      guard got > 0 else { return nil }
      from += got
    }
    return bytes
  }

  /// The next reply; nil when the server has closed the connection.
  func reply() -> Reply? {
    guard let header = receive(16) else { return nil }
    let size = Int(number(header[4..<8]))
    guard size >= 16, size < 1 << 21, let payload = size == 16 ? [] : receive(size - 16) else { return nil }
    return Reply(
      id: UInt16(number(header[0..<2])), command: UInt16(number(header[2..<4])),
      flags: UInt32(number(header[8..<12])), error: UInt32(number(header[12..<16])), payload: payload)
  }

  /// True when the server closes the connection without another word.
  func isClosed() -> Bool {
    guard chost_wait_readable(socket, -1, -1, Self.patience) == 1 else { return false }
    var byte: UInt8 = 0
    let got = unsafe read(socket, &byte, 1)
    return got <= 0
  }

  func request(_ command: UInt16, _ payload: [UInt8] = [], _ descriptors: [CInt] = []) -> Reply? {
    nextID &+= 1
    guard send(message(command, payload, id: nextID), descriptors), let reply = reply() else { return nil }
    #expect(reply.id == nextID)
    #expect(reply.command == command)
    #expect(reply.flags & 0xf == 1)
    #expect((reply.flags & 0x20 != 0) == (reply.error != 0))
    if reply.error != 0 { #expect(reply.payload.isEmpty) }
    return reply
  }

  /// The errno of the answer to a request: 0 if it worked, nil if the server hung up.
  func errno(_ command: UInt16, _ payload: [UInt8] = [], _ descriptors: [CInt] = []) -> UInt32? {
    request(command, payload, descriptors)?.error
  }

  @discardableResult
  func negotiate(_ json: String = Client.qemuJSON) throws -> Reply {
    let reply = try #require(request(1, le(UInt16(0)) + le(UInt16(0)) + Array(json.utf8) + [0]))
    try #require(reply.error == 0)
    return reply
  }

  static func dmaMap(
    _ address: UInt64, _ count: UInt64, offset: UInt64 = 0, flags: UInt32 = 3
  ) -> [UInt8] {
    le(UInt32(32)) + le(flags) + le(offset) + le(address) + le(count)
  }

  static func dmaUnmap(_ address: UInt64, _ count: UInt64, flags: UInt32 = 0) -> [UInt8] {
    le(UInt32(24)) + le(flags) + le(address) + le(count)
  }

  static func access(_ region: UInt32, _ offset: UInt64, _ count: UInt32, _ data: [UInt8] = []) -> [UInt8] {
    le(offset) + le(region) + le(count) + data
  }

  static func setIRQs(
    _ flags: UInt32, index: UInt32, start: UInt32 = 0, count: UInt32 = 1, data: [UInt8] = []
  ) -> [UInt8] {
    le(UInt32(20 + data.count)) + le(flags) + le(index) + le(start) + le(count) + data
  }
}

/// A descriptor of the test's, closed at its end.
final class Owned {
  let number: CInt
  init(_ number: CInt) throws {
    try #require(number >= 0)
    self.number = number
  }
  deinit { close(number) }

  static func event() throws -> Owned { try Owned(chost_event_create()) }
  static func memory(_ size: UInt64) throws -> Owned {
    try Owned(unsafe chost_memfd("vfio-user-test", size, true))
  }
  static func file(_ path: String, _ flags: CInt) throws -> Owned {
    try Owned(unsafe open(path, flags | O_CLOEXEC))
  }

  /// Whether an eventfd has been signalled since the last look.
  var wasSignalled: Bool { chost_event_take(number) == 1 }
  func isSignalledSoon() -> Bool { eventually { wasSignalled } }
}

/// A connected client on which the version is agreed, for a server.
extension Served {
  func client() throws -> Client {
    let client = try Client(path)
    try client.negotiate()
    return client
  }

  /// The proof that the server has survived: the next client finds a function as after power-on.
  func servesNextClient() throws {
    let next = try client()
    let reply = try #require(next.request(9, Client.access(7, 0, 16)))
    #expect(reply.error == 0)
    #expect(Array(reply.payload[16..<20]) == [0x36, 0x1b, 0x05, 0x00])
    #expect(Array(reply.payload[20..<24]) == [0, 0, 0, 0], "the command register is as after power-on")
    #expect(memory.ranges.isEmpty)
  }
}
