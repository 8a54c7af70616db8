/// A pointer image of 64 by 64 pixels that is known from a seed alone.
///
/// Squares of 8 by 8 pixels take one of four opacities in turn along both axes, from nothing to full; the
/// colour of each pixel is `mix(seed ^ ((y * 64 + x) * 0x9e3779b1)) >> 8`, multiplied by its opacity.
public struct CursorImage: Equatable, Sendable {
  /// Pixels on each side, the only size that a virtio-gpu driver offers.
  public static let side = 64
  /// The opacities, in 255ths.
  public static let opacities: [UInt32] = [0, 85, 128, 255]

  /// What tells one image from another.
  public let seed: UInt32

  /// The image of this seed.
  public init(seed: UInt32) {
    self.seed = seed
  }

  /// The pixel at a place inside the image: 0xAARRGGBB with the colours multiplied by the opacity.
  public func pixel(x: UInt32, y: UInt32) -> UInt32 {
    let alpha = Self.opacities[Int(((x >> 3) &+ (y >> 3)) & 3)]
    let place = y &* UInt32(Self.side) &+ x
    let colour = Pattern.mix(seed ^ (place &* 0x9e37_79b1)) >> 8
    let red = Self.multiplied((colour >> 16) & 255, by: alpha)
    let green = Self.multiplied((colour >> 8) & 255, by: alpha)
    let blue = Self.multiplied(colour & 255, by: alpha)
    return alpha << 24 | red << 16 | green << 8 | blue
  }

  private static func multiplied(_ channel: UInt32, by alpha: UInt32) -> UInt32 {
    (channel * alpha + 127) / 255
  }
}
