import FrontEndAPI
import FrontEndPNG
import Testing

/// A picture of a surface made of `bytes`.
private func copy(width: Int, height: Int, stride: Int, _ bytes: [UInt8]) -> Picture? {
  // Every byte of an array of UInt8 is initialized, so viewing it raw is sound.
  let raw = unsafe bytes.span.bytes
  return Picture(copying: Surface(width: width, height: height, stride: stride, bytes: raw))
}

@Suite struct PictureTests {
  @Test(arguments: [
    (0, 1, 0), (1, 0, 0), (-1, -1, 4), (2, 2, 15), (2, 2, 17), (2, 2, 12), (2, 2, 20), (Int.max, 2, 8),
    (Int.max, Int.max, 4), (1 << 62, 1 << 62, 0),
  ])
  func `a size that does not fit its pixels is refused`(_ row: (width: Int, height: Int, bytes: Int)) {
    let pixels = [UInt8](repeating: 0, count: row.bytes)
    #expect(Picture(width: row.width, height: row.height, pixels: pixels) == nil)
  }

  @Test func `copying a surface leaves out the padding between rows`() throws {
    let bytes: [UInt8] = [1, 2, 3, 0, 4, 5, 6, 0, 99, 99, 99, 99, 7, 8, 9, 0, 10, 11, 12, 0, 99, 99, 99, 99]
    let picture = try #require(copy(width: 2, height: 2, stride: 12, bytes))
    #expect(picture.pixels == [1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 0, 10, 11, 12, 0])
    #expect(picture.width == 2 && picture.height == 2)
  }

  @Test func `the last row of a surface needs no padding read`() throws {
    let bytes = [UInt8](repeating: 5, count: 5 * 4 * 3)
    let picture = try #require(copy(width: 5, height: 3, stride: 20, bytes))
    #expect(picture.pixels == bytes)
  }

  @Test func `a surface without pixels is no picture`() {
    #expect(copy(width: 0, height: 0, stride: 0, []) == nil)
    #expect(copy(width: 3, height: 0, stride: 12, []) == nil)
  }
}
