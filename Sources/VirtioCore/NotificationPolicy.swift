/// When one side wants to hear of the other (virtio 1.4 §2.7.7, §2.7.10, §2.8.10).
enum NotificationPolicy {
  /// In the available ring's flags: no interrupts, please (`VIRTQ_AVAIL_F_NO_INTERRUPT`).
  static let noInterrupt: UInt16 = 1
  /// In the used ring's flags: no doorbells, please (`VIRTQ_USED_F_NO_NOTIFY`).
  static let noNotify: UInt16 = 1

  /// Whether an index that moved from `old` to `new` went past `event`, all modulo 2^16 (§2.7.7.1).
  static func crossed(_ event: UInt16, from old: UInt16, to new: UInt16) -> Bool {
    new &- event &- 1 < new &- old
  }

  /// The bits of a packed ring's event suppression flags that say something (§2.8.14).
  static let eventFlags: UInt16 = 3
  /// `RING_EVENT_FLAGS_ENABLE`
  static let enable: UInt16 = 0
  /// `RING_EVENT_FLAGS_DISABLE`
  static let disable: UInt16 = 1
  /// `RING_EVENT_FLAGS_DESC`: for one descriptor, and only with EVENT_IDX.
  static let oneDescriptor: UInt16 = 2
}
