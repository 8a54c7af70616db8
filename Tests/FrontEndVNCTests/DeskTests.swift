import FrontEndAPI
import HostLoop
import FrontEndVNC
import Glibc
import Testing

@testable import FrontEndVNC

/// Several outputs, beside each other and one at a time, and what viewers wish of them.
@Suite(.timeLimit(.minutes(15))) struct DeskTests {
  private typealias Layout = RawViewer.Layout

  private static func output(_ index: Int, _ width: Int, _ height: Int, _ x: Int, _ y: Int) -> PlacedOutput {
    PlacedOutput(shown: OutputDescription(index: index, width: width, height: height), x: x, y: y)
  }

  /// One for all: servers come and go on it.
  private static let loop = Result { try HostLoop() }

  private static func server(
    _ desk: FakeDesk, _ controls: VNCControls, output: Int? = nil
  ) throws -> VNCServer {
    try VNCServer(
      at: .tcp(host: "127.0.0.1", port: 0), output: output, name: "a desk", protection: .local,
      limits: Scene.limits, controls: controls, core: loop.get(), attach: { desk.attach($0) })
  }

  /// A viewer that knows of screens and has the whole picture.
  private static func look(_ server: VNCServer) throws -> RawViewer {
    let viewer = try RawViewer(server.address)
    try viewer.begin()
    viewer.setEncodings(.raw, .extendedSize, .cursor, .pointerPosition)
    try settle(viewer)
    return viewer
  }

  /// Takes updates until the whole picture has come, which is asked for anew when its size has changed.
  private static func settle(_ viewer: RawViewer) throws {
    var size: (Int, Int)?
    while true {
      if size ?? (0, 0) != (viewer.width, viewer.height) {
        viewer.request(incremental: false)
        size = (viewer.width, viewer.height)
      }
      let all = Rectangle(x: 0, y: 0, width: UInt32(viewer.width), height: UInt32(viewer.height))
      if try viewer.update().contains(all) { return }
    }
  }

  /// Waits until viewers' wishes have come to so many outputs.
  private func hasWished(_ desk: FakeDesk, _ count: Int) -> Bool {
    let deadline = ContinuousClock.now.advanced(by: .seconds(60))
    while desk.wishes.count < count, ContinuousClock.now < deadline { usleep(1000) }
    return desk.wishes.count >= count
  }

  @Test func `outputs stand where the host wants them, counted from their common corner`() {
    let layout = DeskLayout([Self.output(0, 100, 50, 30, 20), Self.output(1, 60, 40, 130, 0)])
    #expect(
      layout.screens.map(\.area) == [
        Rectangle(x: 0, y: 20, width: 100, height: 50), Rectangle(x: 100, y: 0, width: 60, height: 40),
      ])
    #expect(layout.width == 160 && layout.height == 70)
    #expect(layout.pixel(ofOutput: 1, x: 59, y: 39).map { [$0.x, $0.y] } == [159, 39])
    #expect(layout.pixel(ofOutput: 1, x: 60, y: -1).map { [$0.x, $0.y] } == [159, 0])
    #expect(layout.pixel(ofOutput: 2, x: 0, y: 0) == nil)
  }

  @Test func `outputs that would overlap stand from left to right, those that are off nowhere`() {
    let layout = DeskLayout([
      Self.output(0, 100, 50, 0, 0), Self.output(1, 0, 0, 0, 0), Self.output(2, 60, 40, 99, 49),
    ])
    #expect(layout.screens.map(\.output) == [0, 2])
    #expect(layout.screens.map(\.area.x) == [0, 100] && layout.width == 160 && layout.height == 50)
    #expect(DeskLayout([Self.output(0, 0, 0, 5, 5)]).width == 0)
  }

  @Test func `all outputs are one picture, each with its own damage and its place`() throws {
    let desk = FakeDesk([.init(x: 0, y: 0), .init(x: 40, y: 10)])
    desk.outputs[0].show(width: 40, height: 30, pattern(1))
    desk.outputs[1].show(width: 50, height: 40, pattern(2))
    let server = try Self.server(desk, desk.controls())
    defer { server.stop() }
    let viewer = try Self.look(server)
    let picture: (Int, Int) -> UInt32 = { x, y in
      switch (x, y) {
      case (..<40, ..<30): pattern(1)(x, y)
      case (40..., 10...): pattern(2)(x - 40, y - 10)
      default: 0
      }
    }
    #expect(viewer.width == 90 && viewer.height == 50)
    #expect(viewer.shows(picture))
    let screens = [[0, 0, 0, 40, 30], [1, 40, 10, 50, 40]]
    #expect(viewer.layouts == [Layout(reason: 0, status: 0, width: 90, height: 50, screens: screens)])
    desk.outputs[1].draw(Rectangle(x: 3, y: 4, width: 5, height: 6)) { _, _ in 0x12_3456 }
    viewer.request(incremental: true)
    #expect(try viewer.update() == [Rectangle(x: 43, y: 14, width: 5, height: 6)])
    #expect(
      viewer.shows { x, y in 43..<48 ~= x && 14..<20 ~= y ? 0x12_3456 : picture(x, y) })
  }

  @Test func `an output that goes off leaves the picture, and one that comes on joins it`() throws {
    let desk = FakeDesk([.init(x: 0, y: 0), .init(x: 40, y: 0)])
    desk.outputs[0].show(width: 40, height: 30, pattern(1))
    let server = try Self.server(desk, desk.controls())
    defer { server.stop() }
    let viewer = try Self.look(server)
    #expect(viewer.width == 40 && viewer.shows(pattern(1)))
    desk.outputs[1].show(width: 40, height: 30, pattern(2))
    try Self.settle(viewer)
    #expect(viewer.layouts.last?.screens == [[0, 0, 0, 40, 30], [1, 40, 0, 40, 30]])
    #expect(viewer.shows { x, y in x < 40 ? pattern(1)(x, y) : pattern(2)(x - 40, y) })
    desk.outputs[0].show(width: 0, height: 0, pattern(0))
    try Self.settle(viewer)
    #expect(
      viewer.layouts.last
        == Layout(reason: 0, status: 0, width: 40, height: 30, screens: [[1, 0, 0, 40, 30]]))
    #expect(viewer.shows(pattern(2)))
  }

  @Test func `the cursor is shown on the output where it is`() throws {
    let desk = FakeDesk([.init(x: 0, y: 0), .init(x: 40, y: 10)])
    for output in desk.outputs { output.show(width: 40, height: 30, pattern(1)) }
    let image = CursorImage(width: 2, height: 1, hotX: 1, hotY: 0, pixels: Array(repeating: 255, count: 8))
    desk.outputs[0].setCursor(CursorState(x: 50, y: 5, image: image))
    desk.outputs[1].setCursor(CursorState(x: 10, y: 5, image: image))
    let server = try Self.server(desk, desk.controls())
    defer { server.stop() }
    let viewer = try Self.look(server)
    #expect(viewer.cursor?.width == 2)
    #expect(viewer.pointer.map { [$0.x, $0.y] } == [51, 15])
    desk.outputs[1].setCursor(CursorState(x: 0, y: 0, image: nil))
    desk.outputs[0].setCursor(CursorState(x: 7, y: 5, image: image))
    viewer.request(incremental: true)
    try viewer.update()
    if viewer.pointer?.x == 51 {
      viewer.request(incremental: true)
      try viewer.update()
    }
    #expect(viewer.pointer.map { [$0.x, $0.y] } == [8, 5])
  }

  @Test(arguments: [nil, 0, 1])
  func `a tablet spans all outputs, whichever are seen`(_ shown: Int?) throws {
    let desk = FakeDesk([.init(x: 0, y: 0), .init(x: 40, y: 10)])
    let input = FakeInput()
    desk.outputs[0].show(width: 40, height: 30, pattern(1))
    desk.outputs[1].show(width: 50, height: 40, pattern(2))
    let server = try Self.server(desk, desk.controls(input), output: shown)
    defer { server.stop() }
    let viewer = try Self.look(server)
    viewer.point(0, 39, 29)
    let (x, y) = shown == 1 ? (79, 39) : (39, 29)
    let place = (PointerInterface.place(ofPixel: x, among: 90), PointerInterface.place(ofPixel: y, among: 50))
    #expect(input.take(1) == ["to \(place.0),\(place.1)"])
    #expect(place.0 * 90 / 32768 == x && place.1 * 50 / 32768 == y)
  }

  @Test func `a viewer's wish goes to the guest, and every viewer is told who it was when that follows`()
    throws
  {
    let desk = FakeDesk([.init(x: 0, y: 0)])
    desk.outputs[0].show(width: 64, height: 48, pattern(1))
    let server = try Self.server(desk, desk.controls(), output: 0)
    defer { server.stop() }
    let viewer = try Self.look(server), other = try Self.look(server)
    for viewer in [viewer, other] { viewer.request(incremental: true) }
    viewer.wish(80, 60, [[0, 0, 0, 80, 60]])
    try viewer.update()
    #expect(
      viewer.layouts.last
        == Layout(reason: 1, status: 4, width: 64, height: 48, screens: [[0, 0, 0, 64, 48]]))
    try viewer.update()
    let layout = Layout(reason: 1, status: 0, width: 80, height: 60, screens: [[0, 0, 0, 80, 60]])
    #expect(viewer.layouts.last == layout)
    try other.update()
    #expect(
      other.layouts.last == Layout(reason: 2, status: 0, width: 80, height: 60, screens: layout.screens))
    for viewer in [viewer, other] {
      try Self.settle(viewer)
      #expect(viewer.shows(pattern(7)))
    }
    #expect(desk.wishes == ["0: 80x60"])
    viewer.wish(80, 60, [[0, 0, 0, 80, 60]])
    try viewer.update()
    #expect(viewer.layouts.last == layout)
    // Told to the guest again, which may have been told something else meanwhile.
    #expect(hasWished(desk, 2))
    desk.outputs[0].show(width: 64, height: 48, pattern(1))
    try Self.settle(viewer)
    #expect(viewer.layouts.last?.reason == 0 && viewer.width == 64)
    #expect(desk.wishes == ["0: 80x60", "0: 80x60"])
  }

  @Test(
    arguments: [
      (80, 60, [], 3), (80, 60, [[0, 0, 0, 80, 59]], 3), (80, 60, [[0, 1, 0, 79, 60]], 3),
      (80, 60, [[0, 0, 0, 81, 60]], 3), (80, 60, [[0, 0, 0, 40, 60], [1, 40, 0, 40, 60]], 3),
      (31, 60, [[0, 0, 0, 31, 60]], 3), (0, 0, [[0, 0, 0, 0, 0]], 3), (16385, 60, [[0, 0, 0, 16385, 60]], 2),
      (65535, 65535, [[0, 0, 0, 65535, 65535]], 2),
    ] as [(Int, Int, [[Int]], Int)])
  func `a wish that an output cannot be is refused`(
    _ width: Int, _ height: Int, _ screens: [[Int]], _ status: Int
  ) throws {
    let desk = FakeDesk([.init(x: 0, y: 0)])
    desk.outputs[0].show(width: 64, height: 48, pattern(1))
    let server = try Self.server(desk, desk.controls(), output: 0)
    defer { server.stop() }
    let viewer = try Self.look(server)
    viewer.wish(width, height, screens)
    try viewer.update()
    #expect(
      viewer.layouts.last
        == Layout(reason: 1, status: status, width: 64, height: 48, screens: [[0, 0, 0, 64, 48]]))
    try Self.settle(viewer)
    #expect(viewer.shows(pattern(1)) && desk.wishes.isEmpty)
  }

  @Test func `where viewers may not, a wish is prohibited`() throws {
    let desk = FakeDesk([.init(x: 0, y: 0)])
    desk.outputs[0].show(width: 64, height: 48, pattern(1))
    let server = try Self.server(desk, desk.controls(canWish: false), output: 0)
    defer { server.stop() }
    let viewer = try Self.look(server)
    viewer.wish(80, 60, [[0, 0, 0, 80, 60]])
    try viewer.update()
    #expect(viewer.layouts.last?.status == 1 && desk.wishes.isEmpty)
  }

  @Test func `a viewer that knows nothing of screens gets no answer`() throws {
    let desk = FakeDesk([.init(x: 0, y: 0)])
    desk.outputs[0].show(width: 64, height: 48, pattern(1))
    let server = try Self.server(desk, desk.controls(obeys: false), output: 0)
    let plain = try RawViewer(server.address)
    try plain.look()
    plain.wish(16, 16, [[0, 0, 0, 16, 16]])
    plain.request(incremental: false)
    try plain.update()
    #expect(plain.layouts.isEmpty && plain.shows(pattern(1)))
  }

  @Test func `wishes that come fast are passed on seldom, the last one last`() throws {
    let desk = FakeDesk([.init(x: 0, y: 0)])
    desk.outputs[0].show(width: 64, height: 48, pattern(1))
    let server = try Self.server(desk, desk.controls(obeys: false), output: 0)
    let viewer = try Self.look(server)
    let start = ContinuousClock.now
    for width in 100..<300 { viewer.wish(width, 60, [[0, 0, 0, width, 60]]) }
    for _ in 100..<300 { try viewer.update() }
    let deadline = ContinuousClock.now.advanced(by: .seconds(60))
    while desk.wishes.last != "0: 299x60", ContinuousClock.now < deadline { usleep(1000) }
    #expect(desk.wishes.last == "0: 299x60")
    // One at once, and one for each interval since.
    let most = Int((ContinuousClock.now - start) / .milliseconds(100)) + 2
    #expect(desk.wishes.count <= most)
  }

  @Test func `screens are moved, resized, added and taken away where all are seen`() throws {
    let desk = FakeDesk([.init(x: 0, y: 0), .init(x: 40, y: 0), .init(x: 0, y: 0)])
    desk.outputs[0].show(width: 40, height: 40, pattern(1))
    desk.outputs[1].show(width: 40, height: 40, pattern(2))
    let server = try Self.server(desk, desk.controls())
    defer { server.stop() }
    let viewer = try Self.look(server)
    func wish(_ width: Int, _ height: Int, _ screens: [[Int]]) throws {
      let known = viewer.layouts.count
      viewer.request(incremental: true)
      viewer.wish(width, height, screens)
      while viewer.layouts.count < known + 2 || viewer.layouts.last?.screens.count != screens.count
        || viewer.width != width
      {
        try viewer.update()
        viewer.request(incremental: true)
      }
    }
    try wish(50, 100, [[0, 0, 60, 50, 40], [1, 0, 0, 50, 60]])
    #expect(hasWished(desk, 3))
    #expect(desk.wishes == ["0: 50x40 at 0,60", "1: 50x60 at 0,0", "2: off"])
    #expect(viewer.layouts.last?.screens == [[0, 0, 60, 50, 40], [1, 0, 0, 50, 60]])
    // A number that nobody has is the first output that is free.
    try wish(90, 60, [[1, 0, 0, 50, 60], [0x7fff_0001, 50, 0, 40, 40]])
    #expect(hasWished(desk, 6))
    #expect(desk.wishes.suffix(3) == ["0: 40x40 at 50,0", "1: 50x60 at 0,0", "2: off"])
    let known = viewer.layouts.count
    viewer.wish(160, 40, (0..<4).map { [$0 + 7, $0 * 40, 0, 40, 40] })
    while viewer.layouts.count == known { try viewer.update() }
    #expect(viewer.layouts.last?.status == 2)
  }

  @Test func `a list of screens that breaks off ends the connection`() throws {
    let desk = FakeDesk([.init(x: 0, y: 0)])
    desk.outputs[0].show(width: 64, height: 48, pattern(1))
    let server = try Self.server(desk, desk.controls(), output: 0)
    let viewer = try Self.look(server)
    viewer.send([251, 0, 0, 80, 0, 60, 255, 0, 1, 2, 3])
    shutdown(viewer.socket, CInt(SHUT_WR))
    #expect(viewer.isDisconnected() && desk.wishes.isEmpty)
  }
}
