/// A virtio device at one moment, for people and programs that look from outside: a copy that nothing depends on.
///
/// Bounded: a few hundred bytes and as much for each queue.
public struct VirtioSnapshot: Sendable, Equatable {
  /// The interfaces of a device (virtio 1.4 §1.4.1).
  public enum Interface: String, Sendable {
    /// Of version 1 and later.
    case modern
    /// Of before version 1.
    case legacy
  }

  /// The device type (virtio 1.4 §5).
  public let deviceType: UInt16
  /// The interface that the driver has chosen by its first write; nil before, and after a reset.
  public let interface: Interface?
  /// The device status field (virtio 1.4 §2.1); see `statusNames`.
  public let status: UInt8
  /// Whether a reset was asked for that the device's thread has not carried out yet.
  public let isResetting: Bool
  /// Resets carried out since the device was made.
  public let resets: UInt64
  /// What the device offers by the interface in use.
  public let offered: FeatureSet
  /// What the driver has written, agreed on once FEATURES_OK is set.
  public let accepted: FeatureSet
  /// `config_generation` (virtio 1.4 §4.1.4.3).
  public let configurationGeneration: UInt8
  /// The MSI-X vector of configuration changes; nil for none.
  public let configurationVector: UInt16?
  /// Whether the bus lets the device read and write memory.
  public let isBusMaster: Bool
  /// Broken rings since the device was made, by kind; each made it ask for a reset. Kinds that did not occur are absent.
  public let ringFaults: [RingFaultKind: UInt64]
  /// The last of them.
  public let lastRingFault: RingFaultKind?
  /// Every queue that the device has.
  public let queues: [QueueSnapshot]
  /// The device's thread was at one buffer longer than the inspector would wait: no queue has a `ring`.
  public let isBusy: Bool

  /// The bits of the device status by their names, such as `DRIVER_OK`.
  public var statusNames: [String] { DeviceStatus(rawValue: status).names }
}

/// One queue: what the driver has set up, and how far it has been worked.
public struct QueueSnapshot: Sendable, Equatable {
  /// The queue's number.
  public let index: Int
  /// The largest size that the device offers.
  public let maximumSize: UInt16
  /// The size that the driver has chosen (`queue_size`).
  public let size: UInt16
  /// Whether the driver has enabled it (`queue_enable`).
  public let isEnabled: Bool
  /// Whether the driver has reset it and the device has not let go of it yet (`queue_reset`).
  public let isResetting: Bool
  /// Where the descriptor area lies (`queue_desc`).
  public let descriptorArea: UInt64
  /// Where the driver area lies (`queue_driver`).
  public let driverArea: UInt64
  /// Where the device area lies (`queue_device`).
  public let deviceArea: UInt64
  /// Its MSI-X vector; nil for none.
  public let vector: UInt16?
  /// How far the ring has been worked; nil while the device does not work it.
  public let ring: RingSnapshot?
}

/// How far a ring has been worked since its queue was enabled.
public struct RingSnapshot: Sendable, Equatable {
  /// The formats of rings (virtio 1.4 §2.7, §2.8).
  public enum Format: String, Sendable {
    /// A descriptor table, an available ring and a used ring.
    case split
    /// One ring of descriptors, which both sides write.
    case packed
  }

  /// When one side wants to hear of the other.
  public enum Request: Sendable, Equatable {
    /// Of every buffer.
    case always
    /// Not at all.
    case never
    /// When the other side's index, or offset in a packed ring, goes past this one.
    case at(UInt16)
  }

  /// Split or packed.
  public let format: Format
  /// The place from which the device takes the next buffer: an index of the available ring, or an offset.
  public let availableIndex: UInt16
  /// The wrap counter there; packed rings alone have one.
  public internal(set) var availableWrap: Bool?
  /// The place to which the device gives the next buffer back.
  public let usedIndex: UInt16
  /// The wrap counter there.
  public internal(set) var usedWrap: Bool?
  /// What the device holds: buffers of a split ring, descriptors of a packed one.
  public let inFlight: Int
  /// Whether notifications are suppressed by event indices (VIRTIO_F_EVENT_IDX).
  public let hasEventIndex: Bool
  /// The available ring's index as the driver has it in memory; split rings alone have one. Here and below nil also
  /// means that the memory is gone.
  public internal(set) var driverIndex: UInt16?
  /// Whether the driver has made a buffer available that the device has not taken.
  public internal(set) var hasBuffers: Bool?
  /// When the driver wants an interrupt (used buffer notification).
  public internal(set) var interruptsWanted: Request?
  /// When the device wants a doorbell (available buffer notification), as it last said.
  public internal(set) var notificationsWanted: Request?
  /// Buffers taken.
  public internal(set) var buffers: UInt64 = 0
  /// Doorbells heard; several before the device looks are one.
  public internal(set) var notifications: UInt64 = 0
  /// Interrupts raised.
  public internal(set) var interrupts: UInt64 = 0

  init(format: Format, availableIndex: UInt16, usedIndex: UInt16, inFlight: Int, hasEventIndex: Bool) {
    self.format = format
    self.availableIndex = availableIndex
    self.usedIndex = usedIndex
    self.inFlight = inFlight
    self.hasEventIndex = hasEventIndex
  }
}

extension DeviceStatus {
  /// The bits' names (virtio 1.4 §2.1), lowest first; what has none is given by its value.
  var names: [String] {
    (0..<8).compactMap { bit in
      let value = DeviceStatus(rawValue: 1 << bit)
      guard contains(value) else { return nil }
      return switch value {
      case .acknowledge: "ACKNOWLEDGE"
      case .driver: "DRIVER"
      case .driverOK: "DRIVER_OK"
      case .featuresOK: "FEATURES_OK"
      case .suspend: "SUSPEND"
      case .needsReset: "DEVICE_NEEDS_RESET"
      case .failed: "FAILED"
      default: "\(value.rawValue)"
      }
    }
  }
}
