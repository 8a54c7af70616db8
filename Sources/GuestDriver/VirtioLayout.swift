/// Numbers of the virtio transport over PCI (virtio 1.4 §4.1), written out for the driver side.
public enum VirtioLayout {
  /// Vendor of every virtio device (§4.1.2).
  public static let vendorID: UInt16 = 0x1af4
  /// A modern device's PCI id is this plus its virtio device id (§4.1.2).
  public static let modernDeviceIDBase: UInt16 = 0x1040
  /// Virtio device id of a GPU (§5.7.1).
  public static let gpuDeviceID: UInt16 = 16

  /// Offsets in a virtio capability (§4.1.4).
  public enum Capability {
    public static let length = 2
    public static let configurationType = 3
    public static let bar = 4
    public static let identifier = 5
    public static let offset = 8
    public static let structureLength = 12
    /// Of the notification capability only.
    public static let notifyMultiplier = 16
    /// Of the configuration access capability only.
    public static let configurationData = 16
  }

  /// Values of `cfg_type` (§4.1.4).
  public enum CapabilityType {
    public static let common: UInt8 = 1
    public static let notify: UInt8 = 2
    public static let isr: UInt8 = 3
    public static let device: UInt8 = 4
    public static let configurationAccess: UInt8 = 5
    public static let sharedMemory: UInt8 = 8
    public static let vendor: UInt8 = 9
  }

  /// Bits of the device status field (§2.1).
  public enum Status {
    public static let acknowledge: UInt8 = 1
    public static let driver: UInt8 = 2
    public static let driverOK: UInt8 = 4
    public static let featuresOK: UInt8 = 8
    public static let needsReset: UInt8 = 64
    public static let failed: UInt8 = 128
  }

  /// Bits of the ISR status (§4.1.4.5).
  public enum InterruptStatus {
    public static let queue: UInt8 = 1
    public static let configuration: UInt8 = 2
  }

  /// Feature bit numbers (§6).
  public enum Feature {
    public static let indirectDescriptors = 28
    public static let eventIndex = 29
    public static let version1 = 32
    public static let accessPlatform = 33
    public static let ringPacked = 34
    public static let inOrder = 35
    public static let orderPlatform = 36
    public static let sriov = 37
    public static let notificationData = 38
    public static let notificationConfigData = 39
    public static let ringReset = 40
    public static let adminQueue = 41
  }

  /// Unmaps an event from its MSI-X vector (§4.1.5.1.2).
  public static let noVector: UInt16 = 0xffff
}

/// A register of the common configuration structure (virtio 1.4 §4.1.4.3).
public struct CommonRegister: Hashable, Sendable, CustomStringConvertible {
  /// The spec's name.
  public let description: String
  /// In bytes from the start of the structure.
  public let offset: Int
  /// In bytes.
  public let width: Int
  /// False for what the device alone may change.
  public let isWritable: Bool

  init(_ name: String, _ offset: Int, _ width: Int, writable: Bool = true) {
    self.description = name
    self.offset = offset
    self.width = width
    self.isWritable = writable
  }

  public static let deviceFeatureSelect = CommonRegister("device_feature_select", 0, 4)
  public static let deviceFeature = CommonRegister("device_feature", 4, 4, writable: false)
  public static let driverFeatureSelect = CommonRegister("driver_feature_select", 8, 4)
  public static let driverFeature = CommonRegister("driver_feature", 12, 4)
  public static let configVector = CommonRegister("config_msix_vector", 16, 2)
  public static let queueCount = CommonRegister("num_queues", 18, 2, writable: false)
  public static let deviceStatus = CommonRegister("device_status", 20, 1)
  public static let configGeneration = CommonRegister("config_generation", 21, 1, writable: false)
  public static let queueSelect = CommonRegister("queue_select", 22, 2)
  public static let queueSize = CommonRegister("queue_size", 24, 2)
  public static let queueVector = CommonRegister("queue_msix_vector", 26, 2)
  public static let queueEnable = CommonRegister("queue_enable", 28, 2)
  public static let queueNotifyOffset = CommonRegister("queue_notify_off", 30, 2, writable: false)
  public static let queueDescriptorArea = CommonRegister("queue_desc", 32, 8)
  public static let queueDriverArea = CommonRegister("queue_driver", 40, 8)
  public static let queueDeviceArea = CommonRegister("queue_device", 48, 8)
  public static let queueNotifyData = CommonRegister("queue_notif_config_data", 56, 2, writable: false)
  public static let queueReset = CommonRegister("queue_reset", 58, 2)
  public static let adminQueueIndex = CommonRegister("admin_queue_index", 60, 2, writable: false)
  public static let adminQueueCount = CommonRegister("admin_queue_num", 62, 2, writable: false)

  /// All of them, in the order of the structure.
  public static let all: [CommonRegister] = [
    deviceFeatureSelect, deviceFeature, driverFeatureSelect, driverFeature, configVector, queueCount,
    deviceStatus, configGeneration, queueSelect, queueSize, queueVector, queueEnable, queueNotifyOffset,
    queueDescriptorArea, queueDriverArea, queueDeviceArea, queueNotifyData, queueReset, adminQueueIndex,
    adminQueueCount,
  ]
}
