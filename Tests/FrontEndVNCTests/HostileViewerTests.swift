import FrontEndAPI
import Glibc
import Testing

@testable import FrontEndVNC

@Suite(.timeLimit(.minutes(15))) struct HostileViewerTests {
  private static let version = Array("RFB 003.008\n".utf8)
  /// A whole polite conversation: version, security type, ClientInit, format, encodings, request, key, pointer,
  /// clipboard, wish for a size, request.
  private static let conversation: [UInt8] =
    version + [1, 1] + [0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0]
    + [2, 0, 0, 2, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0x21] + [3, 0, 0, 0, 0, 0, 0, 20, 0, 10]
    + [4, 1, 0, 0, 0, 0, 0, 0x61] + [5, 1, 0, 3, 0, 4] + [6, 0, 0, 0, 0, 0, 0, 3, 0x61, 0x62, 0x63]
    + [251, 0, 0, 50, 0, 50, 1, 0] + [0, 0, 0, 0, 0, 0, 0, 0, 0, 50, 0, 50, 0, 0, 0, 0]
    + [3, 1, 0, 0, 0, 0, 0, 20, 0, 10]

  @Test(arguments: [
    "GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a\r\n\r\n", "RFB 003.00", "RFB 00a.008\n",
    "RFB 002.000\n", "RFB 003.002\n", "RFB 003 008\n", "RFB 003.008\r",
    "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}",
    "rfb 003.008\n", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
  ])
  func `what is no version ends the connection`(_ text: String) throws {
    let scene = try Scene()
    scene.output.show(width: 20, height: 10, pattern(1))
    let viewer = try scene.viewer()
    _ = try viewer.read(12)
    viewer.send(Array(text.utf8))
    shutdown(viewer.socket, CInt(SHUT_WR))
    #expect(viewer.isDisconnected())
    #expect(try scene.isWell(pattern(1)))
  }

  @Test(arguments: [0, 2, 5, 16, 18, 19, 30, 255] as [UInt8])
  func `a security type that was not offered is refused`(_ type: UInt8) throws {
    let scene = try Scene()
    let viewer = try scene.viewer()
    viewer.send(Self.version + [type])
    _ = try viewer.read(14)
    #expect(try viewer.number(4) == 1)
    #expect(viewer.isDisconnected())
  }

  // Colour maps, file transfer, scaling, single windows, input switches, chat, xvp and what nobody has defined.
  @Test(arguments: [1, 7, 8, 9, 10, 11, 12, 15, 100, 150, 248, 249, 250, 252, 253, 254, 255] as [UInt8])
  func `messages that are no viewer's business end the connection`(_ type: UInt8) throws {
    let scene = try Scene()
    scene.output.show(width: 20, height: 10, pattern(2))
    let viewer = try scene.viewer()
    try viewer.look()
    viewer.send([type] + Array(repeating: 1, count: 40))
    #expect(viewer.isDisconnected())
    #expect(try scene.isWell(pattern(2)))
  }

  @Test(arguments: [0, 1, 8, 15, 16, 24, 31, 32, 33, 64, 255] as [UInt8])
  func `formats that make no sense harm nobody`(_ bits: UInt8) throws {
    let scene = try Scene()
    scene.output.show(width: 20, height: 10, pattern(3))
    let image = CursorImage(width: 8, height: 8, hotX: 0, hotY: 0, pixels: Array(repeating: 255, count: 256))
    scene.output.setCursor(CursorState(x: 1, y: 1, image: image))
    for (maximum, shift, trueColour) in [(0, 0, 1), (255, 31, 1), (0xffff, 255, 1), (1, 16, 1), (7, 0, 0)] {
      let viewer = try scene.viewer()
      try viewer.begin()
      viewer.setEncodings(.raw, .cursor)
      let side = RawViewer.word(maximum)
      let shift = UInt8(shift)
      viewer.send(
        [0, 0, 0, 0, bits, bits, 1, UInt8(trueColour)] + side + side + side + [shift, shift, shift, 0, 0, 0])
      viewer.request(incremental: false)
      shutdown(viewer.socket, CInt(SHUT_WR))
      #expect(viewer.isDisconnected())
    }
    #expect(try scene.isWell(pattern(3)))
  }

  @Test(arguments: [
    (0, 0, 0, 0), (65535, 65535, 65535, 65535), (19, 9, 65535, 65535), (20, 10, 1, 1), (0, 0, 65535, 1),
  ])
  func `requests for what is not there are answered or passed over`(_ x: Int, _ y: Int, _ w: Int, _ h: Int)
    throws
  {
    let scene = try Scene()
    scene.output.show(width: 20, height: 10, pattern(4))
    let viewer = try scene.viewer()
    try viewer.look()
    viewer.send([3, 0] + RawViewer.word(x) + RawViewer.word(y) + RawViewer.word(w) + RawViewer.word(h))
    viewer.request(incremental: false)
    while try viewer.update() != [Rectangle(x: 0, y: 0, width: 20, height: 10)] {}
    #expect(viewer.shows(pattern(4)))
  }

  // CoRRE, Hextile, Zlib, Tight, Ultra, ZRLE, ZYWRLE; in some the library divides by a rectangle's width.
  @Test(arguments: [0, 1, 2, 4, 5, 6, 7, 8, 9, 16, 17] as [UInt8])
  func `a request for nothing harms nobody in any encoding`(_ encoding: UInt8) throws {
    let scene = try Scene()
    scene.output.show(width: 20, height: 10, pattern(12))
    for (x, y, w, h) in [(0, 0, 0, 0), (0, 0, 0, 5), (5, 5, 5, 0), (20, 0, 4, 4), (0, 10, 4, 4)] {
      let viewer = try scene.viewer()
      try viewer.begin()
      viewer.send([2, 0, 0, 1, 0, 0, 0, encoding])
      viewer.send([3, 0] + RawViewer.word(x) + RawViewer.word(y) + RawViewer.word(w) + RawViewer.word(h))
      viewer.request(incremental: false)
      #expect(try viewer.number(2) == 0)
    }
    #expect(try scene.isWell(pattern(12)))
  }

  @Test(arguments: [1, 100, -1, -100, 1 << 20, -(1 << 20)] as [Int32])
  func `clipboards are read and forgotten`(_ length: Int32) throws {
    let scene = try Scene()
    scene.output.show(width: 20, height: 10, pattern(5))
    let viewer = try scene.viewer()
    try viewer.look()
    let bits = UInt32(bitPattern: length)
    viewer.send([6, 0, 0, 0] + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: bits >> $0) })
    viewer.send(Array(repeating: 6, count: Int(length.magnitude)))
    viewer.request(incremental: false)
    try viewer.update()
    #expect(viewer.shows(pattern(5)))
  }

  @Test(arguments: [(1 << 20) + 1, Int32.max, Int32.min, -(1 << 20) - 1] as [Int32])
  func `clipboards that are too long end the connection`(_ length: Int32) throws {
    let scene = try Scene()
    let viewer = try scene.viewer()
    try viewer.look()
    let bits = UInt32(bitPattern: length)
    viewer.send([6, 0, 0, 0] + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: bits >> $0) })
    #expect(viewer.isDisconnected())
  }

  @Test func `as many encodings as fit are taken`() throws {
    let scene = try Scene()
    scene.output.show(width: 20, height: 10, pattern(6))
    let viewer = try scene.viewer()
    try viewer.begin()
    viewer.send([2, 0, 0xff, 0xff] + Array(repeating: 0x77, count: 65535 * 4))
    viewer.request(incremental: false)
    try viewer.update()
    #expect(viewer.shows(pattern(6)))
  }

  @Test func `a wish for a size is refused in words`() throws {
    let scene = try Scene()
    scene.output.show(width: 20, height: 10, pattern(7))
    let viewer = try scene.viewer()
    try viewer.begin()
    viewer.setEncodings(.raw, .extendedSize)
    viewer.request(incremental: false)
    try viewer.update()
    viewer.send([251, 0, 0, 50, 0, 50, 1, 0] + [0, 0, 0, 0, 0, 0, 0, 0, 0, 50, 0, 50, 0, 0, 0, 0])
    viewer.request(incremental: false)
    while !viewer.shows(pattern(7)) { try viewer.update() }
    #expect(viewer.width == 20 && viewer.height == 10)
  }

  @Test func `a viewer may leave after any byte`() throws {
    let scene = try Scene()
    scene.output.show(width: 20, height: 10, pattern(8))
    for count in 0...Self.conversation.count {
      let viewer = try scene.viewer()
      viewer.send(Array(Self.conversation.prefix(count)))
      if count % 2 == 0 {
        // A reset instead of an end: what was sent may be lost.
        var linger = linger(l_onoff: 1, l_linger: 0)
        // A local variable of the size that is given.
        unsafe setsockopt(viewer.socket, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
      } else {
        shutdown(viewer.socket, CInt(SHUT_WR))
        #expect(viewer.isDisconnected(), "after \(count) bytes")
      }
    }
    #expect(try scene.isWell(pattern(8)))
  }

  @Test func `a conversation may come byte by byte`() throws {
    let scene = try Scene()
    scene.output.show(width: 20, height: 10, pattern(9))
    let viewer = try scene.viewer()
    for byte in Self.conversation { #expect(viewer.send([byte])) }
    // Version, security types and result, ServerInit with a title of 7 bytes.
    _ = try viewer.read(12 + 2 + 4 + 24 + 7)
    #expect(try viewer.read(4) == [0, 0, 0, 1])
    #expect(try viewer.read(12) == [0, 0, 0, 0, 0, 20, 0, 10, 0, 0, 0, 0])
  }

  @Test func `of 64 viewers at once 16 get in, and others when these have left`() throws {
    let scene = try Scene()
    scene.output.show(width: 20, height: 10, pattern(10))
    do {
      let viewers = try (0..<64).map { _ in try scene.viewer() }
      var seen = 0
      for viewer in viewers where (try? viewer.look()) != nil && viewer.shows(pattern(10)) { seen += 1 }
      #expect(seen == 16)
      #expect(scene.output.viewers == 16)
    }
    // The server learns that they left one by one.
    while (try? scene.isWell(pattern(10))) != true {}
    #expect(scene.reports.all.contains { $0.contains("16 are here") })
  }

  @Test func `a viewer that never reads holds up neither others nor the end`() throws {
    let scene = try Scene()
    scene.output.show(width: 800, height: 600, pattern(11))
    let stuck = try scene.viewer()
    try stuck.begin()
    // 2 MB each, together more than any socket holds.
    for _ in 0..<20 { stuck.request(incremental: false) }
    let other = try scene.viewer()
    try other.look()
    #expect(other.shows(pattern(11)))
    for round in 0..<5 as Range<UInt32> {
      other.request(incremental: true)
      let part = Rectangle(x: round * 100, y: round * 100, width: 100, height: 100)
      scene.output.draw(part) { _, _ in round }
      #expect(try other.update() == [part])
    }
    scene.server.stop()
    #expect(scene.output.viewers == 0)
    #expect(other.isDisconnected())
  }

  @Test func `whoever says nothing is disconnected when the time is up`() throws {
    var limits = Scene.limits
    limits.handshakeMilliseconds = 200
    let scene = try Scene(limits: limits)
    for said in [[], Self.version, Self.version + [1]] {
      let viewer = try scene.viewer()
      viewer.send(said)
      #expect(viewer.isDisconnected())
    }
    // Who is through may be silent. On a loaded machine he may be late himself, and tries again.
    var patient = try scene.viewer()
    while (try? patient.look()) == nil { patient = try scene.viewer() }
    let late = try scene.viewer()
    #expect(late.isDisconnected())
    patient.request(incremental: false)
    try patient.update()
  }
}
