public import FrontEndAPI

extension Picture {
  /// Draws a cursor into the picture, as a viewer would see it; a hidden one changes nothing.
  ///
  /// The image is premultiplied: `dst = src + (dst * (255 - a) + 127) / 255` for each of B, G and R, at most 255
  /// (an image whose colours exceed its alpha is no reason to wrap around). Parts beyond an edge are cut off.
  public mutating func blend(_ cursor: CursorState) {
    guard let image = cursor.image else { return }
    let left = Int(cursor.x)
    let top = Int(cursor.y)
    // Sides of an image are at most its byte count, so adding a 32-bit position cannot overflow.
    let columns = max(left, 0)..<max(min(left + image.width, width), max(left, 0))
    let rows = max(top, 0)..<max(min(top + image.height, height), max(top, 0))
    guard !columns.isEmpty, !rows.isEmpty else { return }

    let source = image.pixels.span
    let rowWidth = width
    var target = pixels.mutableSpan
    for row in rows {
      var from = ((row - top) * image.width + (columns.lowerBound - left)) * 4
      var to = (row * rowWidth + columns.lowerBound) * 4
      for _ in columns {
        let opacity = UInt32(source[from + 3])
        for channel in 0..<3 {
          let under = UInt32(target[to + channel])
          let sum = UInt32(source[from + channel]) + (under * (255 - opacity) + 127) / 255
          target[to + channel] = UInt8(min(sum, 255))
        }
        from += 4
        to += 4
      }
    }
  }
}
