/// A picture that is known from a seed alone, so that two programs which share nothing but this formula
/// can agree on every pixel of it.
///
///     pixel(x, y) = (mix(seed ^ (x * 0x9e3779b1)) ^ mix(~seed ^ (y * 0x85ebca77))) >> 8
///
/// in 32-bit arithmetic that wraps; the result is 0xRRGGBB. A pixel is one half that depends on its column
/// and one that depends on its row, which makes rows cheap to compute and still tells every shifted,
/// swapped, repeated or missing row, column and byte.
public struct Pattern: Equatable, Sendable {
  /// What tells one picture from another.
  public let seed: UInt32

  /// The picture of this seed.
  public init(seed: UInt32) {
    self.seed = seed
  }

  /// Spreads every bit of `value` over the whole word.
  public static func mix(_ value: UInt32) -> UInt32 {
    var word = value
    word ^= word >> 16
    word &*= 0x7feb_352d
    word ^= word >> 15
    word &*= 0x846c_a68b
    return word ^ (word >> 16)
  }

  /// The part of a pixel that its column gives.
  public func column(_ x: UInt32) -> UInt32 {
    Self.mix(seed ^ (x &* 0x9e37_79b1))
  }

  /// The part of a pixel that its row gives.
  public func row(_ y: UInt32) -> UInt32 {
    Self.mix(~seed ^ (y &* 0x85eb_ca77))
  }

  /// The colour at a place, 0xRRGGBB.
  public func pixel(x: UInt32, y: UInt32) -> UInt32 {
    (column(x) ^ row(y)) >> 8
  }
}
