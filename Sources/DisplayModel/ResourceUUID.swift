/// A name that no other resource of any device has (RFC 9562, version 4: random).
package struct ResourceUUID: Sendable, Equatable {
  /// Bytes 0 to 7 and 8 to 15, the first one highest.
  package let high: UInt64
  package let low: UInt64

  /// A new one from the system's random numbers.
  package init() {
    var random = SystemRandomNumberGenerator()
    // Version and variant stand in the highest bits of bytes 6 and 8.
    high = random.next() & 0xffff_ffff_ffff_0fff | 0x4000
    low = random.next() & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000
  }
}
