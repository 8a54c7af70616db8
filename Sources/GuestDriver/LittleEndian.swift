/// Little-endian fields appended to a byte string (virtio 1.4 §1.4: all modern structures are so).
extension [UInt8] {
  /// Appends the low `width` bytes of `value`, least significant byte first.
  package mutating func append(_ value: UInt64, width: Int) {
    for byte in 0..<width { append(UInt8(truncatingIfNeeded: value >> (8 * UInt64(byte)))) }
  }

  package mutating func append16(_ value: UInt16) { append(UInt64(value), width: 2) }
  package mutating func append32(_ value: UInt32) { append(UInt64(value), width: 4) }
  package mutating func append64(_ value: UInt64) { append(value, width: 8) }

  /// The `width` bytes at `offset` as a little-endian number; bytes past the end read as zero.
  package func field(at offset: Int, width: Int) -> UInt64 {
    var value: UInt64 = 0
    for byte in 0..<width where offset + byte < count {
      value |= UInt64(self[offset + byte]) << (8 * UInt64(byte))
    }
    return value
  }

  package func field16(at offset: Int) -> UInt16 { UInt16(truncatingIfNeeded: field(at: offset, width: 2)) }
  package func field32(at offset: Int) -> UInt32 { UInt32(truncatingIfNeeded: field(at: offset, width: 4)) }
  package func field64(at offset: Int) -> UInt64 { field(at: offset, width: 8) }

  /// Overwrites the `width` bytes at `offset`, which must be there.
  package mutating func setField(at offset: Int, width: Int, _ value: UInt64) {
    precondition(offset >= 0 && offset + width <= count, "the field lies outside the bytes")
    for byte in 0..<width { self[offset + byte] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(byte))) }
  }
}
