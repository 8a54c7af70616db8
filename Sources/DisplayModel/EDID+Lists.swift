import FrontEndAPI

/// The modes that an EDID lists beside the preferred one, all at 60 Hz.
extension EDID {
  /// Whether a mode may be listed where `largest` is what can be shown; 640x480 always is.
  static func isListed(_ width: Int, _ height: Int, _ largest: PictureSize?) -> Bool {
    guard let largest, (width, height) != (640, 480) else { return true }
    return width <= largest.width && height <= largest.height
  }

  /// A mode that stands for one bit of a list.
  struct BitMode {
    let byte: Int
    let bit: UInt8
    let width: Int
    let height: Int

    init(_ byte: Int, _ bit: UInt8, _ width: Int, _ height: Int) {
      self.byte = byte
      self.bit = bit
      self.width = width
      self.height = height
    }
  }

  /// The established timings, three bytes.
  static let establishedTimings = [
    BitMode(0, 0x20, 640, 480), BitMode(0, 0x01, 800, 600), BitMode(1, 0x08, 1024, 768),
  ]

  /// Established timings III, without reduced blanking: six bytes, and six that are reserved.
  static let moreEstablishedTimings = [
    BitMode(1, 0x40, 1280, 768), BitMode(2, 0x80, 1360, 768), BitMode(2, 0x02, 1400, 1050),
    BitMode(4, 0x20, 1792, 1344), BitMode(4, 0x08, 1856, 1392), BitMode(5, 0x20, 1920, 1440),
  ]

  /// The bytes of a list.
  static func bits(_ modes: [BitMode], count: Int, _ largest: PictureSize?) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    for mode in modes where isListed(mode.width, mode.height, largest) { bytes[mode.byte] |= mode.bit }
    return bytes
  }

  /// Eight modes of two bytes: (width / 8 - 31), then aspect and (refresh - 60); 1, 1 where there is none.
  static func standardTimings(_ largest: PictureSize?) -> [UInt8] {
    // 16:10, 4:3, 5:4 and 16:9.
    let wide: UInt8 = 0x00, classic: UInt8 = 0x40, tall: UInt8 = 0x80, film: UInt8 = 0xc0
    let modes = [
      (2048, 1152, film), (1920, 1200, wide), (1920, 1080, film), (1680, 1050, wide), (1600, 1200, classic),
      (1440, 900, wide), (1280, 1024, tall), (1280, 960, classic),
    ]
    let listed = modes.filter { isListed($0.0, $0.1, largest) }
    return listed.flatMap { [UInt8($0.0 / 8 - 31), $0.2] }
      + [UInt8](repeating: 1, count: (modes.count - listed.count) * 2)
  }
}
