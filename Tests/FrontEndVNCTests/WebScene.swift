import Foundation
import FrontEndAPI
import HostLoop
import HostThreads

@testable import FrontEndVNC

/// A web server on a port of its own that has a few files, and outputs of which the first is a test's to draw on.
final class WebScene {
  let output = FakeOutput()
  let loop: HostLoop
  let server: WebServer
  let folder: URL
  let reports: Scene.Reports

  /// Bounds of time longer than a loaded machine keeps a test's thread from its turn.
  static let limits = {
    var limits = WebServer.Limits()
    limits.requestMilliseconds = 120_000
    limits.writingMilliseconds = 120_000
    limits.viewers = Scene.limits
    return limits
  }()

  init(
    protection: VNCServer.Protection = .local, limits: WebServer.Limits = WebScene.limits,
    at address: VNCAddress = .tcp(host: "127.0.0.1", port: 0)
  ) throws {
    folder = try Self.makeFolder()
    let (output, reports) = (output, Scene.Reports())
    self.reports = reports
    loop = try HostLoop()
    let root = WebRoot(folder.appending(path: "root").path)!
    server = try WebServer(
      at: address, root: root, outputs: 2, name: { "guest \($0)" }, protection: protection, limits: limits,
      core: loop, attach: { output.attach($0) }, report: { reports.add($0) })
  }

  deinit { try? FileManager.default.removeItem(at: folder) }  // a temporary folder that stays harms nobody

  var port: UInt16 {
    guard case .tcp(_, let port) = server.address else { return 0 }
    return port
  }

  /// The text that a script of these files has; longer than one piece of an answer.
  static let script = String(repeating: "// all of it\n", count: 20_000)

  private static func makeFolder() throws -> URL {
    let files = FileManager.default
    let folder = files.temporaryDirectory.appending(path: "scanout-web-\(UUID().uuidString)")
    let root = folder.appending(path: "root")
    try files.createDirectory(at: root.appending(path: "app"), withIntermediateDirectories: true)
    for (name, text) in [
      ("root/vnc.html", "<p>a page"), ("root/app/ui.js", script), ("root/app/base.css", "p {}"),
      ("root/.hidden", "x"), ("root/app/.hidden", "x"), ("secret", "x"), ("root/empty.json", ""),
    ] {
      try Data(text.utf8).write(to: folder.appending(path: name))
    }
    for (link, target) in [
      ("vnc_auto.html", "vnc.html"), ("out", "../secret"), ("up", ".."), ("absolute", "/etc/passwd"),
    ] {
      try files.createSymbolicLink(atPath: root.appending(path: link).path, withDestinationPath: target)
    }
    // A pipe that nobody writes to.
    _ = unsafe mkfifo(root.appending(path: "pipe").path, 0o600)
    return folder
  }

  /// Sends bytes on a connection of their own and reads to its end.
  func ask(_ text: String) throws -> WebAnswer {
    let client = try RawViewer(server.address)
    client.send(Array(text.utf8))
    return WebAnswer(try client.readAll())
  }

  func get(_ path: String, method: String = "GET") throws -> WebAnswer {
    try ask("\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nAccept: */*\r\n\r\n")
  }

  /// A new browser gets the page and the whole picture: whatever happened before did the server no harm.
  func isWell(_ pixel: (Int, Int) -> UInt32) throws -> Bool {
    let viewer = try WebViewer(self)
    try viewer.look()
    return try viewer.shows(pixel) && get("/vnc.html").status == 200
  }
}

/// An answer of a server that ends the connection after it.
struct WebAnswer {
  let status: Int
  let fields: [String: String]
  let body: String

  init(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    let parts = text.components(separatedBy: "\r\n\r\n")
    let lines = parts[0].components(separatedBy: "\r\n")
    status = lines[0].hasPrefix("HTTP/1.1 ") ? Int(lines[0].dropFirst(9).prefix(3)) ?? 0 : 0
    var fields: [String: String] = [:]
    for line in lines.dropFirst() {
      let field = line.components(separatedBy: ": ")
      fields[field[0].lowercased()] = field.dropFirst().joined(separator: ": ")
    }
    self.fields = fields
    body = parts.dropFirst().joined(separator: "\r\n\r\n")
  }
}

