import PCIBus
import VirtioCore

/// Modern common configuration structure (virtio 1.4 §4.1.4.3): 20 registers, 64 bytes, little-endian.
///
/// It owns only its three selectors. Status, features and queue setup belong to `DeviceState`.
package struct CommonConfig {
  private let state: DeviceState
  private let vectorCount: Int
  private var deviceFeatureSelect: UInt32 = 0
  private var driverFeatureSelect: UInt32 = 0
  private var queueSelect: UInt16 = 0

  /// The registers of a device whose function has `vectorCount` MSI-X vectors.
  package init(_ state: DeviceState, vectorCount: Int) {
    self.state = state
    self.vectorCount = vectorCount
  }

  /// The selectors as after power-on.
  package mutating func reset() {
    deviceFeatureSelect = 0
    driverFeatureSelect = 0
    queueSelect = 0
  }

  package static let registers = RegisterFile<Self>(
    size: 64,
    [
      .readWrite("device_feature_select", at: 0x00, \.deviceFeatureSelect),
      .readOnly("device_feature", at: 0x04, \.deviceFeature),
      .readWrite("driver_feature_select", at: 0x08, \.driverFeatureSelect),
      .readWrite("driver_feature", at: 0x0c, \.driverFeature),
      .readWrite("config_msix_vector", at: 0x10, \.configurationVector),
      .readOnly("num_queues", at: 0x12, \.queueCount),
      .readWrite("device_status", at: 0x14, \.status) { $0.writeStatus($1) },
      .readOnly("config_generation", at: 0x15, \.generation),
      .readWrite("queue_select", at: 0x16, \.queueSelect),
      .readWrite("queue_size", at: 0x18, \.queueSize),
      .readWrite("queue_msix_vector", at: 0x1a, \.queueVector),
      .readWrite("queue_enable", at: 0x1c, \.queueEnable),
      .readOnly("queue_notify_off", at: 0x1e, \.queueNotifyOffset),
      .readWrite("queue_desc", at: 0x20, \.descriptorArea),
      .readWrite("queue_driver", at: 0x28, \.driverArea),
      .readWrite("queue_device", at: 0x30, \.deviceArea),
      .readOnly("queue_notif_config_data", at: 0x38, \.queueNotifyData),
      .readWrite("queue_reset", at: 0x3a, \.queueReset),
      .readOnly("admin_queue_index", at: 0x3c, \.notOffered),
      .readOnly("admin_queue_num", at: 0x3e, \.notOffered),
    ])

  private var deviceFeature: UInt32 { state.offered.word(deviceFeatureSelect) }
  private var queueCount: UInt16 { UInt16(clamping: state.queueCount) }
  private var generation: UInt8 { state.configurationGeneration }
  /// Belongs to VIRTIO_F_ADMIN_VQ, which is not offered.
  private var notOffered: UInt16 { 0 }

  private var driverFeature: UInt32 {
    get { state.acceptedWord(driverFeatureSelect) }
    set { state.acceptWord(driverFeatureSelect, newValue) }
  }

  private var status: UInt8 { state.status.rawValue }

  private func writeStatus(_ value: UInt8) { state.writeStatus(DeviceStatus(rawValue: value)) }

  /// A vector that does not exist reads back as `VIRTIO_MSI_NO_VECTOR` (virtio 1.4 §4.1.5.1.2.1).
  private func existing(_ vector: UInt16) -> UInt16 {
    Int(vector) < vectorCount ? vector : QueueSetup.noVector
  }

  private var configurationVector: UInt16 {
    get { state.configurationVector }
    set { state.setConfigurationVector(existing(newValue)) }
  }

  /// The queue that `queue_select` names. One that does not exist reads as size 0, and `DeviceState` decides which
  /// fields may change (§4.1.4.3.1, §4.1.4.3.2).
  private var queue: QueueSetup { state.queueSetup(queueSelect) }

  private var queueSize: UInt16 {
    get { queue.size }
    set { state.setQueueSize(queueSelect, newValue) }
  }

  private var queueVector: UInt16 {
    get { queue.vector }
    set { state.setQueueVector(queueSelect, existing(newValue)) }
  }

  private var queueEnable: UInt16 {
    get { queue.isEnabled ? 1 : 0 }
    set { if newValue == 1 { state.enableQueue(queueSelect) } }  // a driver must not write 0 (§4.1.4.3.2)
  }

  /// Each queue has a doorbell of its own, in the order of the queues.
  private var queueNotifyOffset: UInt16 { Int(queueSelect) < state.queueCount ? queueSelect : 0 }

  /// Exists with VIRTIO_F_NOTIF_CONFIG_DATA only; what a doorbell's value is to say, though its place alone counts.
  private var queueNotifyData: UInt16 {
    state.accepted.contains(.notificationConfigData) ? queueNotifyOffset : 0
  }

  /// Exists with VIRTIO_F_RING_RESET only: 1 from the write until the queue has been let go of (§4.1.4.3.1).
  private var queueReset: UInt16 {
    get { queue.isResetting ? 1 : 0 }
    set { if newValue == 1 { state.resetQueue(queueSelect) } }
  }

  private var descriptorArea: UInt64 {
    get { queue.descriptorArea }
    set { state.setDescriptorArea(queueSelect, newValue) }
  }

  private var driverArea: UInt64 {
    get { queue.driverArea }
    set { state.setDriverArea(queueSelect, newValue) }
  }

  private var deviceArea: UInt64 {
    get { queue.deviceArea }
    set { state.setDeviceArea(queueSelect, newValue) }
  }
}
