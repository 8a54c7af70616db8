import GuestScene
import Testing

@Suite("The pictures that guest and host agree on")
struct PatternTests {
  /// The values come from the host's own formula in `tools/guest/lib/reference.py`.
  @Test(
    "a pixel has the value of the formula",
    arguments: [
      (UInt32(0), UInt32(0), UInt32(0), UInt32(0x67_6882)), (1, 0, 0, 0xff_2896),
      (0x5eed, 641, 479, 0x8c_192d),
      (0xffff_ffff, 3839, 2159, 0xa5_530b),
    ])
  func pixel(seed: UInt32, x: UInt32, y: UInt32, expected: UInt32) {
    #expect(Pattern(seed: seed).pixel(x: x, y: y) == expected)
  }

  @Test(
    "a cursor's pixel has the value of the formula",
    arguments: [
      (UInt32(7), UInt32(0), UInt32(0), UInt32(0)), (7, 8, 0, 0x5512_203c), (7, 16, 0, 0x800f_0210),
      (7, 63, 63, 0x8016_750c), (0xabcd_ef01, 20, 11, 0xff41_488e),
    ])
  func cursorPixel(seed: UInt32, x: UInt32, y: UInt32, expected: UInt32) {
    #expect(CursorImage(seed: seed).pixel(x: x, y: y) == expected)
  }

  @Test("no colour of a cursor exceeds its opacity")
  func premultiplied() {
    let image = CursorImage(seed: 0x1234)
    var opacities: Set<UInt32> = []
    for y in 0..<UInt32(CursorImage.side) {
      for x in 0..<UInt32(CursorImage.side) {
        let pixel = image.pixel(x: x, y: y), alpha = pixel >> 24
        opacities.insert(alpha)
        #expect((pixel >> 16) & 255 <= alpha && (pixel >> 8) & 255 <= alpha && pixel & 255 <= alpha)
      }
    }
    #expect(opacities == Set(CursorImage.opacities))
  }

  @Test("no two rows and no two columns of a large screen are alike")
  func rowsAndColumnsDiffer() {
    let pattern = Pattern(seed: 0x5eed)
    #expect(Set((0..<UInt32(3840)).map { pattern.column($0) >> 8 }).count >= 3838)
    #expect(Set((0..<UInt32(2160)).map { pattern.row($0) >> 8 }).count >= 2158)
  }

  @Test(
    "a timing is in order and near 60 frames a second", arguments: [(640, 480), (1366, 768), (3840, 2160)])
  func timing(width: Int, height: Int) throws {
    let timing = try #require(Timing(width: width, height: height))
    #expect(timing.columns < timing.syncStart && timing.syncStart < timing.syncEnd)
    #expect(timing.syncEnd < timing.total)
    #expect(timing.rows < timing.rowSyncStart && timing.rowSyncStart < timing.rowSyncEnd)
    #expect(timing.rowSyncEnd < timing.rowTotal)
    let rate = Double(timing.clock) * 1000 / Double(timing.total) / Double(timing.rowTotal)
    #expect(abs(rate - 60) < 0.5)
  }

  @Test("a timing without a side, or with one too long, is refused", arguments: [(0, 1), (1, 0), (16385, 1)])
  func noTiming(width: Int, height: Int) {
    #expect(Timing(width: width, height: height) == nil)
  }
}
