/// What an output shows: bytes B, G, R, 0 of each pixel, rows from the top without padding.
package struct ScreenPicture: Equatable, Sendable {
  /// In pixels.
  package var width: Int
  package var height: Int
  package var bytes: [UInt8]

  /// A picture; `bytes` must have `width * height * 4` bytes.
  package init(width: Int, height: Int, bytes: [UInt8]) {
    precondition(bytes.count == width * height * 4)
    self.width = width
    self.height = height
    self.bytes = bytes
  }

  /// Where this one differs first from what was wanted; nil if nowhere.
  package func firstDifference(from wanted: ScreenPicture) -> String? {
    guard width == wanted.width, height == wanted.height else {
      return "\(width)x\(height) instead of \(wanted.width)x\(wanted.height)"
    }
    guard bytes != wanted.bytes, let at = bytes.indices.first(where: { bytes[$0] != wanted.bytes[$0] })
    else { return nil }
    let pixel = at / 4 * 4..<at / 4 * 4 + 4
    return "\(Array(bytes[pixel])) instead of \(Array(wanted.bytes[pixel])) (B, G, R) at "
      + "\(at / 4 % width),\(at / 4 / width)"
  }
}

/// The pointer of an output.
package struct ScreenCursor: Equatable, Sendable {
  /// Where the driver put it, in the output's pixels.
  package var x: Int32
  package var y: Int32
  /// nil while it is hidden.
  package var image: Image?

  /// A pointer's image with the place in it that points.
  package struct Image: Equatable, Sendable {
    package var hotX: Int
    package var hotY: Int
    /// In pixels.
    package var width: Int
    package var height: Int
    /// Bytes B, G, R, A of each pixel, premultiplied, rows from the top without padding.
    package var bytes: [UInt8]

    package init(hotX: Int, hotY: Int, width: Int, height: Int, bytes: [UInt8]) {
      self.hotX = hotX
      self.hotY = hotY
      self.width = width
      self.height = height
      self.bytes = bytes
    }
  }

  package init(x: Int32, y: Int32, image: Image?) {
    self.x = x
    self.y = y
    self.image = image
  }
}
