/// Feature bits, 0 to 63 (virtio 1.4 §2.2).
package struct FeatureSet: OptionSet, Sendable, Hashable {
  package var rawValue: UInt64

  package init(rawValue: UInt64) { self.rawValue = rawValue }

  /// The set with one bit of this number.
  package init(bit: Int) { rawValue = 1 << UInt64(bit) }

  /// The driver may use descriptors that name a table of descriptors (`VIRTIO_F_INDIRECT_DESC`).
  package static let indirectDescriptors = FeatureSet(bit: 28)
  /// Notifications are suppressed by event indices (`VIRTIO_F_EVENT_IDX`).
  package static let eventIndex = FeatureSet(bit: 29)
  /// The driver follows the specification since 1.0 (`VIRTIO_F_VERSION_1`).
  package static let version1 = FeatureSet(bit: 32)

  /// Bits 0 to 31 for `select` 0, 32 to 63 for 1, nothing for any other (virtio 1.4 §4.1.4.3).
  package func word(_ select: UInt32) -> UInt32 {
    select < 2 ? UInt32(truncatingIfNeeded: rawValue >> (UInt64(select) * 32)) : 0
  }

  /// Replaces bits 0 to 31 for `select` 0, 32 to 63 for 1; any other changes nothing.
  package mutating func setWord(_ select: UInt32, to value: UInt32) {
    guard select < 2 else { return }
    let shift = UInt64(select) * 32
    rawValue = rawValue & ~(0xffff_ffff << shift) | UInt64(value) << shift
  }
}
