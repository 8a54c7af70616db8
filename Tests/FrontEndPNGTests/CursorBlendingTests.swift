import FrontEndAPI
import FrontEndPNG
import Testing

/// A picture in one colour.
private func picture(_ width: Int, _ height: Int, _ colour: [UInt8] = [10, 20, 30, 0]) throws -> Picture {
  try #require(
    Picture(
      width: width, height: height, pixels: Array(repeatElement(colour, count: width * height).joined())))
}

/// A cursor whose pixel at column x and row y is blue 100 + x, green 100 + y, red 0, opaque.
private func opaque(_ width: Int, _ height: Int, x: Int32, y: Int32) -> CursorState {
  var pixels: [UInt8] = []
  for row in 0..<height {
    for column in 0..<width { pixels += [UInt8(100 + column), UInt8(100 + row), 0, 255] }
  }
  let image = CursorImage(width: width, height: height, hotX: 1, hotY: 1, pixels: pixels)
  return CursorState(x: x, y: y, image: image)
}

@Suite struct CursorBlendingTests {
  @Test func `every alpha and colour follows the premultiplied formula`() throws {
    // One row for each alpha, one column for each colour below; the reference is exact rational arithmetic.
    let unders: [UInt8] = [0, 1, 2, 63, 64, 127, 128, 191, 200, 254, 255]
    for alpha in 0...255 {
      var pixels: [UInt8] = []
      var cursor: [UInt8] = []
      for under in unders {
        pixels += [under, under, under, 0]
        cursor += [UInt8(alpha), UInt8(alpha / 2), 0, UInt8(alpha)]
      }
      var picture = try #require(Picture(width: unders.count, height: 1, pixels: pixels))
      let image = CursorImage(width: unders.count, height: 1, hotX: 0, hotY: 0, pixels: cursor)
      picture.blend(CursorState(x: 0, y: 0, image: image))
      for (column, under) in unders.enumerated() {
        let kept = (Int(under) * (255 - alpha) + 127) / 255
        let expected = [alpha, alpha / 2, 0].map { UInt8(min($0 + kept, 255)) } + [0]
        #expect(
          Array(picture.pixels[column * 4..<column * 4 + 4]) == expected, "alpha \(alpha), under \(under)")
      }
    }
  }

  @Test func `rounding is to the nearest value and never darkens what lies under a clear pixel`() throws {
    var picture = try #require(Picture(width: 2, height: 1, pixels: [255, 254, 1, 0, 255, 3, 2, 0]))
    let image = CursorImage(width: 2, height: 1, hotX: 0, hotY: 0, pixels: [0, 0, 0, 0, 0, 0, 0, 128])
    picture.blend(CursorState(x: 0, y: 0, image: image))
    // 255 * 127 / 255 = 127; 3 * 127 / 255 = 1.49, so 1; 2 * 127 / 255 = 0.996, so 1.
    #expect(picture.pixels == [255, 254, 1, 0, 127, 1, 1, 0])
  }

  @Test func `colours above their alpha stop at 255`() throws {
    var picture = try picture(1, 1, [200, 200, 200, 0])
    let image = CursorImage(width: 1, height: 1, hotX: 0, hotY: 0, pixels: [255, 100, 0, 0])
    picture.blend(CursorState(x: 0, y: 0, image: image))
    #expect(picture.pixels == [255, 255, 200, 0])
  }

  @Test(
    arguments: [
      // x, y, and how much of a 3x2 cursor an 8x6 picture shows: columns and rows of the picture.
      (0, 0, 0..<3, 0..<2), (5, 4, 5..<8, 4..<6), (-1, 0, 0..<2, 0..<2), (-2, -1, 0..<1, 0..<1),
      (6, 5, 6..<8, 5..<6), (7, -1, 7..<8, 0..<1), (-3, 0, 0..<0, 0..<0), (8, 0, 0..<0, 0..<0),
      (0, -2, 0..<0, 0..<0), (0, 6, 0..<0, 0..<0), (Int32.min, Int32.min, 0..<0, 0..<0),
      (Int32.max, Int32.max, 0..<0, 0..<0), (Int32.min, 2, 0..<0, 0..<0), (2, Int32.max, 0..<0, 0..<0),
    ] as [(Int32, Int32, Range<Int>, Range<Int>)])
  func `a cursor beyond an edge is cut off there`(
    _ row: (x: Int32, y: Int32, columns: Range<Int>, rows: Range<Int>)
  ) throws {
    var drawn = try picture(8, 6)
    drawn.blend(opaque(3, 2, x: row.x, y: row.y))
    for y in 0..<6 {
      for x in 0..<8 {
        let at = (y * 8 + x) * 4
        let covered = row.columns.contains(x) && row.rows.contains(y)
        let expected: [UInt8] =
          covered ? [UInt8(100 + x - Int(row.x)), UInt8(100 + y - Int(row.y)), 0, 0] : [10, 20, 30, 0]
        #expect(Array(drawn.pixels[at..<at + 4]) == expected, "at \(x), \(y)")
      }
    }
  }

  @Test func `a cursor larger than the picture covers all of it`() throws {
    var drawn = try picture(2, 2)
    drawn.blend(opaque(64, 64, x: -30, y: -31))
    #expect(drawn.pixels == [130, 131, 0, 0, 131, 131, 0, 0, 130, 132, 0, 0, 131, 132, 0, 0])
  }

  @Test(
    arguments: [(-500, -490, 0..<12, 0..<22), (30, 25, 30..<40, 25..<30), (-3, 29, 0..<40, 29..<30)]
      as [(Int32, Int32, Range<Int>, Range<Int>)])
  func `of the largest cursor is seen what lies inside`(
    _ row: (x: Int32, y: Int32, columns: Range<Int>, rows: Range<Int>)
  ) throws {
    var drawn = try picture(40, 30)
    let plain = drawn
    var pixels: [UInt8] = []
    for place in 0..<(512 * 512) { pixels += [UInt8(place % 251), UInt8(place / 512 % 241), 7, 255] }
    let image = CursorImage(width: 512, height: 512, hotX: 511, hotY: 0, pixels: pixels)
    drawn.blend(CursorState(x: row.x, y: row.y, image: image))
    for y in 0..<30 {
      for x in 0..<40 {
        let at = (y * 40 + x) * 4
        var expected = plain.pixels[at..<at + 3]
        if row.columns.contains(x), row.rows.contains(y) {
          let place = ((y - Int(row.y)) * 512 + x - Int(row.x)) * 4
          expected = pixels[place..<place + 3]
        }
        #expect(Array(drawn.pixels[at..<at + 3]) == Array(expected), "at \(x), \(y)")
      }
    }
  }

  @Test func `a hidden cursor and one without pixels draw nothing`() throws {
    var drawn = try picture(3, 3)
    drawn.blend(CursorState(x: 1, y: 1, image: nil))
    drawn.blend(
      CursorState(x: 1, y: 1, image: CursorImage(width: 0, height: 0, hotX: 0, hotY: 0, pixels: [])))
    #expect(try drawn == picture(3, 3))
  }
}
