import FrontEndAPI
import Glibc
import Testing

@testable import FrontEndVNC

@Suite(.timeLimit(.minutes(15))) struct InputTests {
  private static let size = (width: 40, height: 20)

  private func scene(_ input: FakeInput) throws -> Scene {
    let scene = try Scene(controls: input.controls)
    scene.output.show(width: Self.size.width, height: Self.size.height, pattern(1))
    return scene
  }

  private static func place(_ x: Int, _ y: Int) -> String {
    "\(PointerInterface.place(ofPixel: x, among: size.width)),"
      + "\(PointerInterface.place(ofPixel: y, among: size.height))"
  }

  /// Waits for a state that must come.
  private func comes(_ isThere: () -> Bool) -> Bool {
    let start = ContinuousClock.now
    while !isThere() {
      guard ContinuousClock.now - start < .seconds(60) else { return false }
      usleep(1000)
    }
    return true
  }

  @Test func `keys of a viewer are the keyboard's`() throws {
    let input = FakeInput()
    let scene = try scene(input)
    let viewer = try scene.viewer()
    try viewer.look()
    viewer.key(0x21, isPressed: true)
    viewer.key(0x21, isPressed: false)
    viewer.key(0xff0d, isPressed: true)
    viewer.key(0xff0d, isPressed: false)
    #expect(input.take(6) == ["leftshift", "1", "-1", "-leftshift", "enter", "-enter"])
    input.setLights(.capsLock)
    viewer.key(0x41, isPressed: true)
    viewer.key(0x41, isPressed: false)
    #expect(input.take(2) == ["a", "-a"])
  }

  @Test func `a viewer's pointer is where the tablet's is, with all buttons and wheels`() throws {
    let input = FakeInput()
    let scene = try scene(input)
    let viewer = try scene.viewer()
    try viewer.look()
    viewer.point(0, 0, 0)
    viewer.point(1, 39, 19)
    viewer.point(0b1000_0110, 3, 4)
    viewer.point(0, 3, 4)
    #expect(
      input.take(12) == [
        "to \(Self.place(0, 0))", "to \(Self.place(39, 19))", "left", "to \(Self.place(3, 4))", "-left",
        "middle",
        "right", "side", "to \(Self.place(3, 4))", "-middle", "-right", "-side",
      ])
    for (bit, turn) in [(3, "120,0"), (4, "-120,0"), (5, "0,-120"), (6, "0,120")] {
      viewer.point(1 << UInt8(bit), 1, 1)
      viewer.point(0, 1, 1)
      #expect(input.take(3) == ["to \(Self.place(1, 1))", "scroll \(turn)", "to \(Self.place(1, 1))"])
    }
  }

  @Test func `places outside the picture are at its edge`() throws {
    let input = FakeInput()
    let scene = try scene(input)
    let viewer = try scene.viewer()
    try viewer.look()
    viewer.point(0, 40, 20)
    viewer.point(0, 65535, 65535)
    #expect(input.take(2) == ["to \(Self.place(39, 19))", "to \(Self.place(39, 19))"])
  }

  @Test func `a mouse is moved by what the viewer's pointer moves`() throws {
    let input = FakeInput(.relative)
    let scene = try scene(input)
    let viewer = try scene.viewer()
    try viewer.look()
    viewer.point(0, 10, 10)
    viewer.point(0, 13, 5)
    viewer.point(4, 13, 5)
    #expect(input.take(2) == ["by 3,-5", "right"])
  }

  @Test func `a viewer that can sends ways to a mouse`() throws {
    let input = FakeInput(.relative)
    let scene = try scene(input)
    let viewer = try scene.viewer()
    try viewer.begin()
    viewer.setEncodings(.raw, .pointerWays)
    try viewer.update()
    #expect(viewer.announced == [-257])
    viewer.point(0, 0x7fff + 300, 0x7fff - 20)
    viewer.point(1, 0x7fff, 0x7fff)
    #expect(input.take(2) == ["by 300,-20", "left"])
  }

  @Test func `a touchscreen is touched with the left button`() throws {
    let input = FakeInput(.touch)
    let scene = try scene(input)
    let viewer = try scene.viewer()
    try viewer.look()
    viewer.point(0, 1, 1)
    viewer.point(4, 1, 1)
    viewer.point(1, 2, 2)
    viewer.point(1, 3, 3)
    viewer.point(0, 3, 3)
    viewer.point(0, 4, 4)
    viewer.point(1, 5, 5)
    #expect(
      input.take(4) == [
        "touch 0 \(Self.place(2, 2))", "touch 0 \(Self.place(3, 3))", "lift 0", "touch 0 \(Self.place(5, 5))",
      ])
  }

  @Test func `scan codes and more buttons are announced to viewers that offer them, once, and then taken`()
    throws
  {
    let input = FakeInput()
    let scene = try scene(input)
    let viewer = try scene.viewer()
    try viewer.begin()
    viewer.setEncodings(.raw, .scanCodes, .moreButtons, .pointerWays)
    viewer.setEncodings(.raw, .scanCodes, .moreButtons)
    try viewer.update()
    try viewer.update()
    #expect(Set(viewer.announced) == [-258, -316])
    // The scan code counts; without one that is known, the keysym does.
    viewer.send([255, 0, 0, 1, 0, 0, 0, 0x61, 0, 0, 0, 0x10])
    viewer.send([255, 0, 0, 0, 0, 0, 0, 0x61, 0, 0, 0, 0x10])
    viewer.send([255, 0, 0, 1, 0, 0, 0, 0x61, 0, 0, 0, 0xff])
    viewer.send([255, 0, 0, 0, 0, 0, 0, 0x61, 0, 0, 0, 0xff])
    viewer.key(0xffe1, isPressed: true)
    #expect(input.take(5) == ["q", "-q", "a", "-a", "leftshift"])
    viewer.send([5, 0x81] + RawViewer.word(1) + RawViewer.word(1) + [0b11])
    viewer.point(1, 1, 1)
    #expect(
      input.take(7) == [
        "to \(Self.place(1, 1))", "left", "side", "extra", "to \(Self.place(1, 1))", "-side", "-extra",
      ])
    viewer.request(incremental: false)
    try viewer.update()
    #expect(viewer.shows(pattern(1)))
    #expect(viewer.announced.count == 2)
  }

  @Test func `a viewer that takes them hears of the guest's lights`() throws {
    let input = FakeInput()
    input.setLights(.numLock)
    let scene = try scene(input)
    let viewer = try scene.viewer()
    try viewer.begin()
    viewer.setEncodings(.raw, .lights)
    try viewer.update()
    input.setLights([.capsLock, .scrollLock])
    try viewer.update()
    #expect(viewer.lights == [0b010, 0b101])
  }

  @Test func `without keyboard and pointer a viewer's input goes nowhere and nothing is announced`() throws {
    let scene = try Scene()
    scene.output.show(width: 40, height: 20, pattern(2))
    let viewer = try scene.viewer()
    try viewer.begin()
    viewer.setEncodings(.raw, .scanCodes, .moreButtons, .pointerWays, .lights)
    viewer.key(0x61, isPressed: true)
    viewer.point(0xff, 1, 1)
    viewer.request(incremental: false)
    try viewer.update()
    #expect(viewer.shows(pattern(2)) && viewer.announced.isEmpty && viewer.lights.isEmpty)
    viewer.send([255, 0, 0, 1, 0, 0, 0, 0x61, 0, 0, 0, 0x10])
    #expect(viewer.isDisconnected())
  }

  @Test func `a viewer that goes is detached, and so is one that never began`() throws {
    let input = FakeInput()
    let scene = try scene(input)
    do {
      let viewer = try scene.viewer()
      try viewer.look()
      viewer.key(0xffe3, isPressed: true)
      #expect(input.take(1) == ["leftctrl"])
      #expect(input.attached == 2)
    }
    #expect(comes { input.attached == 0 })
    _ = try scene.viewer()
    #expect(try scene.isWell(pattern(1)))
    scene.server.stop()
    #expect(input.attached == 0)
  }

  @Test func `sixteen viewers type at once and each key arrives`() throws {
    let input = FakeInput()
    let scene = try scene(input)
    let viewers = try (0..<16).map { _ in try scene.viewer() }
    for viewer in viewers { try viewer.begin() }
    for viewer in viewers {
      for _ in 0..<50 {
        viewer.key(0x61, isPressed: true)
        viewer.key(0x61, isPressed: false)
      }
    }
    let log = input.take(1600)
    #expect(log.filter { $0 == "a" }.count == 800 && log.filter { $0 == "-a" }.count == 800)
  }

  @Test func `messages about input that make no sense end the connection or change nothing`() throws {
    let input = FakeInput()
    let scene = try scene(input)
    for message in [[255, 1, 0, 0], [255, 0, 0]] as [[UInt8]] {
      let viewer = try scene.viewer()
      try viewer.begin()
      viewer.setEncodings(.raw, .scanCodes)
      try viewer.update()
      viewer.send(message + Array(repeating: 0, count: 8))
      shutdown(viewer.socket, CInt(SHUT_WR))
      #expect(viewer.isDisconnected())
    }
    let viewer = try scene.viewer()
    try viewer.look()
    for keysym in [0, 0x0100_0000, 0x0110_ffff, 0xffff_ffff] as [UInt32] {
      viewer.key(keysym, isPressed: true)
      viewer.key(keysym, isPressed: false)
    }
    viewer.key(0x62, isPressed: false)
    #expect(input.take(1) == ["-b"])
  }
}
