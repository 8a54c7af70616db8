public import FrontEndAPI

/// A still picture of an output: a copy of its finished pixels that nobody else changes.
public struct Picture: Sendable, Equatable {
  /// Pixels in a row, at least 1: the width of the scanout's rectangle.
  public let width: Int
  /// Rows, at least 1: the height of the scanout's rectangle.
  public let height: Int
  /// `width * height * 4` bytes, rows from the top without padding, each pixel B, G, R, X.
  public internal(set) var pixels: [UInt8]

  /// A picture of given pixels; nil when a side is below 1 or `pixels` has not exactly the bytes it needs.
  public init?(width: Int, height: Int, pixels: [UInt8]) {
    guard width >= 1, height >= 1 else { return nil }
    let (count, overflow) = width.multipliedReportingOverflow(by: height)
    guard !overflow, pixels.count % 4 == 0, pixels.count / 4 == count else { return nil }
    self.width = width
    self.height = height
    self.pixels = pixels
  }

  /// Copies a surface, leaving out the padding between its rows; nil when a side is 0.
  public init?(copying surface: borrowing Surface) {
    guard surface.width >= 1, surface.height >= 1 else { return nil }
    width = surface.width
    height = surface.height
    let rowBytes = surface.width * 4
    var copy = [UInt8]()
    copy.reserveCapacity(rowBytes * surface.height)
    for row in 0..<surface.height {
      let start = row * surface.stride
      // The array takes a whole row at once; the span checks that the row lies inside it.
      let bytes = surface.bytes.extracting(start..<start + rowBytes)
      unsafe bytes.withUnsafeBytes { unsafe copy.append(contentsOf: $0) }
    }
    pixels = copy
  }

  /// Appends R, G and B of every pixel, without padding.
  func appendRGB(to bytes: inout [UInt8]) {
    bytes.reserveCapacity(bytes.count + pixels.count / 4 * 3)
    let source = pixels.span
    var at = 0
    while at < source.count {
      bytes.append(source[at + 2])
      bytes.append(source[at + 1])
      bytes.append(source[at])
      at += 4
    }
  }
}
