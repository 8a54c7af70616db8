/// A picture as QEMU's monitor saves it: three bytes a pixel, red first.
package struct Screenshot: Hashable, Sendable {
  /// In pixels.
  package var width: Int
  package var height: Int
  package var bytes: [UInt8]

  /// Reads a binary PPM file with eight bits a channel and no comments.
  ///
  /// QEMU fills each line up to a multiple of four bytes, which the format does not have; both are read.
  package init?(portablePixmap file: [UInt8]) {
    // Magic, width, height and maximum, each ended by one white space.
    let words = file.prefix(40).split(maxSplits: 4, omittingEmptySubsequences: false) {
      $0 == 0x0a || $0 == 0x20
    }
    guard words.count == 5, let start = words.last?.startIndex else { return nil }
    let header = words.prefix(4).map { String(decoding: $0, as: UTF8.self) }
    guard header[0] == "P6", header[3] == "255", let width = Int(header[1]), let height = Int(header[2]),
      (1...65536).contains(width), (1...65536).contains(height)
    else { return nil }
    let pixels = file[start...], line = 3 * width, stride = pixels.count / height
    guard stride * height == pixels.count, stride == line || stride == (line + 3) / 4 * 4 else { return nil }
    self.width = width
    self.height = height
    bytes = (0..<height).flatMap { pixels[start + $0 * stride..<start + $0 * stride + line] }
  }

  /// A pixel, which must be inside: 0xrrggbb.
  package subscript(x: Int, y: Int) -> UInt32 {
    let at = 3 * (y * width + x)
    return bytes[at..<at + 3].reduce(0) { $0 << 8 | UInt32($1) }
  }
}
