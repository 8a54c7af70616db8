import FrontEndAPI
import GuestDriver
import Testing

/// The cursor of an output (virtio 1.4 §5.7.6.10).
@Suite struct CursorTests {
  func state(_ bench: Bench, _ output: Int = 0) throws -> CursorState {
    try #require(bench.device.channel.cursor(ofOutput: output))
  }

  func makeImage(_ bench: Bench, format: GPUFormat = .bgra, seed: Int = 1) throws -> Framebuffer {
    let image = try bench.driver.createFramebuffer(width: 64, height: 64, format: format)
    bench.driver.draw(image, premultiplied(pattern(seed)))
    return image
  }

  /// No channel above its alpha.
  func premultiplied(_ pixel: @escaping (Int, Int) -> GPUPixel) -> (Int, Int) -> GPUPixel {
    { x, y in
      var pixel = pixel(x, y)
      pixel.red = min(pixel.red, pixel.alpha)
      pixel.green = min(pixel.green, pixel.alpha)
      pixel.blue = min(pixel.blue, pixel.alpha)
      return pixel
    }
  }

  func expectedBytes(_ seed: Int) -> [UInt8] {
    (0..<64).flatMap { y in
      (0..<64).flatMap { x in
        let pixel = premultiplied(pattern(seed))(x, y)
        return [pixel.blue, pixel.green, pixel.red, pixel.alpha]
      }
    }
  }

  @Test(arguments: DevicePath.allCases, [GPUFormat.bgra, .argb, .rgba, .abgr])
  func `a cursor image arrives as B, G, R, A whatever its format`(_ path: DevicePath, _ format: GPUFormat)
    throws
  {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    #expect(try state(bench).image == nil)
    let image = try makeImage(bench, format: format)
    try bench.driver.showCursor(image, x: 100, y: 50, hotX: 3, hotY: 7)
    let cursor = try state(bench)
    #expect(cursor.x == 100 && cursor.y == 50)
    let shown = try #require(cursor.image)
    #expect(shown.width == 64 && shown.height == 64 && shown.hotX == 3 && shown.hotY == 7)
    #expect(shown.pixels == expectedBytes(1))
  }

  @Test(arguments: DevicePath.allCases, [(1, 1), (24, 40), (65, 64), (512, 512)])
  func `a cursor of another size is an extension that arrives with its hot spot`(
    _ path: DevicePath, _ size: (Int, Int)
  ) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    let (width, height) = size
    let image = try bench.driver.createFramebuffer(width: width, height: height, format: .bgra)
    bench.driver.draw(image, premultiplied(pattern(5)))
    try bench.driver.showCursor(
      image, x: 0xffff_fff0, y: 0x2ff, hotX: UInt32(width - 1), hotY: UInt32(height - 1))
    let cursor = try state(bench)
    #expect(cursor.x == -16 && cursor.y == 767)
    let shown = try #require(cursor.image)
    #expect(shown.width == width && shown.height == height)
    #expect(shown.hotX == width - 1 && shown.hotY == height - 1)
    let expected = (0..<height).flatMap { y in
      (0..<width).flatMap { x -> [UInt8] in
        let pixel = premultiplied(pattern(5))(x, y)
        return [pixel.blue, pixel.green, pixel.red, pixel.alpha]
      }
    }
    #expect(shown.pixels == expected)
  }

  /// Drivers draw pointers with alpha into resources that they made without: Linux does.
  @Test(arguments: DevicePath.allCases, [GPUFormat.bgrx, .xrgb, .rgbx, .xbgr])
  func `a cursor image keeps its fourth byte where the format calls it unused`(
    _ path: DevicePath, _ format: GPUFormat
  ) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    try bench.driver.showCursor(try makeImage(bench, format: format), x: 0, y: 0)
    #expect(try state(bench).image?.pixels == expectedBytes(1))
  }

  @Test(
    arguments: DevicePath.allCases,
    [(UInt32(0), UInt32(0)), (5, 6), (1023, 767), (100_000, 1), (0xffff_fff0, 0xffff_ffff), (0x8000_0000, 0)])
  func `a cursor moves anywhere, over the edges too`(_ path: DevicePath, _ place: (UInt32, UInt32)) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    try bench.driver.showCursor(try makeImage(bench), x: 1, y: 1)
    let reply = try bench.driver.send(.moveCursor(scanout: 0, x: place.0, y: place.1))
    #expect(reply.type == GPULayout.Response.okNoData)
    let cursor = try state(bench)
    #expect(UInt32(bitPattern: cursor.x) == place.0 && UInt32(bitPattern: cursor.y) == place.1)
  }

  @Test(arguments: DevicePath.allCases)
  func `resource 0 hides the cursor and the image stays as it was loaded`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    let image = try makeImage(bench)
    try bench.driver.showCursor(image, x: 1, y: 2)
    // What happens to the resource afterwards is no concern of the cursor.
    bench.driver.draw(image, pattern(77))
    try bench.driver.transfer(image)
    #expect(try state(bench).image?.pixels == expectedBytes(1))
    try bench.driver.expectOK(.updateCursor(scanout: 0, x: 1, y: 2, resource: 0, hotX: 0, hotY: 0))
    #expect(try state(bench).image == nil)
  }

  @Test(arguments: DevicePath.allCases)
  func `every output has its own cursor`(_ path: DevicePath) throws {
    let bench = try Bench(path, outputs: [(640, 480), (800, 600)])
    try bench.driver.bringUp()
    try bench.driver.showCursor(try makeImage(bench, seed: 1), on: 0, x: 10, y: 11)
    try bench.driver.showCursor(try makeImage(bench, seed: 2), on: 1, x: 20, y: 21)
    try bench.driver.expectOK(.moveCursor(scanout: 1, x: 30, y: 31))
    let first = try state(bench, 0), second = try state(bench, 1)
    #expect(first.x == 10 && first.y == 11 && first.image?.pixels == expectedBytes(1))
    #expect(second.x == 30 && second.y == 31 && second.image?.pixels == expectedBytes(2))
  }

  @Test(arguments: DevicePath.allCases)
  func `cursor requests without room for an answer are done and given back empty`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    let image = try makeImage(bench)
    try bench.driver.transfer(image)
    for command in [
      GPUCommand.updateCursor(scanout: 0, x: 9, y: 8, resource: image.resource, hotX: 1, hotY: 1),
      .moveCursor(scanout: 0, x: 7, y: 6),
    ] {
      let reply = try bench.driver.send(
        command.encoded(), on: GPULayout.cursorQueue, responseRoom: 0)
      #expect(reply.usedLength == 0)
    }
    let cursor = try state(bench)
    #expect(cursor.x == 7 && cursor.y == 6 && cursor.image != nil)
  }

  @Test(arguments: DevicePath.allCases)
  func `a reset hides every cursor`(_ path: DevicePath) throws {
    let bench = try Bench(path, outputs: [(64, 64), (64, 64)])
    try bench.driver.bringUp()
    let image = try makeImage(bench)
    try bench.driver.showCursor(image, on: 0, x: 1, y: 1)
    try bench.driver.showCursor(image, on: 1, x: 1, y: 1)
    try bench.driver.reset()
    #expect(try state(bench, 0).image == nil)
    #expect(try state(bench, 1).image == nil)
  }
}
