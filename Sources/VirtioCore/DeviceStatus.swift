/// The bits of the device status field (virtio 1.4 §2.1).
package struct DeviceStatus: OptionSet, Sendable, Hashable {
  package var rawValue: UInt8

  package init(rawValue: UInt8) { self.rawValue = rawValue }

  /// The guest has seen the device (`VIRTIO_CONFIG_S_ACKNOWLEDGE`).
  package static let acknowledge = DeviceStatus(rawValue: 1)
  /// The guest knows how to drive it (`VIRTIO_CONFIG_S_DRIVER`).
  package static let driver = DeviceStatus(rawValue: 2)
  /// The driver is set up and the device may work (`VIRTIO_CONFIG_S_DRIVER_OK`).
  package static let driverOK = DeviceStatus(rawValue: 4)
  /// Features are agreed on (`VIRTIO_CONFIG_S_FEATURES_OK`).
  package static let featuresOK = DeviceStatus(rawValue: 8)
  /// The driver has suspended the device (`VIRTIO_CONFIG_S_SUSPEND`, virtio 1.4 §3.4).
  package static let suspend = DeviceStatus(rawValue: 16)
  /// The device met something that it cannot go on from (`VIRTIO_CONFIG_S_NEEDS_RESET`); the device's to set.
  package static let needsReset = DeviceStatus(rawValue: 64)
  /// The guest has given up on the device (`VIRTIO_CONFIG_S_FAILED`).
  package static let failed = DeviceStatus(rawValue: 128)

  /// What a driver may set and only a reset takes away.
  static let driversBits: DeviceStatus = [.acknowledge, .driver, .driverOK, .featuresOK, .failed]
  /// The same through the legacy interface, which knows no FEATURES_OK (§2.1.1, §3.1.2).
  static let legacyBits: DeviceStatus = [.acknowledge, .driver, .driverOK, .failed]
}
