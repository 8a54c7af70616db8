import CLibPNG

/// Why a picture could not be encoded.
public struct PictureEncodingError: Error, Equatable, CustomStringConvertible {
  /// What libpng says.
  public let reason: String

  /// The reason with the library that gives it.
  public var description: String { "libpng could not encode the picture: \(reason)" }
}

extension Picture {
  /// The picture as a PNG file: eight bits each of red, green and blue, no alpha.
  ///
  /// Compressed for speed, since pictures of a running guest are taken often and looked at once.
  public func pngBytes() throws(PictureEncodingError) -> [UInt8] {
    guard let width = UInt32(exactly: width), let height = UInt32(exactly: height),
      pixels.count / 4 <= Int(Int32.max) / 3
    else { throw PictureEncodingError(reason: "\(width)x\(height) is too large") }
    var rgb = [UInt8]()
    appendRGB(to: &rgb)
    // The first try suffices unless zlib does worse than it promises; libpng then says how much it needs.
    var room = Self.pngBound(rgbCount: rgb.count, rows: Int(height))
    for _ in 0..<2 {
      switch Self.encode(rgb, width: width, height: height, room: room) {
      case .file(let bytes): return bytes
      case .needs(let count): room = count
      case .failed(let reason): throw PictureEncodingError(reason: reason)
      }
    }
    throw PictureEncodingError(reason: "it asked for more memory twice")
  }

  /// The picture as a binary portable pixmap (P6, maximum 255): the raw pixels behind a short text header.
  public func ppmBytes() -> [UInt8] {
    var bytes = [UInt8]("P6\n\(width) \(height)\n255\n".utf8)
    appendRGB(to: &bytes)
    return bytes
  }

  private enum Outcome {
    case file([UInt8])
    case needs(Int)
    case failed(String)
  }

  /// At least what a PNG of these pixels can take: a filter byte for each row, zlib's worst case (an eighth and a
  /// sixty-fourth more), a header for each 8 KiB of compressed data, and the small chunks around them.
  private static func pngBound(rgbCount: Int, rows: Int) -> Int {
    let raw = rgbCount + rows
    let compressed = raw + raw / 8 + raw / 64 + 32
    return compressed + compressed / 8192 * 12 + 1024
  }

  /// One call of libpng's simplified interface, which catches its own errors and never jumps out of the call.
  private static func encode(_ rgb: [UInt8], width: UInt32, height: UInt32, room: Int) -> Outcome {
    var image = unsafe png_image()
    unsafe image.version = clibpng_version
    unsafe image.width = width
    unsafe image.height = height
    unsafe image.format = clibpng_format_rgb
    unsafe image.flags = clibpng_flag_fast
    // The control structure may hold memory after any outcome; freeing it twice is allowed.
    defer { unsafe png_image_free(&image) }

    var needed = png_alloc_size_t(room)
    var succeeded = false
    // libpng writes at most `needed` bytes, which is the capacity, and reads width * height * 3 bytes of `rgb`:
    // a stride of 0 means rows without padding.
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
      unsafe succeeded =
        png_image_write_to_memory(&image, buffer.baseAddress, &needed, 0, rgb, 0, nil) != 0
      count = succeeded ? Int(needed) : 0
    }
    // Copied into an array of its own size: the worst case that was reserved is many times the usual file.
    if succeeded { return unsafe .file(bytes.withUnsafeBytes { unsafe [UInt8]($0) }) }
    if needed > room { return .needs(Int(needed)) }
    let reason = unsafe withUnsafeBytes(of: image.message) { message in
      unsafe String(decoding: message.prefix { $0 != 0 }, as: UTF8.self)
    }
    return .failed(reason.isEmpty ? "no reason given" : reason)
  }
}
