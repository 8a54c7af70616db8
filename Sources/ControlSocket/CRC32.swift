/// The CRC-32 of zlib, PNG and Ethernet: polynomial 0x04C11DB7, reflected, all ones before and after.
package enum CRC32 {
  private static let table: [UInt32] = (0..<256).map { index in
    (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xedb8_8320 : value >> 1 }
  }

  /// The checksum of all of `bytes`; of none it is 0.
  package static func checksum(_ bytes: [UInt8]) -> UInt32 {
    let table = table.span
    var value = UInt32.max
    for byte in bytes { value = table[Int(UInt8(truncatingIfNeeded: value) ^ byte)] ^ value >> 8 }
    return ~value
  }
}
