/// When one side wants to hear of the other (virtio 1.4 §2.7.7, §2.7.10).
enum NotificationPolicy {
  /// In the available ring's flags: no interrupts, please (`VIRTQ_AVAIL_F_NO_INTERRUPT`).
  static let noInterrupt: UInt16 = 1
  /// In the used ring's flags: no doorbells, please (`VIRTQ_USED_F_NO_NOTIFY`).
  static let noNotify: UInt16 = 1

  /// Whether an index that moved from `old` to `new` went past `event`, all modulo 2^16 (§2.7.7.1).
  static func crossed(_ event: UInt16, from old: UInt16, to new: UInt16) -> Bool {
    new &- event &- 1 < new &- old
  }
}
