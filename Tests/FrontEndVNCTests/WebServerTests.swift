import Foundation
import FrontEndAPI
import Testing

@testable import FrontEndVNC

@Suite(.timeLimit(.minutes(15))) struct WebServerTests {
  // MARK: Files

  @Test(arguments: [
    ("/vnc.html", "text/html; charset=utf-8", "<p>a page"),
    ("/vnc_auto.html", "text/html; charset=utf-8", "<p>a page"),
    ("/app/ui.js?v=1", "text/javascript; charset=utf-8", WebScene.script),
    ("/app/base.css", "text/css; charset=utf-8", "p {}"),
    ("/empty.json", "application/json", ""),
  ])
  func `a file comes whole and as what it is`(_ path: String, _ type: String, _ text: String) throws {
    let scene = try WebScene()
    let answer = try scene.get(path)
    #expect(answer.status == 200)
    #expect(answer.fields["content-type"] == type)
    #expect(answer.fields["content-length"] == String(text.utf8.count))
    let isWhole = answer.body == text
    #expect(isWhole)
    let head = try scene.get(path, method: "HEAD")
    #expect(head.status == 200 && head.body.isEmpty && head.fields == answer.fields)
  }

  @Test(arguments: [
    "/nothing", "/app", "/app/", "/vnc.html/", "/vnc.html/x", "/.hidden", "/app/.hidden", "/../secret",
    "/up/secret",
    "/app/../../secret", "/%2e%2e/secret", "/out", "/absolute", "/pipe", "/output/2",
    "/output/-1",
    "/output/00", "/output/+1", "/output/99999999999999999999", "/output/0/",
  ])
  func `what is no file below the root is not found`(_ path: String) throws {
    let scene = try WebScene()
    #expect(try scene.get(path).status == (path == "/output/0/" ? 302 : 404))
  }

  @Test(arguments: [("/", 0), ("/?x", 0), ("/output/0", 0), ("/output/1", 1)])
  func `each output has a page that connects by itself`(_ path: String, _ output: Int) throws {
    let scene = try WebScene()
    let answer = try scene.get(path)
    #expect(answer.status == 302)
    let place = try #require(answer.fields["location"])
    #expect(place.hasPrefix("/vnc.html?") && place.contains("autoconnect=true"))
    #expect(place.hasSuffix("path=output/\(output)"))
    #expect(try scene.get(place).status == 200)
  }

  @Test(arguments: ["/vnc.html", "/", "/nothing"])
  func `no answer may be framed, guessed at or read from elsewhere`(_ path: String) throws {
    let fields = try WebScene().get(path).fields
    #expect(fields["content-security-policy"]?.contains("frame-ancestors 'none'") == true)
    #expect(fields["content-security-policy"]?.contains("default-src 'self'") == true)
    #expect(fields["x-frame-options"] == "DENY")
    #expect(fields["x-content-type-options"] == "nosniff")
    #expect(fields["cross-origin-resource-policy"] == "same-origin")
    #expect(fields["connection"] == "close")
    #expect(!fields.keys.contains("access-control-allow-origin"))
  }

  @Test func `a folder without the page is no root`() {
    #expect(WebRoot("/nowhere") == nil)
    #expect(WebRoot("/") == nil)
    #expect(WebRoot("/etc/passwd") == nil)
  }

  // MARK: Requests

  @Test(arguments: [
    ("POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 405), ("GET / HTTP/1.1\r\n\r\n", 403),
    ("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403), ("GET / HTTP/3.0\r\nHost: 127.0.0.1\r\n\r\n", 505),
    ("\r\n\r\n", 400), ("RFB 003.008\n\r\n\r\n", 400), ("\u{16}\u{3}\u{1}\0\r\n\r\n", 400),
  ])
  func `a request that is none of ours is refused with a reason`(_ text: String, _ status: Int) throws {
    let scene = try WebScene()
    let answer = try scene.ask(text)
    #expect(answer.status == status)
    #expect(answer.body.hasPrefix("\(status) "))
    #expect((answer.fields["allow"] == "GET, HEAD") == (status == 405))
  }

  @Test func `a head that does not end is refused in time and size`() throws {
    let patient = try WebScene()
    #expect(try patient.ask("GET / HTTP/1.1\r\nA: " + String(repeating: "a", count: 20_000)).status == 431)
    var limits = WebScene.limits
    limits.requestMilliseconds = 200
    let scene = try WebScene(limits: limits)
    for text in ["", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"] {
      let client = try RawViewer(scene.server.address)
      client.send(Array(text.utf8))
      #expect(client.isDisconnected())
    }
  }

  @Test func `a request may come byte by byte, and its sender leave after any`() throws {
    let scene = try WebScene()
    scene.output.show(width: 20, height: 10, pattern(1))
    let request = Array(WebViewer.request("/output/0", port: scene.port).utf8)
    for count in stride(from: 0, to: request.count, by: 3) {
      let client = try RawViewer(scene.server.address)
      client.send(Array(request.prefix(count)))
      shutdown(client.socket, CInt(SHUT_WR))
      #expect(client.isDisconnected(), "after \(count) bytes")
    }
    let client = try RawViewer(scene.server.address)
    for byte in Array("GET /vnc.html HTTP/1.0\r\nHost: localhost\r\n\r\n".utf8) { client.send([byte]) }
    #expect(WebAnswer(try client.readAll()).body == "<p>a page")
    #expect(try scene.isWell(pattern(1)))
  }

  @Test func `connections beyond the bound wait for their turn`() throws {
    var limits = WebScene.limits
    limits.connections = 2
    let scene = try WebScene(limits: limits)
    do {
      let idle = try (0..<2).map { _ in try RawViewer(scene.server.address) }
      let waiting = try RawViewer(scene.server.address)
      waiting.send(Array("GET /vnc.html HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
      var polled = pollfd(fd: waiting.socket, events: Int16(POLLIN), revents: 0)
      // One entry, a local variable.
      let answers = unsafe poll(&polled, 1, 100)
      #expect(answers == 0)
      shutdown(idle[0].socket, CInt(SHUT_RDWR))
      #expect(WebAnswer(try waiting.readAll()).status == 200)
    }
    #expect(try scene.get("/vnc.html").status == 200)
  }

  // MARK: Web sockets

  @Test(arguments: ["/output/0", "/websockify"], [1, 7, 1 << 20])
  func `a viewer behind a web socket sees every pixel`(_ path: String, _ frameBytes: Int) throws {
    let scene = try WebScene()
    scene.output.show(width: 320, height: 200, pattern(2))
    let viewer = try WebViewer(
      scene, path: path, frameBytes: frameBytes, fields: "Sec-WebSocket-Protocol: a, binary\r\n")
    try viewer.look()
    #expect(viewer.shows(pattern(2)))
    #expect(viewer.title == "guest 0")
    viewer.request(incremental: true)
    let part = Rectangle(x: 5, y: 6, width: 7, height: 8)
    scene.output.draw(part) { _, _ in 0x12_3456 }
    #expect(try viewer.update() == [part])
    #expect(scene.output.viewers == 1)
  }

  @Test func `each output has viewers of its own`() throws {
    let scene = try WebScene()
    let viewer = try WebViewer(scene, path: "/output/1")
    try viewer.begin()
    #expect(viewer.title == "guest 1")
  }

  @Test func `a password is asked for behind a web socket too`() throws {
    let password = try #require(VNCPassword("secret".utf8))
    let scene = try WebScene(protection: .password(password))
    scene.output.show(width: 20, height: 10, pattern(3))
    let viewer = try WebViewer(scene)
    try viewer.begin(password: password)
    #expect(viewer.width == 20)
    let stranger = try WebViewer(scene)
    #expect(throws: RawViewerError.self) { try stranger.begin(password: VNCPassword("guess".utf8)) }
    #expect(try stranger.closing() == 1000)
  }

  @Test(arguments: [
    ("http://evil.example", "127.0.0.1", 403), ("null", "127.0.0.1", 403),
    ("http://127.0.0.1", "127.0.0.1", 403),
    ("http://evil.example:1", "evil.example", 403),
  ])
  func `no page from elsewhere gets a web socket`(_ origin: String, _ host: String, _ status: Int) throws {
    let scene = try WebScene()
    let origin = origin.hasSuffix(":1") ? "http://\(host):\(scene.port)" : origin
    #expect(
      try scene.ask(WebViewer.request("/output/0", port: scene.port, host: host, origin: origin)).status
        == status)
    #expect(scene.output.viewers == 0)
  }

  @Test(arguments: [
    ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 12", 426),
    ("Sec-WebSocket-Version: 13\r\n", "", 426),
    ("Sec-WebSocket-Key: dGhl", "Sec-WebSocket-Key: dGh", 400), ("GET /", "HEAD /", 400),
    ("/output/0", "/output/2", 404),
    ("/output/0", "/vnc.html", 404), ("/output/0", "/", 404), ("Upgrade: WebSocket\r\n", "", 302),
    ("keep-alive, Upgrade", "keep-alive", 302),
  ])
  func `an upgrade that is not right is refused`(_ part: String, _ wrong: String, _ status: Int) throws {
    let scene = try WebScene()
    let request = WebViewer.request("/output/0", port: scene.port).replacingOccurrences(of: part, with: wrong)
    let answer = try scene.ask(request)
    #expect(answer.status == status)
    #expect((answer.fields["sec-websocket-version"] == "13") == (status == 426))
  }

  @Test func `frames that came with the request count`() throws {
    let scene = try WebScene()
    let client = try RawViewer(scene.server.address)
    let frames = WebViewer.frame(0x82, Array("RFB 003.008\n".utf8) + [1]) + WebViewer.frame(0x88, [3, 0xe8])
    client.send(Array(WebViewer.request("/output/0", port: scene.port).utf8) + frames)
    let answer = try client.readAll()
    #expect(answer.starts(with: "HTTP/1.1 101 ".utf8))
    #expect(answer.suffix(4) == [0x88, 2, 3, 0xe8])
  }

  @Test(
    arguments: [
      ([0x82, 0x01, 0x00], 1002), ([0x81, 0x80, 0, 0, 0, 0], 1003),
      ([0x82, 0xff, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 1009),
      ([0x88, 0x80, 0, 0, 0, 0], 1000), ([0xf2, 0x80, 0, 0, 0, 0], 1002),
    ] as [([UInt8], Int)])
  func `a frame that may not be ends the web socket with a reason`(_ bytes: [UInt8], _ reason: Int) throws {
    let scene = try WebScene()
    scene.output.show(width: 20, height: 10, pattern(4))
    let viewer = try WebViewer(scene)
    try viewer.look()
    viewer.sendRaw(bytes)
    #expect(try viewer.closing() == reason)
    #expect(try scene.isWell(pattern(4)))
  }

  @Test func `a ping is answered while the picture goes on`() throws {
    let scene = try WebScene()
    scene.output.show(width: 20, height: 10, pattern(5))
    let viewer = try WebViewer(scene)
    viewer.sendRaw(WebViewer.frame(0x89, Array("are you there".utf8)))
    try viewer.look()
    viewer.sendRaw(WebViewer.frame(0x89, []))
    viewer.request(incremental: false)
    try viewer.update()
    #expect(viewer.control.map(\.0) == [0x8a, 0x8a])
    #expect(viewer.control.first?.1 == Array("are you there".utf8))
  }

  @Test func `what is no viewer behind a web socket is disconnected with a close frame`() throws {
    let scene = try WebScene()
    let viewer = try WebViewer(scene)
    viewer.send(Array("GET / HTTP/1.1\r\n".utf8))
    #expect(try viewer.closing() == 1000)
    var limits = WebScene.limits
    limits.viewers.handshakeMilliseconds = 100
    let impatient = try WebScene(limits: limits)
    #expect(try WebViewer(impatient).closing() == 1000)
  }

  @Test func `of 20 viewers 16 get in, and others when these have left`() throws {
    let scene = try WebScene()
    scene.output.show(width: 20, height: 10, pattern(6))
    do {
      let viewers = (0..<20).compactMap { _ in try? WebViewer(scene) }
      #expect(viewers.count == 16)
      #expect(try scene.ask(WebViewer.request("/output/0", port: scene.port)).status == 503)
      // Files are not viewers.
      #expect(try scene.get("/vnc.html").status == 200)
    }
    while (try? scene.isWell(pattern(6))) != true {}
  }

  @Test func `a browser that never reads holds up neither others nor the end`() throws {
    let scene = try WebScene()
    scene.output.show(width: 800, height: 600, pattern(7))
    let stuck = try WebViewer(scene)
    try stuck.begin()
    for _ in 0..<20 { stuck.request(incremental: false) }
    let file = try RawViewer(scene.server.address)
    file.send(Array("GET /app/ui.js HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
    #expect(try scene.isWell(pattern(7)))
    scene.server.stop()
    #expect(scene.output.viewers == 0)
  }

  @Test func `stop ends connections at every stage`() throws {
    let scene = try WebScene()
    let request = WebViewer.request("/output/0", port: scene.port)
    let clients = try [0, 1, 40, request.utf8.count].map { count in
      let client = try RawViewer(scene.server.address)
      client.send(Array(request.utf8.prefix(count)))
      return client
    }
    let viewer = try WebViewer(scene)
    try viewer.look()
    scene.server.stop()
    for client in clients { #expect(client.isDisconnected()) }
    #expect(viewer.isDisconnected())
    #expect(scene.output.viewers == 0)
  }

  @Test func `a viewer may leave after any byte of its frames`() throws {
    let scene = try WebScene()
    scene.output.show(width: 20, height: 10, pattern(8))
    let conversation = WebViewer.frame(
      0x82, Array("RFB 003.008\n".utf8) + [1, 1] + [3, 0, 0, 0, 0, 0, 0, 20, 0, 10])
    for count in 0...conversation.count {
      let viewer = try WebViewer(scene)
      viewer.sendRaw(Array(conversation.prefix(count)))
      shutdown(viewer.socket, CInt(SHUT_WR))
      #expect(viewer.isDisconnected(), "after \(count) bytes")
    }
    #expect(try scene.isWell(pattern(8)))
  }
}
