/// Reads little-endian numbers one after the other from a private copy of a request.
struct WireCursor {
  /// The byte to read next.
  private(set) var offset: Int

  init(at offset: Int) { self.offset = offset }

  /// The next four bytes.
  @inline(__always)
  mutating func le32(_ bytes: RawSpan) throws(RequestFault) -> UInt32 {
    guard offset <= bytes.byteCount - 4 else { throw .truncated }
    // Inside the span (checked, and checked again by the span); every bit pattern is a number.
    let value = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self)
    offset += 4
    return UInt32(littleEndian: value)
  }

  /// The next eight bytes.
  @inline(__always)
  mutating func le64(_ bytes: RawSpan) throws(RequestFault) -> UInt64 {
    let low = try le32(bytes), high = try le32(bytes)
    return UInt64(high) << 32 | UInt64(low)
  }

  /// Passes over bytes that mean nothing.
  mutating func skip(_ count: Int, _ bytes: RawSpan) throws(RequestFault) {
    guard count <= bytes.byteCount - offset else { throw .truncated }
    offset += count
  }
}
