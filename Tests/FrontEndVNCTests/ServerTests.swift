import Glibc
import HostLoop
import Testing

@testable import FrontEndVNC

@Suite(.timeLimit(.minutes(15))) struct ServerTests {
  private static func path() -> String { "/tmp/scanout-vnc-\(getpid())-\(UInt32.random(in: .min ... .max))" }

  @Test(arguments: [
    ("unix:/a/b", VNCAddress.unix(path: "/a/b")), ("127.0.0.1:5900", .tcp(host: "127.0.0.1", port: 5900)),
    ("[::1]:1", .tcp(host: "::1", port: 1)), ("localhost:0", .tcp(host: "localhost", port: 0)),
  ])
  func `addresses are read and written`(_ text: String, _ address: VNCAddress) {
    #expect(VNCAddress(text) == address)
    #expect(address.description == text)
  }

  @Test(arguments: [
    "", "unix:", "5900", ":5900", "host:", "host:65536", "host:-1", "host:+1", "::1:5900", "[]:1",
  ])
  func `what is no address is refused`(_ text: String) {
    #expect(VNCAddress(text) == nil)
  }

  @Test(arguments: ["127.0.0.1", "127.9.8.7", "localhost", "::1"])
  func `loopback needs no protection`(_ host: String) throws {
    let scene = try Scene(at: .tcp(host: host, port: 0))
    guard case .tcp(_, let port) = scene.server.address else { Issue.record("not TCP"); return }
    #expect(port != 0)
  }

  @Test(arguments: ["0.0.0.0", "::", "::ffff:127.0.0.1", "10.0.0.1", "fe80::1"])
  func `other hosts are let in with a password or on request alone`(_ host: String) throws {
    let address = VNCAddress.tcp(host: host, port: 0)
    #expect(throws: VNCServerError.unprotected(address)) { try Scene(at: address) }
  }

  @Test func `other hosts are let in with a password, and on request`() throws {
    let address = VNCAddress.tcp(host: "0.0.0.0", port: 0)
    let password = try #require(VNCPassword("abc".utf8))
    _ = try Scene(at: address, protection: .password(password))
    _ = try Scene(at: address, protection: .none)
  }

  @Test(arguments: ["example.invalid", "256.1.1.1", "a b"])
  func `a host must be a number`(_ host: String) {
    #expect(throws: VNCServerError.badHost(host)) { try Scene(at: .tcp(host: host, port: 0)) }
  }

  @Test func `a port that is taken is an error`() throws {
    let scene = try Scene()
    #expect(throws: VNCServerError.inUse(scene.server.address)) { try Scene(at: scene.server.address) }
  }

  @Test func `a Unix socket is its user's alone and gone at the end`() throws {
    let path = Self.path()
    var status = stat()
    do {
      let scene = try Scene(at: .unix(path: path))
      scene.output.show(width: 12, height: 12, pattern(1))
      // The path is ours, the structure a local variable.
      #expect(unsafe stat(path, &status) == 0)
      #expect(status.st_mode & 0o777 == 0o600)
      #expect(try scene.isWell(pattern(1)))
      #expect(throws: VNCServerError.inUse(.unix(path: path))) { try Scene(at: .unix(path: path)) }
      #expect(try scene.isWell(pattern(1)))
    }
    #expect(unsafe stat(path, &status) != 0)
  }

  @Test func `a socket that an ended server left is replaced, another file is not`() throws {
    let path = Self.path()
    defer { unsafe unlink(path) }
    let left = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    #expect(unsafe ServerSocket.withAddress(of: path) { unsafe bind(left, $0, $1) } == 0)
    close(left)
    _ = try Scene(at: .unix(path: path))
    let file = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600)
    #expect(file >= 0)
    close(file)
    #expect(throws: VNCServerError.notASocket(path: path)) { try Scene(at: .unix(path: path)) }
    #expect(unsafe access(path, F_OK) == 0)
  }

  @Test func `a path that is too long is an error`() {
    let path = "/tmp/" + String(repeating: "a", count: 200)
    #expect(throws: VNCServerError.badPath(path)) { try Scene(at: .unix(path: path)) }
  }

  @Test func `stop disconnects viewers at every stage and lets the display go`() throws {
    // A port could be another test's at once.
    let scene = try Scene(at: .unix(path: Self.path()))
    scene.output.show(width: 12, height: 12, pattern(2))
    let silent = try scene.viewer()
    _ = try silent.read(12)
    let idle = try scene.viewer()
    try idle.look()
    #expect(scene.output.viewers == 1)
    scene.server.stop()
    #expect(silent.isDisconnected() && idle.isDisconnected())
    #expect(scene.output.viewers == 0)
    #expect(throws: RawViewerError.self) { try scene.viewer() }
    scene.server.stop()
  }

  @Test func `a display that cannot be attached to turns viewers away`() throws {
    struct Refusal: Error {}
    let loop = try HostLoop()
    defer { loop.stop() }
    let server = try VNCServer(
      at: .tcp(host: "127.0.0.1", port: 0), output: 0, name: "none", protection: .local, core: loop,
      attach: { _ in throw Refusal() })
    let viewer = try RawViewer(server.address)
    #expect(throws: RawViewerError.self) { try viewer.begin() }
  }
}
