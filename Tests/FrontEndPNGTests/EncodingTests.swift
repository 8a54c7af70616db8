import FrontEndPNG
import Testing

/// Bytes without order that are the same each time.
private func noise(_ count: Int, seed: UInt64) -> [UInt8] {
  var state = seed
  return (0..<count).map { _ in
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return UInt8(truncatingIfNeeded: state >> 33)
  }
}

private func rgb(_ picture: Picture) -> [UInt8] {
  stride(from: 0, to: picture.pixels.count, by: 4).flatMap { at in
    [picture.pixels[at + 2], picture.pixels[at + 1], picture.pixels[at]]
  }
}

@Suite struct EncodingTests {
  @Test(arguments: [(1, 1), (1, 300), (300, 1), (3, 2), (17, 31), (64, 64), (257, 129)])
  func `a PNG holds the same pixels`(_ size: (width: Int, height: Int)) throws {
    for pixels in [
      noise(size.width * size.height * 4, seed: UInt64(size.width)),
      [UInt8](repeating: 0x7f, count: size.width * size.height * 4),
      (0..<size.width * size.height * 4).map { UInt8(truncatingIfNeeded: $0 / 7) },
    ] {
      let picture = try #require(Picture(width: size.width, height: size.height, pixels: pixels))
      let decoded = try PNGDecoder(try picture.pngBytes())
      #expect(decoded.width == size.width && decoded.height == size.height)
      #expect(decoded.rgb == rgb(picture))
    }
  }

  @Test func `the fourth byte of a pixel is not shown`() throws {
    let clear = try #require(Picture(width: 1, height: 2, pixels: [1, 2, 3, 0, 4, 5, 6, 0]))
    let full = try #require(Picture(width: 1, height: 2, pixels: [1, 2, 3, 255, 4, 5, 6, 9]))
    #expect(try clear.pngBytes() == full.pngBytes())
    #expect(clear.ppmBytes() == full.ppmBytes())
  }

  @Test func `a PNG of one colour is far smaller than its pixels`() throws {
    let pixels = [UInt8](repeating: 0, count: 1280 * 800 * 4)
    let picture = try #require(Picture(width: 1280, height: 800, pixels: pixels))
    #expect(try picture.pngBytes().count < 40_000)
  }

  @Test func `a pixmap is a short header and the raw pixels`() throws {
    let picture = try #require(Picture(width: 2, height: 1, pixels: [1, 2, 3, 0, 255, 128, 0, 0]))
    #expect(picture.ppmBytes() == Array("P6\n2 1\n255\n".utf8) + [3, 2, 1, 0, 128, 255])
  }

  @Test func `a picture wider than PNG allows is refused with a reason`() throws {
    // libpng's own limit is a million pixels a side.
    let picture = try #require(Picture(width: 1_000_001, height: 1, pixels: noise(4_000_004, seed: 1)))
    let error = #expect(throws: PictureEncodingError.self) { try picture.pngBytes() }
    #expect(error?.reason.isEmpty == false)
    #expect(error?.description.contains("libpng could not encode the picture") == true)
  }
}
