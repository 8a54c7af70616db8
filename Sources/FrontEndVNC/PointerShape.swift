import FrontEndAPI

/// A guest's cursor in the form of the cursor pseudo-encoding (RFC 6143 §7.8.1): colours, and a mask of one bit each.
struct PointerShape: Equatable {
  let width: Int
  let height: Int
  let hotX: Int
  let hotY: Int
  /// `width * height * 4` bytes B, G, R, X, not premultiplied.
  let colours: [UInt8]
  /// A bit for each pixel, the first in a byte's highest; rows begin with a byte.
  let mask: [UInt8]

  /// What libvncserver's buffer for one message holds, less the headers before the shape.
  private static let maximumBytes = 32768 - 64

  /// A shape; nil when it is empty or too large to be sent in one piece (a square of 89 pixels is), and then nothing
  /// is shown.
  ///
  /// The mask knows no half-transparent pixels: those of at least half opacity are shown, in their full colour.
  init?(_ image: CursorImage) {
    guard 1...255 ~= image.width, 1...255 ~= image.height else { return nil }
    let rowBytes = (image.width + 7) / 8
    guard image.pixels.count + rowBytes * image.height <= Self.maximumBytes else { return nil }
    width = image.width
    height = image.height
    hotX = max(0, min(image.hotX, image.width - 1))
    hotY = max(0, min(image.hotY, image.height - 1))
    var colours = [UInt8](repeating: 0, count: image.pixels.count)
    var mask = [UInt8](repeating: 0, count: rowBytes * image.height)
    for y in 0..<image.height {
      for x in 0..<image.width {
        let at = (y * image.width + x) * 4
        let opacity = Int(image.pixels[at + 3])
        guard opacity >= 128 else { continue }
        mask[y * rowBytes + x / 8] |= 0x80 >> UInt8(x % 8)
        for channel in 0..<3 {
          // An image whose colours exceed its alpha is no reason to wrap around.
          let straight = (Int(image.pixels[at + channel]) * 255 + opacity / 2) / opacity
          colours[at + channel] = UInt8(min(straight, 255))
        }
      }
    }
    self.colours = colours
    self.mask = mask
  }
}