extension RawViewer {
  /// Everything up to the end of the connection.
  func readAll() throws -> [UInt8] {
    var all: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65536)
    while true {
      // At most the array's size.
      let count = unsafe Glibc.read(socket, &piece, piece.count)
      guard count >= 0 else { throw RawViewerError.gone }
      if count == 0 { return all }
      all += piece[..<count]
    }
  }
}

/// A viewer behind a web socket (RFC 6455), each message of its own in frames of a few bytes at most.
final class WebViewer: RawViewer {
  /// Payload that nobody has read yet.
  private var pending: [UInt8] = []
  private let frameBytes: Int
  /// What came besides data: first byte and payload.
  private(set) var control: [(UInt8, [UInt8])] = []

  static let key = "dGhlIHNhbXBsZSBub25jZQ=="

  /// The request of a browser on a page of the server's.
  static func request(
    _ path: String, port: UInt16, host: String = "127.0.0.1", origin: String? = nil, fields: String = ""
  ) -> String {
    "GET \(path) HTTP/1.1\r\nHost: \(host):\(port)\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
      + "Origin: \(origin ?? "http://\(host):\(port)")\r\nSec-WebSocket-Key: \(key)\r\n"
      + "Sec-WebSocket-Version: 13\r\n\(fields)\r\n"
  }

  /// Asks for a web socket and takes the answer.
  ///
  /// - Parameter frameBytes: the most that one frame carries.
  init(_ scene: WebScene, path: String = "/output/0", frameBytes: Int = 1 << 20, fields: String = "") throws {
    self.frameBytes = frameBytes
    try super.init(scene.server.address)
    super.send(Array(Self.request(path, port: scene.port, fields: fields).utf8))
    var head: [UInt8] = []
    while !head.suffix(4).elementsEqual("\r\n\r\n".utf8) { head += try super.read(1) }
    let answer = WebAnswer(head)
    // The accept value of RFC 6455 §1.3, which gives this key.
    guard answer.status == 101, answer.fields["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" else {
      throw RawViewerError.unexpected("\(answer)")
    }
    guard answer.fields["sec-websocket-protocol"] == (fields.isEmpty ? nil : "binary") else {
      throw RawViewerError.unexpected("\(answer)")
    }
  }

  /// A frame as a browser sends it.
  static func frame(_ first: UInt8, _ payload: [UInt8], mask: [UInt8] = [0x12, 0xa4, 0x00, 0xff]) -> [UInt8] {
    var header = WebSocketFrame.header(first, payload.count)
    header[1] |= 0x80
    return header + mask + payload.enumerated().map { $1 ^ mask[$0 % 4] }
  }

  @discardableResult
  override func send(_ bytes: [UInt8]) -> Bool {
    var first: UInt8 = 2
    var rest = bytes[...]
    while !rest.isEmpty {
      let part = rest.prefix(frameBytes)
      rest = rest.dropFirst(part.count)
      guard sendRaw(Self.frame(rest.isEmpty ? first | 0x80 : first, Array(part))) else { return false }
      first = 0
    }
    return true
  }

  @discardableResult
  func sendRaw(_ bytes: [UInt8]) -> Bool { super.send(bytes) }

  override func read(_ count: Int) throws -> [UInt8] {
    while pending.count < count { try takeFrame() }
    defer { pending.removeFirst(count) }
    return Array(pending.prefix(count))
  }

  private func takeFrame() throws {
    let head = try super.read(2)
    guard head[1] & 0x80 == 0 else { throw RawViewerError.unexpected("a masked frame") }
    let extra = head[1] == 126 ? 2 : head[1] == 127 ? 8 : 0
    let length = try super.read(extra).reduce(0) { $0 << 8 | Int($1) }
    let payload = try super.read(extra == 0 ? Int(head[1]) : length)
    if head[0] == 0x82 { pending += payload } else { control.append((head[0], payload)) }
  }

  /// Reads to the end of the connection; the number that the close frame gives, nil without one.
  func closing() throws -> Int? {
    while !control.contains(where: { $0.0 == 0x88 }) {
      do { try takeFrame() } catch RawViewerError.gone { return nil }
    }
    guard super.isDisconnected() else { return nil }
    return control.last.map { $0.1.reduce(0) { $0 << 8 | Int($1) } }
  }
}
