import FrontEndAPI

extension Rectangle {
  /// Whether there is no pixel inside.
  var isEmpty: Bool { width == 0 || height == 0 }

  /// One past the last column and row, in 64 bits: they cannot wrap.
  var endX: UInt64 { UInt64(x) + UInt64(width) }
  var endY: UInt64 { UInt64(y) + UInt64(height) }

  /// How many pixels are inside.
  var area: UInt64 { UInt64(width) * UInt64(height) }

  /// Whether every pixel of `other` is inside a picture of `width` times `height` pixels.
  func fits(width: Int, height: Int) -> Bool { endX <= UInt64(width) && endY <= UInt64(height) }

  /// Whether all of `other` is inside.
  func contains(_ other: Rectangle) -> Bool {
    other.x >= x && other.y >= y && other.endX <= endX && other.endY <= endY
  }

  /// What both have in common; nil if that is nothing.
  func intersection(_ other: Rectangle) -> Rectangle? {
    let left = max(x, other.x), top = max(y, other.y)
    let right = min(endX, other.endX), bottom = min(endY, other.endY)
    guard UInt64(left) < right, UInt64(top) < bottom else { return nil }
    // No larger than either side of the smaller rectangle, so both fit 32 bits.
    return Rectangle(
      x: left, y: top, width: UInt32(right - UInt64(left)), height: UInt32(bottom - UInt64(top)))
  }

  /// The smallest rectangle around both, neither of which reaches beyond 2^32.
  func union(_ other: Rectangle) -> Rectangle {
    let left = min(x, other.x), top = min(y, other.y)
    return Rectangle(
      x: left, y: top,
      width: UInt32(clamping: max(endX, other.endX) - UInt64(left)),
      height: UInt32(clamping: max(endY, other.endY) - UInt64(top)))
  }
}
