import Testing

@testable import DisplayModel

@Suite struct PixelFormatTests {
  /// Memory order of each format's channels, spelled once more by its name.
  static let rows: [(PixelFormat, String)] = [
    (.b8g8r8a8, "BGRA"), (.b8g8r8x8, "BGRX"), (.a8r8g8b8, "ARGB"), (.x8r8g8b8, "XRGB"),
    (.r8g8b8a8, "RGBA"), (.r8g8b8x8, "RGBX"), (.a8b8g8r8, "ABGR"), (.x8b8g8r8, "XBGR"),
  ]

  @Test func `every format has a row`() { #expect(Set(Self.rows.map(\.0)) == Set(PixelFormat.allCases)) }

  @Test(arguments: rows)
  func `channels come out as B, G, R and the fourth byte`(_ row: (format: PixelFormat, order: String)) {
    let values: [Character: UInt8] = ["B": 0xb1, "G": 0x62, "R": 0xf3, "A": 0x94, "X": 0x94]
    // 37 pixels, so that vector code has a remainder; each differs from the next.
    let count = 37
    var source = [UInt8](repeating: 0xee, count: 3)  // an odd offset
    for pixel in 0..<count {
      for channel in row.order { source.append(values[channel]! &+ UInt8(pixel)) }
    }
    for fourthByte in [PixelFormat.FourthByte.zero, .kept] {
      var target = [UInt8](repeating: 0x55, count: 5 + count * 4 + 2)
      convert(row.format, count, source, 3, &target, 5, fourthByte)
      var expected = [UInt8](repeating: 0x55, count: 5)
      for pixel in 0..<count {
        for channel in "BGR" as String { expected.append(values[channel]! &+ UInt8(pixel)) }
        expected.append(fourthByte == .zero ? 0 : values["A"]! &+ UInt8(pixel))
      }
      expected += [0x55, 0x55]
      #expect(target == expected)
    }
  }

  private func convert(
    _ format: PixelFormat, _ count: Int, _ source: [UInt8], _ sourceOffset: Int, _ target: inout [UInt8],
    _ targetOffset: Int, _ fourthByte: PixelFormat.FourthByte
  ) {
    var span = target.mutableSpan
    var bytes = unsafe span.mutableBytes
    unsafe format.convert(
      count: count, from: source.span.bytes, at: sourceOffset, to: &bytes, at: targetOffset,
      fourthByte: fourthByte)
  }
}
