import PCIBus
import VirtioCore

/// The legacy register file in I/O BAR 0 (virtio 1.4 §4.1.4.10): 20 bytes, and four more while MSI-X is enabled; the
/// device configuration follows at once.
///
/// A legacy driver sees registers in its own byte order; here they are little-endian, as the guests are.
package struct LegacyHeader {
  private let state: DeviceState
  private let vectorCount: Int
  /// ISR status as a read takes it; the function then sets the pin.
  private let takeISR: @Sendable () -> UInt8
  private var queueSelect: UInt16 = 0

  /// - Parameters:
  ///   - vectorCount: MSI-X vectors of the function.
  ///   - takeISR: reads and clears ISR status.
  package init(_ state: DeviceState, vectorCount: Int, takeISR: @escaping @Sendable () -> UInt8) {
    self.state = state
    self.vectorCount = vectorCount
    self.takeISR = takeISR
  }

  /// The BAR.
  package static let bar = 0
  /// A legacy ring's alignment, and the unit of its address (§4.1.5.1.3.1, §2.7.2).
  static let alignment: UInt64 = 4096
  /// Where a driver writes the number of a queue with new buffers; too hot for the table.
  package static let notify = 0x10

  /// The selector as after power-on.
  package mutating func reset() { queueSelect = 0 }

  /// Bytes in front of the device configuration: the last two registers are there while MSI-X is enabled only.
  package static func size(hasVectors: Bool) -> Int {
    hasVectors ? registersWithVectors.size : registers.size
  }

  /// The table at the moment.
  package static func table(hasVectors: Bool) -> RegisterFile<Self> {
    hasVectors ? registersWithVectors : registers
  }

  package static let registers = RegisterFile<Self>(size: 0x14, common)
  package static let registersWithVectors = RegisterFile<Self>(
    size: 0x18,
    common + [
      .readWrite("config_msix_vector", at: 0x14, \.configurationVector),
      .readWrite("queue_msix_vector", at: 0x16, \.queueVector),
    ])

  private static var common: [Register<Self>] {
    [
      .readOnly("device_features", at: 0x00, \.deviceFeatures),
      .readWrite("driver_features", at: 0x04, \.driverFeatures),
      .readWrite("queue_address", at: 0x08, \.queueAddress),
      .readOnly("queue_size", at: 0x0c, \.queueSize),
      .readWrite("queue_select", at: 0x0e, \.queueSelect),
      .readWrite("queue_notify", at: notify, \.queueNotify),
      .readWrite("device_status", at: 0x12, \.status) { $0.writeStatus($1) },
      .readOnly("isr_status", at: 0x13, \.isr),
    ]
  }

  private var deviceFeatures: UInt32 { state.legacyOffered.word(0) }

  private var driverFeatures: UInt32 {
    get { state.acceptedWord(0) }
    set { state.acceptLegacy(newValue) }
  }

  private var queue: QueueSetup { state.queueSetup(queueSelect) }

  /// In units of 4096 bytes; 0: none. There is no way to choose the size (§4.1.5.1.3.1).
  private var queueAddress: UInt32 {
    get { queue.isEnabled ? UInt32(truncatingIfNeeded: queue.descriptorArea / Self.alignment) : 0 }
    set {
      state.setLegacyRing(queueSelect, at: UInt64(newValue) * Self.alignment, alignment: Self.alignment)
    }
  }

  private var queueSize: UInt16 { queue.maximumSize }

  private var queueNotify: UInt16 {
    get { 0 }
    set { state.notifyLegacy(newValue) }
  }

  private var status: UInt8 { state.status.rawValue }

  private func writeStatus(_ value: UInt8) {
    state.writeStatus(DeviceStatus(rawValue: value), by: .legacy)
  }

  private var isr: UInt8 { takeISR() }

  /// A vector that does not exist reads back as `VIRTIO_MSI_NO_VECTOR` (§4.1.5.1.2.1).
  private func existing(_ vector: UInt16) -> UInt16 {
    Int(vector) < vectorCount ? vector : QueueSetup.noVector
  }

  private var configurationVector: UInt16 {
    get { state.configurationVector }
    set { state.setConfigurationVector(existing(newValue), by: .legacy) }
  }

  private var queueVector: UInt16 {
    get { queue.vector }
    set { state.setQueueVector(queueSelect, existing(newValue), by: .legacy) }
  }
}

/// Who a legacy or transitional function is, and how large its I/O BAR.
package enum LegacyLayout {
  /// The transitional PCI device id (virtio 1.4 §4.1.2): the table's for types that have one, else, as an extension of
  /// this package, 0x1000 plus the type.
  package static func pciDeviceID(type: UInt16) -> UInt16 {
    switch type {
    case 1: 0x1000  // network
    case 2: 0x1001  // block
    case 5: 0x1002  // memory balloon
    case 3: 0x1003  // console
    case 8: 0x1004  // SCSI host
    case 4: 0x1005  // entropy
    case 9: 0x1009  // 9P
    default: 0x1000 + type
    }
  }

  /// Where a driver announces buffers of a queue (virtio 1.4 §4.1.5.2): one register, to which it writes the queue's number.
  package static func doorbell(ofQueue queue: Int) -> PCIDoorbell {
    PCIDoorbell(
      bar: LegacyHeader.bar, offset: UInt64(LegacyHeader.notify), queue: queue, match: UInt16(clamping: queue)
    )
  }

  /// Bytes of BAR 0: the registers with vectors, and the device configuration.
  package static func barSize(configurationSize: Int) -> UInt64 {
    var size: UInt64 = 32
    while size < UInt64(LegacyHeader.size(hasVectors: true) + configurationSize) { size *= 2 }
    return size
  }
}
