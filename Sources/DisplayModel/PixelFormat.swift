/// The layout of a pixel of four bytes, its channels named in the order in which they lie in memory.
///
/// These are the eight formats of virtio 1.4 §5.7.6.8 (VIRTIO_GPU_CMD_RESOURCE_CREATE_2D). The value that a
/// guest interface has for each stands with that interface.
package enum PixelFormat: Sendable, CaseIterable {
  case b8g8r8a8, b8g8r8x8
  case a8r8g8b8, x8r8g8b8
  case r8g8b8a8, r8g8b8x8
  case a8b8g8r8, x8b8g8r8

  /// Bytes of one pixel, in every format.
  package static let bytesPerPixel = 4

  /// What to make of the fourth byte of a converted pixel.
  package enum FourthByte: Sendable {
    /// 0, as finished surfaces have it.
    case zero
    /// The source's fourth channel, whether the format calls it alpha or leaves it unused.
    case kept
  }

  /// Converts `count` pixels of this format to the byte order B, G, R and a fourth byte.
  ///
  /// Traps if either span ends before the pixels do; offsets are in bytes and need no alignment.
  package func convert(
    count: Int, from source: RawSpan, at sourceOffset: Int, to target: inout MutableRawSpan,
    at targetOffset: Int,
    fourthByte: FourthByte
  ) {
    precondition(count >= 0 && sourceOffset >= 0 && targetOffset >= 0)
    let byteCount = count * Self.bytesPerPixel
    precondition(byteCount <= source.byteCount - sourceOffset && byteCount <= target.byteCount - targetOffset)
    // As many pixels as were checked lie behind either offset.
    unsafe source.withUnsafeBytes { source in
      unsafe target.withUnsafeMutableBytes { target in
        guard count > 0, let source = source.baseAddress, let target = target.baseAddress else { return }
        unsafe convert(count, source + sourceOffset, target + targetOffset, fourthByte)
      }
    }
  }

  /// Converts `count` pixels of this format where they are.
  ///
  /// Traps if the span ends before the pixels do; the offset is in bytes and needs no alignment.
  package func convert(count: Int, in pixels: inout MutableRawSpan, at offset: Int, fourthByte: FourthByte) {
    precondition(count >= 0 && offset >= 0)
    precondition(count * Self.bytesPerPixel <= pixels.byteCount - offset)
    // As many pixels as were checked lie behind the offset.
    unsafe pixels.withUnsafeMutableBytes { pixels in
      guard count > 0, let pixels = pixels.baseAddress else { return }
      unsafe convert(count, UnsafeRawPointer(pixels + offset), pixels + offset, fourthByte)
    }
  }

  /// Makes `count` pixels black; as `convert`.
  package static func blacken(count: Int, in pixels: inout MutableRawSpan, at offset: Int) {
    precondition(count >= 0 && offset >= 0 && count * bytesPerPixel <= pixels.byteCount - offset)
    for index in 0..<count {
      pixels.storeBytes(of: 0, toByteOffset: offset + index * bytesPerPixel, as: UInt32.self)
    }
  }

  /// Converts `count` pixels at one address to another, which may be the same; the caller has checked both.
  ///
  /// Inlined, so that the loop over pixels in place is seen to be one.
  @inline(__always)
  private func convert(
    _ count: Int, _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer, _ fourthByte: FourthByte
  ) {
    let mask: UInt32 = fourthByte == .zero ? 0x00ff_ffff : 0xffff_ffff
    // One loop for each order, so that each is a plain loop over words that the compiler turns into vector
    // code.
    switch self {
    case .b8g8r8a8, .b8g8r8x8: unsafe Self.forEachWord(count, source, target) { $0 & mask }
    case .a8r8g8b8, .x8r8g8b8: unsafe Self.forEachWord(count, source, target) { $0.byteSwapped & mask }
    case .r8g8b8a8, .r8g8b8x8:
      unsafe Self.forEachWord(count, source, target) { word in
        (word & 0xff00_ff00 | word << 16 & 0x00ff_0000 | word >> 16 & 0x0000_00ff) & mask
      }
    case .a8b8g8r8, .x8b8g8r8:
      unsafe Self.forEachWord(count, source, target) { ($0 >> 8 | $0 << 24) & mask }
    }
  }

  /// Maps `count` little-endian words from one address to the other; the caller has checked that both hold them.
  @inline(__always)
  private static func forEachWord(
    _ count: Int, _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer,
    _ transform: (UInt32) -> UInt32
  ) {
    for index in 0..<count {
      // Both addresses are those of `count` words.
      let word = unsafe source.loadUnaligned(fromByteOffset: index &* 4, as: UInt32.self)
      unsafe target.storeBytes(
        of: transform(word.littleEndian).littleEndian, toByteOffset: index &* 4, as: UInt32.self)
    }
  }
}
