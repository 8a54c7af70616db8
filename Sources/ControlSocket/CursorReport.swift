/// What `cursor` tells of an output's cursor.
package struct CursorReport: Sendable, Equatable {
  /// Whether an image is shown.
  package var isVisible: Bool
  /// Position as the driver sent it.
  package var x: Int32
  package var y: Int32
  /// Hot spot and size of the image; all 0 while it is hidden.
  package var hotX: UInt32
  package var hotY: UInt32
  package var width: UInt32
  package var height: UInt32
  /// CRC-32 of the image's bytes, B, G, R, A of each pixel; 0 while it is hidden.
  package var crc: UInt32

  package init(
    isVisible: Bool, x: Int32, y: Int32, hotX: UInt32 = 0, hotY: UInt32 = 0, width: UInt32 = 0,
    height: UInt32 = 0,
    crc: UInt32 = 0
  ) {
    (self.isVisible, self.x, self.y, self.hotX, self.hotY) = (isVisible, x, y, hotX, hotY)
    (self.width, self.height, self.crc) = (width, height, crc)
  }

  /// How it travels: thirty-two bytes, each field four of them, least significant first.
  package var bytes: [UInt8] {
    [
      isVisible ? 1 : 0, UInt32(bitPattern: x), UInt32(bitPattern: y), hotX, hotY, width, height, crc,
    ].flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32($0 * 8)) } }
  }

  /// Reads what travelled; nil when it is not exactly that.
  package init?(bytes: [UInt8]) {
    guard bytes.count == 32, bytes[0] <= 1 else { return nil }
    let words = stride(from: 0, to: 32, by: 4).map { at in
      (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[at + $1]) << UInt32($1 * 8) }
    }
    guard words[0] <= 1 else { return nil }
    self.init(
      isVisible: words[0] == 1, x: Int32(bitPattern: words[1]), y: Int32(bitPattern: words[2]),
      hotX: words[3],
      hotY: words[4], width: words[5], height: words[6], crc: words[7])
  }

  /// One JSON object on one line.
  package var json: String {
    "{\"visible\": \(isVisible), \"x\": \(x), \"y\": \(y), \"hot_x\": \(hotX), \"hot_y\": \(hotY), "
      + "\"w\": \(width), \"h\": \(height), \"crc\": \"\(checksum)\"}"
  }

  /// For people.
  package var text: String {
    isVisible
      ? "visible at \(x), \(y): \(width)x\(height), hot spot \(hotX), \(hotY), CRC-32 \(checksum)"
      : "hidden at \(x), \(y)"
  }

  private var checksum: String {
    let digits = String(crc, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }
}
