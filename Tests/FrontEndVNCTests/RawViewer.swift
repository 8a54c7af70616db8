import FrontEndAPI
import Glibc

@testable import FrontEndVNC

/// What a test did not expect of the server.
enum RawViewerError: Error { case cannotConnect(CInt), gone, unexpected(String) }

/// A viewer that speaks the protocol byte by byte (RFC 6143), with a picture of its own; rectangles come in the raw
/// encoding alone.
class RawViewer {
  let socket: CInt
  private(set) var width = 0
  private(set) var height = 0
  /// A word 0x00RRGGBB for each pixel.
  private(set) var picture: [UInt32] = []
  private(set) var title = ""
  private(set) var cursor: Cursor?
  private(set) var pointer: (x: Int, y: Int)?
  /// Encodings that the server said it speaks.
  private(set) var announced: [Int32] = []
  /// Every word about screens.
  private(set) var layouts: [Layout] = []
  /// What it said of the guest's lights.
  private(set) var lights: [Int] = []

  struct Layout: Equatable {
    var reason, status, width, height: Int
    /// Number, left, top, width, height of each.
    var screens: [[Int]]
  }

  struct Cursor: Equatable {
    var hotX, hotY, width, height: Int
    var colours: [UInt8]
    var mask: [UInt8]
  }

  enum Encoding: Int32 {
    case raw = 0, desktopSize = -223, cursor = -239, pointerPosition = -232, extendedSize = -308
    case pointerWays = -257, scanCodes = -258, lights = -261, moreButtons = -316
  }

