/// Feature bits, 0 to 63 (virtio 1.4 §2.2).
public struct FeatureSet: OptionSet, Sendable, Hashable {
  /// Bit n is feature n.
  public var rawValue: UInt64

  /// The set with these bits.
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// The set with one bit of this number.
  public init(bit: Int) { rawValue = 1 << UInt64(bit) }

  /// Requests may be cut into descriptors anywhere (`VIRTIO_F_ANY_LAYOUT`); without saying so since version 1.
  public static let anyLayout = FeatureSet(bit: 27)
  /// The driver may use descriptors that name a table of descriptors (`VIRTIO_F_INDIRECT_DESC`).
  public static let indirectDescriptors = FeatureSet(bit: 28)
  /// Notifications are suppressed by event indices (`VIRTIO_F_EVENT_IDX`).
  public static let eventIndex = FeatureSet(bit: 29)
  /// The driver follows the specification since 1.0 (`VIRTIO_F_VERSION_1`).
  public static let version1 = FeatureSet(bit: 32)
  /// Device addresses are the platform's to translate or limit (`VIRTIO_F_ACCESS_PLATFORM`).
  public static let accessPlatform = FeatureSet(bit: 33)
  /// Rings are packed (`VIRTIO_F_RING_PACKED`); split without it.
  public static let ringPacked = FeatureSet(bit: 34)
  /// Buffers are used in the order in which they were made available (`VIRTIO_F_IN_ORDER`).
  public static let inOrder = FeatureSet(bit: 35)
  /// Memory accesses are ordered as the platform orders them (`VIRTIO_F_ORDER_PLATFORM`).
  public static let orderPlatform = FeatureSet(bit: 36)
  /// A doorbell's value says how far the driver has come (`VIRTIO_F_NOTIFICATION_DATA`).
  public static let notificationData = FeatureSet(bit: 38)
  /// A doorbell's value names the queue as the device asked for (`VIRTIO_F_NOTIF_CONFIG_DATA`).
  public static let notificationConfigData = FeatureSet(bit: 39)
  /// The driver may reset a queue alone (`VIRTIO_F_RING_RESET`).
  public static let ringReset = FeatureSet(bit: 40)
  /// The driver may suspend the device (`VIRTIO_F_SUSPEND`).
  public static let suspend = FeatureSet(bit: 43)

  /// What the rings of this package can do.
  static let rings: FeatureSet = [
    .indirectDescriptors, .eventIndex, .version1, .accessPlatform, .ringPacked, .inOrder, .orderPlatform,
    .suspend,
  ]
  /// What a legacy driver can see.
  static let legacy = FeatureSet(rawValue: 0xffff_ffff)

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
