extension FeatureSet {
  /// The bits' names as the specification has them (virtio 1.4 §6), lowest first, such as `VIRTIO_F_VERSION_1`.
  ///
  /// - Parameter deviceBits: names of the device type's own bits; a bit without a name is `bit N`.
  public func names(deviceBits: [Int: String] = [:]) -> [String] {
    (0..<64).compactMap { bit in
      guard rawValue >> UInt64(bit) & 1 != 0 else { return nil }
      return deviceBits[bit] ?? Self.commonNames[bit] ?? "bit \(bit)"
    }
  }

  /// What rings and transports have bits for.
  private static let commonNames: [Int: String] = [
    24: "VIRTIO_F_NOTIFY_ON_EMPTY", 27: "VIRTIO_F_ANY_LAYOUT", 28: "VIRTIO_F_INDIRECT_DESC",
    29: "VIRTIO_F_EVENT_IDX", 32: "VIRTIO_F_VERSION_1", 33: "VIRTIO_F_ACCESS_PLATFORM",
    34: "VIRTIO_F_RING_PACKED", 35: "VIRTIO_F_IN_ORDER", 36: "VIRTIO_F_ORDER_PLATFORM",
    37: "VIRTIO_F_SR_IOV", 38: "VIRTIO_F_NOTIFICATION_DATA", 39: "VIRTIO_F_NOTIF_CONFIG_DATA",
    40: "VIRTIO_F_RING_RESET", 41: "VIRTIO_F_ADMIN_VQ", 43: "VIRTIO_F_SUSPEND",
  ]
}