  /// No program that another test starts keeps the connection.
  private static let kind = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)

  /// Connects; a read that waits longer than a minute counts as the end of the connection.
  init(_ address: VNCAddress) throws {
    switch address {
    case .unix(let path):
      socket = Glibc.socket(AF_UNIX, Self.kind, 0)
      let socket = socket
      let result = unsafe ServerSocket.withAddress(of: path) { unsafe connect(socket, $0, $1) }
      guard result == 0 else { throw RawViewerError.cannotConnect(errno) }
    case .tcp(_, let port):
      socket = Glibc.socket(AF_INET, Self.kind, 0)
      var name = sockaddr_in()
      name.sin_family = sa_family_t(AF_INET)
      name.sin_port = port.bigEndian
      name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
      let socket = socket
      // A socket address of the family that it names.
      let result = unsafe withUnsafePointer(to: &name) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          unsafe connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      guard result == 0 else { throw RawViewerError.cannotConnect(errno) }
    }
    var limit = timeval(tv_sec: 60, tv_usec: 0)
    // A local variable of the size that is given.
    unsafe setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit { close(socket) }

  // MARK: Bytes

  /// Sends bytes; whether the server was still there.
  @discardableResult
  func send(_ bytes: [UInt8]) -> Bool {
    var sent = 0
    while sent < bytes.count {
      // What is left of the array.
      let count = unsafe bytes.withUnsafeBytes {
        unsafe Glibc.send(socket, $0.baseAddress! + sent, bytes.count - sent, CInt(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      sent += count
    }
    return true
  }

  func read(_ count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var filled = 0
    while filled < count {
      // What is left of the array.
      let result = unsafe bytes.withUnsafeMutableBytes {
        unsafe Glibc.read(socket, $0.baseAddress! + filled, count - filled)
      }
      guard result > 0 else { throw RawViewerError.gone }
      filled += result
    }
    return bytes
  }

  /// Reads until the server ends the connection; whether it did.
  func isDisconnected() -> Bool {
    var bytes = [UInt8](repeating: 0, count: 4096)
    while true {
      // At most the array's size.
      let count = unsafe Glibc.read(socket, &bytes, bytes.count)
      if count == 0 { return true }
      if count < 0 { return errno == ECONNRESET }
    }
  }

  func number(_ count: Int) throws -> Int { try read(count).reduce(0) { $0 << 8 | Int($1) } }

  // MARK: The protocol

  /// Goes through the handshake and takes the server's format, which it checks.
  func begin(version: String = "RFB 003.008\n", password: VNCPassword? = nil) throws {
    guard try read(12) == Array("RFB 003.008\n".utf8) else { throw RawViewerError.unexpected("version") }
    send(Array(version.utf8))
    let type: UInt8
    if version == "RFB 003.003\n" {
      type = try read(4)[3]
    } else {
      let types = try read(try number(1))
      guard types.count == 1 else { throw RawViewerError.unexpected("\(types)") }
      type = types[0]
      send([type])
    }
    guard type == (password == nil ? 1 : 2) else { throw RawViewerError.unexpected("security type \(type)") }
    if let password { send(password.encrypt(try read(16))) }
    if password != nil || version == "RFB 003.008\n" {
      guard try number(4) == 0 else { throw RawViewerError.unexpected("refused") }
    }
    send([1])
    width = try number(2)
    height = try number(2)
    let format = try read(16)
    guard format == [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0] else {
      throw RawViewerError.unexpected("format \(format)")
    }
    title = String(decoding: try read(try number(4)), as: UTF8.self)
    picture = Array(repeating: 0, count: width * height)
  }

  func setEncodings(_ encodings: Encoding...) {
    var bytes: [UInt8] = [2, 0, 0, UInt8(encodings.count)]
    for encoding in encodings {
      let value = UInt32(bitPattern: encoding.rawValue)
      bytes += [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }
    send(bytes)
  }

  /// Asks for the whole picture, or for what changes in it.
  func request(incremental: Bool) {
    send([3, incremental ? 1 : 0, 0, 0, 0, 0] + Self.word(width) + Self.word(height))
  }

  func key(_ keysym: UInt32, isPressed: Bool) {
    send([4, isPressed ? 1 : 0, 0, 0] + Self.word(Int(keysym >> 16)) + Self.word(Int(keysym & 0xffff)))
  }

  /// Wishes for screens, each a number, left, top, width and height.
  func wish(_ width: Int, _ height: Int, _ screens: [[Int]]) {
    var message: [UInt8] = [251, 0] + Self.word(width) + Self.word(height)
    message += [UInt8(screens.count), 0]
    for screen in screens {
      message += Self.word(screen[0] >> 16)
      for field in screen { message += Self.word(field & 0xffff) }
      message += [0, 0, 0, 0]
    }
    send(message)
  }

  func point(_ mask: UInt8, _ x: Int, _ y: Int) { send([5, mask] + Self.word(x) + Self.word(y)) }

  static func word(_ value: Int) -> [UInt8] {
    [UInt8(truncatingIfNeeded: value >> 8), UInt8(truncatingIfNeeded: value)]
  }

  /// Takes one update into the picture; the rectangles of pixels that were in it.
  @discardableResult
  func update() throws -> [Rectangle] {
    let type = try number(1)
    guard type == 0 else { throw RawViewerError.unexpected("message \(type)") }
    _ = try read(1)
    var rectangles: [Rectangle] = []
    for _ in 0..<(try number(2)) {
      let x = try number(2), y = try number(2), w = try number(2), h = try number(2)
      let encoding = Int32(truncatingIfNeeded: try number(4))
      switch Encoding(rawValue: encoding) {
      case .raw:
        try takePixels(x, y, w, h)
        rectangles.append(Rectangle(x: UInt32(x), y: UInt32(y), width: UInt32(w), height: UInt32(h)))
      case .desktopSize: resize(w, h)
      case .extendedSize:
        try takeScreens(x, y, w, h)
      case .cursor:
        let colours = try read(w * h * 4)
        cursor = Cursor(
          hotX: x, hotY: y, width: w, height: h, colours: colours, mask: try read((w + 7) / 8 * h))
      case .pointerPosition: pointer = (x, y)
      case .pointerWays, .scanCodes, .moreButtons:
        guard (x, y, w, h) == (0, 0, 0, 0) else { throw RawViewerError.unexpected("a rectangle's sides") }
        announced.append(encoding)
      case .lights: lights.append(try number(1))
      case nil: throw RawViewerError.unexpected("encoding \(encoding)")
      }
    }
    return rectangles
  }

  private func takeScreens(_ reason: Int, _ status: Int, _ width: Int, _ height: Int) throws {
    let count = try number(1)
    _ = try read(3)
    var screens: [[Int]] = []
    for _ in 0..<count {
      screens.append([try number(4), try number(2), try number(2), try number(2), try number(2)])
      _ = try read(4)
    }
    layouts.append(Layout(reason: reason, status: status, width: width, height: height, screens: screens))
    if status == 0, (width, height) != (self.width, self.height) { resize(width, height) }
  }

  private func resize(_ width: Int, _ height: Int) {
    (self.width, self.height) = (width, height)
    picture = Array(repeating: 0, count: width * height)
  }

  private func takePixels(_ x: Int, _ y: Int, _ width: Int, _ height: Int) throws {
    guard x + width <= self.width, y + height <= self.height else {
      throw RawViewerError.unexpected("a rectangle outside")
    }
    let bytes = try read(width * height * 4)
    for row in 0..<height {
      for column in 0..<width {
        let at = (row * width + column) * 4
        let value = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[at + $1]) << UInt32($1 * 8) }
        picture[(y + row) * self.width + x + column] = value
      }
    }
  }

  /// Whether the picture is what a formula says, to the last pixel.
  func shows(_ pixel: (Int, Int) -> UInt32) -> Bool {
    (0..<height).allSatisfy { y in (0..<width).allSatisfy { x in picture[y * width + x] == pixel(x, y) } }
  }

  /// Begins and takes the whole picture; with these encodings beside raw.
  func look() throws {
    try begin()
    setEncodings(.raw, .desktopSize)
    request(incremental: false)
    try update()
  }
}
