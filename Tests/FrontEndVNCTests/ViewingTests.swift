import FrontEndAPI
import Testing

@testable import FrontEndVNC

@Suite(.timeLimit(.minutes(15))) struct ViewingTests {
  @Test(arguments: [(1, 1), (3, 5), (101, 57), (640, 480)])
  func `a viewer sees every pixel`(_ width: Int, _ height: Int) throws {
    let scene = try Scene()
    scene.output.show(width: width, height: height, pattern(1))
    let viewer = try scene.viewer()
    try viewer.look()
    #expect(viewer.width == width && viewer.height == height && viewer.title == "a guest")
    #expect(viewer.shows(pattern(1)))
  }

  @Test(arguments: ["RFB 003.003\n", "RFB 003.005\n", "RFB 003.007\n", "RFB 003.008\n", "RFB 003.889\n"])
  func `every version of the protocol gets in`(_ version: String) throws {
    let scene = try Scene()
    scene.output.show(width: 8, height: 8, pattern(2))
    let viewer = try scene.viewer()
    if version == "RFB 003.005\n" {
      // Counts as 3.3, which is told its security type and has no choice.
      _ = try viewer.read(12)
      viewer.send(Array(version.utf8))
      #expect(try viewer.read(4) == [0, 0, 0, 1])
      viewer.send([1])
      #expect(try viewer.number(2) == 8)
    } else if version == "RFB 003.889\n" {
      _ = try viewer.read(12)
      viewer.send(Array(version.utf8))
      #expect(try viewer.read(2) == [1, 1])
      viewer.send([1])
      #expect(try viewer.read(4) == [0, 0, 0, 0])
    } else {
      try viewer.begin(version: version)
      viewer.request(incremental: false)
      try viewer.update()
      #expect(viewer.shows(pattern(2)))
    }
  }

  @Test func `after the first picture only what was damaged is sent`() throws {
    let scene = try Scene()
    scene.output.show(width: 200, height: 100, pattern(3))
    let viewer = try scene.viewer()
    try viewer.look()
    viewer.request(incremental: true)
    let part = Rectangle(x: 17, y: 23, width: 5, height: 3)
    scene.output.draw(part) { _, _ in 0xff8000 }
    #expect(try viewer.update() == [part])
    func now(_ x: Int, _ y: Int) -> UInt32 {
      17..<22 ~= x && 23..<26 ~= y ? 0xff8000 : pattern(3)(x, y)
    }
    #expect(viewer.shows(now))
  }

  @Test func `damage between two requests is collected for the second`() throws {
    let scene = try Scene()
    scene.output.show(width: 64, height: 64, pattern(4))
    let viewer = try scene.viewer()
    try viewer.look()
    let first = Rectangle(x: 0, y: 0, width: 4, height: 4)
    let second = Rectangle(x: 40, y: 40, width: 8, height: 2)
    scene.output.draw(first) { _, _ in 1 }
    scene.output.draw(second) { _, _ in 2 }
    viewer.request(incremental: true)
    #expect(try viewer.update() == [first, second])
  }

  @Test func `a viewer follows the guest to another size`() throws {
    let scene = try Scene()
    scene.output.show(width: 40, height: 30, pattern(5))
    let viewer = try scene.viewer()
    try viewer.look()
    for (width, height) in [(33, 70), (640, 2), (1, 1), (40, 30)] {
      scene.output.show(width: width, height: height, pattern(6))
      viewer.request(incremental: true)
      while viewer.width != width || viewer.height != height || !viewer.shows(pattern(6)) {
        try viewer.update()
        viewer.request(incremental: false)
      }
      // The answers of the last requests, one or none, are taken by the next round.
    }
  }

  @Test func `a viewer that cannot follow is disconnected`() throws {
    let scene = try Scene()
    scene.output.show(width: 40, height: 30, pattern(7))
    let viewer = try scene.viewer()
    try viewer.begin()
    viewer.request(incremental: false)
    try viewer.update()
    viewer.request(incremental: true)
    scene.output.show(width: 41, height: 30, pattern(7))
    #expect(viewer.isDisconnected())
  }

  @Test func `an output that is off is black and comes back`() throws {
    let scene = try Scene()
    let viewer = try scene.viewer()
    try viewer.look()
    #expect(viewer.width == 640 && viewer.height == 480)
    #expect(viewer.shows { _, _ in 0 })
    scene.output.show(width: 640, height: 480, pattern(8))
    viewer.request(incremental: true)
    try viewer.update()
    #expect(viewer.shows(pattern(8)))
    scene.output.show(width: 0, height: 0, pattern(8))
    viewer.request(incremental: true)
    try viewer.update()
    #expect(viewer.shows { _, _ in 0 })
  }

  @Test func `the cursor comes as a shape with its hot spot and never in the picture`() throws {
    let scene = try Scene()
    scene.output.show(width: 100, height: 100, pattern(9))
    // 10x2: opaque colours, then one that is hidden, one at half opacity.
    var pixels: [UInt8] = []
    for place in 0..<20 {
      switch place {
      case 18: pixels += [9, 9, 9, 10]
      case 19: pixels += [64, 32, 128, 128]
      default: pixels += [UInt8(place), 100, 200, 255]
      }
    }
    let image = CursorImage(width: 10, height: 2, hotX: 3, hotY: 1, pixels: pixels)
    scene.output.setCursor(CursorState(x: 20, y: 30, image: image))
    let viewer = try scene.viewer()
    try viewer.begin()
    viewer.setEncodings(.raw, .cursor, .pointerPosition)
    viewer.request(incremental: false)
    try viewer.update()
    let cursor = try #require(viewer.cursor)
    #expect(cursor.hotX == 3 && cursor.hotY == 1 && cursor.width == 10 && cursor.height == 2)
    #expect(cursor.mask == [0xff, 0xc0, 0xff, 0x40])
    #expect(Array(cursor.colours[0..<8]) == [0, 100, 200, 0, 1, 100, 200, 0])
    #expect(Array(cursor.colours[76..<80]) == [128, 64, 255, 0])
    #expect(viewer.shows(pattern(9)))

    viewer.request(incremental: true)
    scene.output.setCursor(CursorState(x: 50, y: -1, image: image))
    try viewer.update()
    #expect(viewer.pointer?.x == 53 && viewer.pointer?.y == 0)
    viewer.request(incremental: true)
    scene.output.setCursor(CursorState(x: 50, y: 60, image: nil))
    try viewer.update()
    #expect(viewer.cursor?.width == 0)
    #expect(viewer.shows(pattern(9)))
  }

  @Test func `a viewer without the cursor's encoding sees the picture alone`() throws {
    let scene = try Scene()
    scene.output.show(width: 100, height: 100, pattern(10))
    let image = CursorImage(
      width: 16, height: 16, hotX: 0, hotY: 0, pixels: Array(repeating: 255, count: 16 * 16 * 4))
    scene.output.setCursor(CursorState(x: 20, y: 30, image: image))
    #expect(try scene.isWell(pattern(10)))
  }

  @Test(arguments: [(89, 89, false), (88, 88, true), (0, 4, false), (300, 1, false), (64, 64, true)])
  func `a cursor is shown when it fits one message`(_ width: Int, _ height: Int, _ isShown: Bool) {
    let pixels = [UInt8](repeating: 255, count: width * height * 4)
    let image = CursorImage(width: width, height: height, hotX: 999, hotY: -1, pixels: pixels)
    let shape = PointerShape(image)
    #expect((shape != nil) == isShown)
    if let shape { #expect(shape.hotX == width - 1 && shape.hotY == 0) }
  }

  @Test func `two viewers see the same and each is told of damage`() throws {
    let scene = try Scene()
    scene.output.show(width: 50, height: 50, pattern(11))
    let viewers = try (0..<2).map { _ in try scene.viewer() }
    for viewer in viewers { try viewer.look() }
    let part = Rectangle(x: 1, y: 2, width: 3, height: 4)
    for viewer in viewers { viewer.request(incremental: true) }
    scene.output.draw(part) { _, _ in 0x123456 }
    for viewer in viewers { #expect(try viewer.update() == [part]) }
  }

  @Test func `pixels come in the format that the viewer asks for`() throws {
    let scene = try Scene()
    scene.output.show(width: 4, height: 1) { x, _ in [0xff0000, 0x00ff00, 0x0000ff, 0x808080][x] }
    let viewer = try scene.viewer()
    try viewer.begin()
    // 16 bits, little-endian, 5-6-5.
    viewer.send([0, 0, 0, 0, 16, 16, 0, 1, 0, 31, 0, 63, 0, 31, 11, 5, 0, 0, 0, 0])
    viewer.request(incremental: false)
    #expect(try viewer.read(16) == [0, 0, 0, 1, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0, 0])
    #expect(try viewer.read(8) == [0x00, 0xf8, 0xe0, 0x07, 0x1f, 0x00, 0x10, 0x84])
  }
}
