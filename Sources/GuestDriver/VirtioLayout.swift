/// Numbers of the virtio transport over PCI (virtio 1.4 §4.1), written out for the driver side.
package enum VirtioLayout {
  /// Vendor of every virtio device (§4.1.2).
  package static let vendorID: UInt16 = 0x1af4
  /// A modern device's PCI id is this plus its virtio device id (§4.1.2).
  package static let modernDeviceIDBase: UInt16 = 0x1040
  /// Virtio device id of a GPU (§5.7.1).
  package static let gpuDeviceID: UInt16 = 16

  /// Offsets in a virtio capability (§4.1.4).
  package enum Capability {
    package static let length = 2
    package static let configurationType = 3
    package static let bar = 4
    package static let identifier = 5
    package static let offset = 8
    package static let structureLength = 12
    /// Of the notification capability only.
    package static let notifyMultiplier = 16
    /// Of the configuration access capability only.
    package static let configurationData = 16
  }

  /// Values of `cfg_type` (§4.1.4).
  package enum CapabilityType {
    package static let common: UInt8 = 1
    package static let notify: UInt8 = 2
    package static let isr: UInt8 = 3
    package static let device: UInt8 = 4
    package static let configurationAccess: UInt8 = 5
    package static let sharedMemory: UInt8 = 8
    package static let vendor: UInt8 = 9
  }

  /// Bits of the device status field (§2.1).
  package enum Status {
    package static let acknowledge: UInt8 = 1
    package static let driver: UInt8 = 2
    package static let driverOK: UInt8 = 4
    package static let featuresOK: UInt8 = 8
    package static let suspend: UInt8 = 16
    package static let needsReset: UInt8 = 64
    package static let failed: UInt8 = 128
  }

  /// Bits of the ISR status (§4.1.4.5).
  package enum InterruptStatus {
    package static let queue: UInt8 = 1
    package static let configuration: UInt8 = 2
  }

  /// Feature bit numbers (§6).
  package enum Feature {
    package static let indirectDescriptors = 28
    package static let eventIndex = 29
    package static let version1 = 32
    package static let accessPlatform = 33
    package static let ringPacked = 34
    package static let inOrder = 35
    package static let orderPlatform = 36
    package static let sriov = 37
    package static let notificationData = 38
    package static let notificationConfigData = 39
    package static let ringReset = 40
    package static let adminQueue = 41
    package static let suspend = 43
  }

  /// Unmaps an event from its MSI-X vector (§4.1.5.1.2).
  package static let noVector: UInt16 = 0xffff
}

/// A register of the common configuration structure (virtio 1.4 §4.1.4.3).
package struct CommonRegister: Hashable, Sendable, CustomStringConvertible {
  /// The spec's name.
  package let description: String
  /// In bytes from the start of the structure.
  package let offset: Int
  /// In bytes.
  package let width: Int
  /// False for what the device alone may change.
  package let isWritable: Bool

  init(_ name: String, _ offset: Int, _ width: Int, writable: Bool = true) {
    self.description = name
    self.offset = offset
    self.width = width
    self.isWritable = writable
  }

  package static let deviceFeatureSelect = CommonRegister("device_feature_select", 0, 4)
  package static let deviceFeature = CommonRegister("device_feature", 4, 4, writable: false)
  package static let driverFeatureSelect = CommonRegister("driver_feature_select", 8, 4)
  package static let driverFeature = CommonRegister("driver_feature", 12, 4)
  package static let configVector = CommonRegister("config_msix_vector", 16, 2)
  package static let queueCount = CommonRegister("num_queues", 18, 2, writable: false)
  package static let deviceStatus = CommonRegister("device_status", 20, 1)
  package static let configGeneration = CommonRegister("config_generation", 21, 1, writable: false)
  package static let queueSelect = CommonRegister("queue_select", 22, 2)
  package static let queueSize = CommonRegister("queue_size", 24, 2)
  package static let queueVector = CommonRegister("queue_msix_vector", 26, 2)
  package static let queueEnable = CommonRegister("queue_enable", 28, 2)
  package static let queueNotifyOffset = CommonRegister("queue_notify_off", 30, 2, writable: false)
  package static let queueDescriptorArea = CommonRegister("queue_desc", 32, 8)
  package static let queueDriverArea = CommonRegister("queue_driver", 40, 8)
  package static let queueDeviceArea = CommonRegister("queue_device", 48, 8)
  package static let queueNotifyData = CommonRegister("queue_notif_config_data", 56, 2, writable: false)
  package static let queueReset = CommonRegister("queue_reset", 58, 2)
  package static let adminQueueIndex = CommonRegister("admin_queue_index", 60, 2, writable: false)
  package static let adminQueueCount = CommonRegister("admin_queue_num", 62, 2, writable: false)

  /// All of them, in the order of the structure.
  package static let all: [CommonRegister] = [
    deviceFeatureSelect, deviceFeature, driverFeatureSelect, driverFeature, configVector, queueCount,
    deviceStatus, configGeneration, queueSelect, queueSize, queueVector, queueEnable, queueNotifyOffset,
    queueDescriptorArea, queueDriverArea, queueDeviceArea, queueNotifyData, queueReset, adminQueueIndex,
    adminQueueCount,
  ]
}
