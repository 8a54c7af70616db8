import FakeDisplays
import FrontEndAPI
import FrontEndPNG
import Testing

@Suite struct PictureFrontEndTests {
  @Test func `a device of another major version refuses the front-end and names both`() throws {
    let frontEnd = PictureFrontEnd()
    let mismatch = #expect(throws: InterfaceMismatch.self) {
      try FakeDisplay(attaching: frontEnd, major: DisplayInterface.major + 1)
    }
    #expect(
      mismatch?.description == "the front-end speaks display 1.0 (PNG pictures), the device speaks "
        + "display 2.7 (fake display): build the front-end for major version 2")
    #expect(throws: PictureError.notAttached) { try frontEnd.picture(ofOutput: 0, withCursor: false) }
  }

  @Test func `another interface refuses the front-end`() {
    let input = InterfaceVersion(type: "input", label: "keys", major: 1, minor: 0)
    let mismatch = #expect(throws: InterfaceMismatch.self) {
      try input.agreed(with: PictureFrontEnd().interface)
    }
    #expect(mismatch?.description.hasSuffix("attach it to a display interface") == true)
  }

  @Test func `a newer minor version of the device is brought down to the front-end's`() throws {
    let display = try FakeDisplay(attaching: PictureFrontEnd())
    #expect(display.version.major == 1 && display.version.minor == 0)
  }

  @Test func `the front-end was built for the interface of this package`() {
    #expect(PictureFrontEnd().interface.major == DisplayInterface.major)
    #expect(PictureFrontEnd().interface.type == DisplayInterface.type)
  }

  @Test func `a picture shows what the guest drew last, with or without the cursor`() throws {
    let frontEnd = PictureFrontEnd()
    let display = try FakeDisplay(attaching: frontEnd)
    display.draw(width: 5, height: 3, padding: 12) { x, y in [UInt8(x), UInt8(y), 7, 0] }
    let image = CursorImage(width: 1, height: 1, hotX: 0, hotY: 0, pixels: [90, 91, 92, 255])
    display.state.withLock { $0.cursor = CursorState(x: 4, y: 2, image: image) }

    let plain = try frontEnd.picture(ofOutput: 0, withCursor: false)
    #expect(plain.width == 5 && plain.height == 3)
    var expected: [UInt8] = []
    for y in 0..<3 { for x in 0..<5 { expected += [UInt8(x), UInt8(y), 7, 0] } }
    #expect(plain.pixels == expected)
    let pointed = try frontEnd.picture(ofOutput: 0, withCursor: true)
    expected.replaceSubrange(56..., with: [90, 91, 92, 0])
    #expect(pointed.pixels == expected)
    #expect(try frontEnd.cursor(ofOutput: 0) == CursorState(x: 4, y: 2, image: image))

    display.draw(width: 2, height: 1) { _, _ in [1, 1, 1, 0] }
    #expect(try frontEnd.picture(ofOutput: 0, withCursor: true).pixels == [1, 1, 1, 0, 1, 1, 1, 0])
  }

  @Test func `an output that is off has no picture but a cursor`() throws {
    let frontEnd = PictureFrontEnd()
    _ = try FakeDisplay(attaching: frontEnd)
    #expect(throws: PictureError.outputIsOff(index: 0)) {
      try frontEnd.picture(ofOutput: 0, withCursor: true)
    }
    #expect(try frontEnd.cursor(ofOutput: 0).image == nil)
  }

  @Test(arguments: [-1, 2, 16, Int.max, Int.min])
  func `an output that the device does not have is named`(_ index: Int) throws {
    let frontEnd = PictureFrontEnd()
    let display = try FakeDisplay(attaching: frontEnd, outputs: 2)
    let expected = PictureError.noSuchOutput(index: index, count: 2)
    #expect(throws: expected) { try frontEnd.picture(ofOutput: index, withCursor: false) }
    #expect(throws: expected) { try frontEnd.cursor(ofOutput: index) }
    #expect(expected.description == "the device has no scanout \(index): they are 0 to 1")
    display.detach()
  }

  @Test func `attaching anew lets the earlier display go`() throws {
    let frontEnd = PictureFrontEnd()
    let first = try FakeDisplay(attaching: frontEnd)
    let second = try FakeDisplay(attaching: frontEnd)
    #expect(first.state.withLock { $0.isDetached } && !second.state.withLock { $0.isDetached })
    frontEnd.detach()
    #expect(second.state.withLock { $0.isDetached })
    #expect(throws: PictureError.notAttached) { try frontEnd.cursor(ofOutput: 0) }
  }
}
