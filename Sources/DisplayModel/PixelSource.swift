import FrontEndAPI
import GuestRAM

/// Where an output's pixels come from.
enum PixelSource: Sendable {
  /// A resource's own pixels.
  case pixels(PixelStore)
  /// The guest's pages.
  case blob(Blob, BlobLayout)

  /// Whether the rectangle lies inside the picture.
  func holds(_ rectangle: Rectangle) -> Bool {
    switch self {
    case .pixels(let pixels): rectangle.fits(width: pixels.width, height: pixels.height)
    case .blob(_, let layout): rectangle.fits(width: Int(layout.width), height: Int(layout.height))
    }
  }

  /// Whether the other is the same picture in the same place.
  func isSame(as other: PixelSource) -> Bool {
    switch (self, other) {
    case (.pixels(let one), .pixels(let other)): one === other
    case (.blob(let one, let layout), .blob(let other, let otherLayout)):
      one === other && layout == otherLayout
    default: false
    }
  }

  /// Copies a rectangle that lies inside the picture to `target`, as B, G, R, 0; in bands.
  func copy(
    _ rectangle: Rectangle, to target: inout MutableRawSpan, at offset: Int, stride: Int
  ) {
    switch self {
    case .pixels(let pixels):
      pixels.copy(rectangle, to: &target, at: offset, stride: stride, fourthByte: .zero)
    case .blob(let blob, let layout):
      blob.copy(rectangle, of: layout, to: &target, at: offset, stride: stride)
    }
  }
}
