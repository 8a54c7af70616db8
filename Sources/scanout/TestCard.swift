import GuestDriver

/// The picture that `scanout demo` draws: colour bars over ramps of each colour, a checkerboard, a white frame.
///
/// Every pixel is a function of its place, so what the device shows can be compared with what was drawn.
struct TestCard {
  let width: Int
  let height: Int

  private static let bars: [(red: UInt8, green: UInt8, blue: UInt8)] = [
    (255, 255, 255), (255, 255, 0), (0, 255, 255), (0, 255, 0), (255, 0, 255), (255, 0, 0), (0, 0, 255),
    (0, 0, 0),
  ]

  /// The colour at a place inside the card.
  func pixel(_ x: Int, _ y: Int) -> GPUPixel {
    if min(x, y, width - 1 - x, height - 1 - y) < 2 { return GPUPixel(red: 255, green: 255, blue: 255) }
    let row = y * 12 / height
    let level = UInt8(x * 255 / (width - 1))
    switch row {
    case 0...5:
      let bar = Self.bars[x * 8 / width]
      return GPUPixel(red: bar.red, green: bar.green, blue: bar.blue)
    case 6: return GPUPixel(red: level, green: level, blue: level)
    case 7: return GPUPixel(red: level, green: 0, blue: 0)
    case 8: return GPUPixel(red: 0, green: level, blue: 0)
    case 9: return GPUPixel(red: 0, green: 0, blue: level)
    default:
      let isLight = (x / 16 + y / 16) % 2 == 0
      return isLight ? GPUPixel(red: 200, green: 200, blue: 200) : GPUPixel(red: 60, green: 60, blue: 60)
    }
  }

  /// A cursor of 64x64: an arrow with a dark edge that points at its top left corner, and a soft shadow.
  static func arrow(_ x: Int, _ y: Int) -> GPUPixel {
    func isInside(_ x: Int, _ y: Int) -> Bool { x >= 0 && x <= y * 2 / 3 && y + x / 3 <= 48 }
    if isInside(x, y) {
      let isEdge = !isInside(x - 2, y) || !isInside(x + 2, y) || !isInside(x, y - 2) || !isInside(x, y + 2)
      return isEdge ? GPUPixel(red: 20, green: 20, blue: 20) : GPUPixel(red: 250, green: 250, blue: 250)
    }
    // Premultiplied: black under an alpha of 96.
    return isInside(x - 5, y - 5)
      ? GPUPixel(red: 0, green: 0, blue: 0, alpha: 96) : GPUPixel(red: 0, green: 0, blue: 0, alpha: 0)
  }
}
