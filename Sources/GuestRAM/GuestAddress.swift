/// A guest-physical address, as a bus master on the guest's PCI bus sees it.
public struct GuestAddress: Sendable, Hashable, Comparable {
  /// Bytes from the start of the guest's address space.
  public let value: UInt64

  /// An address; any value is one, whether memory lies there is `GuestMemory`'s to say.
  public init(_ value: UInt64) { self.value = value }

  /// Lower addresses come first.
  public static func < (a: GuestAddress, b: GuestAddress) -> Bool { a.value < b.value }
}

/// A range of guest-physical addresses that does not wrap around the end of the address space.
public struct GuestRange: Sendable, Hashable {
  /// The first byte.
  public let start: GuestAddress
  /// Bytes; may be 0.
  public let count: UInt64

  /// A range, or nil if its last byte would lie beyond the last 64-bit address.
  public init?(start: GuestAddress, count: UInt64) {
    // The end itself must be a value too, so the very last byte of the address space is never part of a range.
    guard !start.value.addingReportingOverflow(count).overflow else { return nil }
    self.start = start
    self.count = count
  }

  /// The first address behind the range.
  public var end: GuestAddress { GuestAddress(start.value &+ count) }  // checked when made

  /// Whether the two have a byte in common.
  public func overlaps(_ other: GuestRange) -> Bool { start < other.end && other.start < end }

  /// Whether every byte of `other` is in this range.
  public func contains(_ other: GuestRange) -> Bool { start <= other.start && other.end <= end }
}
