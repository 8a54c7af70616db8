import GuestDriver

/// What a virtio device is for.
package enum DeviceKind: Hashable, Sendable, CustomStringConvertible {
  case gpu
  case entropy
  /// Another device, by its virtio device id.
  case other(UInt16)

  init(deviceID: UInt16) {
    switch deviceID {
    case VirtioLayout.gpuDeviceID: self = .gpu
    case 4: self = .entropy
    default: self = .other(deviceID)
    }
  }

  package var description: String {
    switch self {
    case .gpu: "gpu"
    case .entropy: "entropy"
    case .other(let id): "device \(id)"
    }
  }

  /// The virtio device id (virtio 1.4 §5).
  package var deviceID: UInt16 {
    switch self {
    case .gpu: VirtioLayout.gpuDeviceID
    case .entropy: 4
    case .other(let id): id
    }
  }

  /// The PCI device id of its transitional form, for the kinds that have one (virtio 1.4 §4.1.2.1).
  package var transitionalPCIDeviceID: UInt16? {
    // In the order of the virtio device ids.
    let table: [UInt16: UInt16] = [
      1: 0x1000, 2: 0x1001, 3: 0x1003, 4: 0x1005, 5: 0x1002, 8: 0x1004, 9: 0x1009,
    ]
    return table[deviceID]
  }
}

/// Which drivers a device is made for.
package enum DeviceGeneration: String, Sendable {
  /// It has the capabilities of virtio 1.0 and later, and those alone.
  case modern
  /// It has the capabilities and the legacy interface.
  case transitional
  /// It has the legacy interface alone.
  case legacy
}

/// What was found behind a function before any case ran.
package struct DeviceProfile: Hashable, Sendable {
  package let kind: DeviceKind
  package let generation: DeviceGeneration
  /// Feature bits 0 to 63; of a legacy device 0 to 31.
  package let offeredFeatures: UInt64
  package let vectorCount: Int
  package let hasPin: Bool
  package let hasConfiguration: Bool

  /// Reads what a function says of itself, without status or queues.
  init(_ inventory: PCIInventory, _ function: VirtioFunction?, _ legacy: LegacyFunction?) throws {
    let isVirtio =
      inventory.vendorID == VirtioLayout.vendorID && (0x1000...0x107f).contains(inventory.deviceID)
    // A device with the structures and a wrong id is one to judge.
    let hasCommon = inventory.virtioStructures.contains { $0.type == VirtioLayout.CapabilityType.common }
    guard isVirtio || hasCommon else {
      throw DriverError.missing(
        "virtio device: the function is \(hex(inventory.vendorID)):\(hex(inventory.deviceID))")
    }
    let isTransitional = inventory.deviceID < VirtioLayout.modernDeviceIDBase
    let byTransitionalID = (UInt16(1)...9).first {
      DeviceKind(deviceID: $0).transitionalPCIDeviceID == inventory.deviceID
    }
    kind = DeviceKind(
      deviceID: isTransitional
        ? byTransitionalID ?? inventory.subsystemID : inventory.deviceID - VirtioLayout.modernDeviceIDBase)
    generation = isTransitional ? (hasCommon ? .transitional : .legacy) : .modern
    offeredFeatures = try function?.offeredFeatures() ?? legacy?.offeredFeatures() ?? 0
    vectorCount = inventory.vectorTable?.vectorCount ?? 0
    hasPin = inventory.interruptPin != 0
    hasConfiguration = inventory.virtioStructures.contains { $0.type == VirtioLayout.CapabilityType.device }
  }

  /// Whether a feature bit is offered.
  package func offers(_ feature: Int) -> Bool {
    (0..<64).contains(feature) && offeredFeatures >> UInt64(feature) & 1 != 0
  }

  /// Why a case has nothing to say here; nil when it has.
  func verdict(on needs: [Requirement], hidden: [Observable: String]) -> Verdict? {
    for need in needs {
      switch need {
      case .kind(let wanted) where kind != wanted:
        return .notApplicable(why: "the device is of another kind: \(kind)")
      case .modern where generation == .legacy:
        return .notApplicable(why: "the device has the legacy interface alone")
      case .legacy where generation == .modern:
        return .notApplicable(why: "the device has no legacy interface")
      case .feature(let bit) where !offers(bit):
        return .notApplicable(why: "\(FeatureName.of(bit, kind)) is not offered")
      case .vectors where vectorCount == 0: return .notApplicable(why: "the device has no MSI-X")
      case .pin where !hasPin: return .notApplicable(why: "the device has no interrupt pin")
      case .configuration where !hasConfiguration:
        return .notApplicable(why: "the device has no configuration of its own")
      case .observable(let what):
        if let why = hidden[what] { return .notObservable(why: why) }
      default: continue
      }
    }
    return nil
  }
}

/// Names of feature bits.
enum FeatureName {
  private static let reserved: [Int: String] = [
    24: "VIRTIO_F_NOTIFY_ON_EMPTY", 27: "VIRTIO_F_ANY_LAYOUT", 28: "VIRTIO_F_INDIRECT_DESC",
    29: "VIRTIO_F_EVENT_IDX", 32: "VIRTIO_F_VERSION_1", 33: "VIRTIO_F_ACCESS_PLATFORM",
    34: "VIRTIO_F_RING_PACKED", 35: "VIRTIO_F_IN_ORDER", 36: "VIRTIO_F_ORDER_PLATFORM",
    37: "VIRTIO_F_SR_IOV", 38: "VIRTIO_F_NOTIFICATION_DATA", 39: "VIRTIO_F_NOTIF_CONFIG_DATA",
    40: "VIRTIO_F_RING_RESET", 41: "VIRTIO_F_ADMIN_VQ", 43: "VIRTIO_F_SUSPEND",
  ]
  private static let gpu: [Int: String] = [
    0: "VIRTIO_GPU_F_VIRGL", 1: "VIRTIO_GPU_F_EDID", 2: "VIRTIO_GPU_F_RESOURCE_UUID",
    3: "VIRTIO_GPU_F_RESOURCE_BLOB", 4: "VIRTIO_GPU_F_CONTEXT_INIT", 5: "VIRTIO_GPU_F_BLOB_ALIGNMENT",
  ]

  /// The specification's name of a bit (virtio 1.4 §6, §5.7.3), or its number.
  static func of(_ bit: Int, _ kind: DeviceKind) -> String {
    reserved[bit] ?? (kind == .gpu ? gpu[bit] : nil) ?? "feature bit \(bit)"
  }
}
