/// Bytes that are built up field by field, all little-endian.
struct FieldBytes {
  private(set) var bytes: [UInt8]

  init(count: Int) { bytes = Array(repeating: 0, count: count) }

  /// - Precondition: the field lies inside.
  mutating func put(_ value: some FixedWidthInteger, at offset: Int) {
    for index in 0..<value.bitWidth / 8 {
      bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index))
    }
  }

  /// - Precondition: it lies inside.
  mutating func put(_ content: some Sequence<UInt8>, at offset: Int) {
    for (index, byte) in content.enumerated() { bytes[offset + index] = byte }
  }

  /// Sets the byte at an offset so that all bytes of a range add up to 0.
  mutating func checksum(_ range: Range<Int>, at offset: Int) {
    bytes[offset] = 0
    bytes[offset] = 0 &- bytes[range].reduce(0, &+)
  }
}

extension [UInt8] {
  /// A little-endian number of somebody else's bytes; nil when it does not lie wholly inside.
  func number<Number: FixedWidthInteger>(_ type: Number.Type, at offset: Int) -> Number? {
    let width = Number.bitWidth / 8
    guard offset >= 0, count >= width, offset <= count - width else { return nil }
    return (0..<width).reduce(0) { $0 | Number(truncatingIfNeeded: self[offset + $1]) << (8 * $1) }
  }
}
