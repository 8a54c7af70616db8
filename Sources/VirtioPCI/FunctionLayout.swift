import PCIBus
import VirtioCore
import VirtioPCILegacy
import VirtioPCIModern

/// A function as its options make it: identity, base address registers, capabilities, and where they stand.
struct FunctionLayout {
  let identity: ConfigSpace.Identity
  /// Six rows.
  let bars: [BAR]
  let capabilities: [Capability]
  let configurationSpaceSize: Int
  /// Bytes from one doorbell of the modern structures to the next; at least 1.
  let doorbellStride: Int
  let doorbells: [PCIDoorbell]
  let places: Places

  /// Where the capabilities that the function acts on stand in configuration space; nil: there is none.
  struct Places {
    let msixControl: Int
    let window: Int?
    let expressControl: Int?
    let powerControl: Int?
  }

  /// BAR 1.
  enum MSIXLayout {
    static let bar = 1
    static let size: UInt64 = 0x1000
    static let table = 0x000
    static let pending = 0x800
  }

  init(_ device: any VirtioDevice, classCode: UInt32, vectorCount: Int, options: VirtioPCIOptions) {
    let modern =
      options.transport == .legacy
      ? nil : ModernLayout(device, hasDoorbellPages: options.hasDoorbellPages)
    let hasLegacy = options.transport != .modern
    doorbellStride = modern?.notifyMultiplier ?? 1
    identity = Self.identity(device, classCode: classCode, hasLegacy: hasLegacy)
    bars = Self.bars(device, modern: modern, hasLegacy: hasLegacy)
    let queues = device.queueSizes.indices
    doorbells =
      (modern.map { modern in queues.map { modern.doorbell(ofQueue: $0) } } ?? [])
      + (hasLegacy ? queues.map { LegacyLayout.doorbell(ofQueue: $0) } : [])
    // The table and the pending bits share one page of BAR 1.
    precondition(vectorCount <= MSIXLayout.pending / MSIX.entrySize)
    let msix = MSIX.capability(
      vectorCount: vectorCount, bar: MSIXLayout.bar, tableOffset: MSIXLayout.table,
      pendingOffset: MSIXLayout.pending)
    let isExpress = options.placement == .express
    let list =
      [msix] + (isExpress ? [PowerManagement.capability, Express.capability] : [])
      + (modern?.capabilities ?? [])
    capabilities = list
    configurationSpaceSize = isExpress ? 4096 : 256
    places = Places(
      msixControl: ConfigSpace.offset(of: 0, in: list) + 2,
      window: modern.map { _ in ConfigSpace.offset(of: list.count - 1, in: list) },
      expressControl: isExpress ? ConfigSpace.offset(of: 2, in: list) + Express.deviceControl : nil,
      powerControl: isExpress ? ConfigSpace.offset(of: 1, in: list) + PowerManagement.control : nil)
  }

  /// §4.1.2.1: a modern function is 0x1040 plus the device type, with a revision of 1 or more and any subsystem id of
  /// 0x40 or more; §4.1.2.3: one with a legacy interface has a transitional id, revision 0 and the type as subsystem.
  private static func identity(
    _ device: any VirtioDevice, classCode: UInt32, hasLegacy: Bool
  ) -> ConfigSpace.Identity {
    ConfigSpace.Identity(
      vendor: 0x1af4,
      device: hasLegacy ? LegacyLayout.pciDeviceID(type: device.deviceID) : 0x1040 + device.deviceID,
      subsystemVendor: 0x1af4, subsystem: hasLegacy ? device.deviceID : 0x1100, revision: hasLegacy ? 0 : 1,
      classCode: classCode)
  }

  private static func bars(_ device: any VirtioDevice, modern: ModernLayout?, hasLegacy: Bool) -> [BAR] {
    var bars = Array(repeating: BAR.absent, count: 6)
    bars[MSIXLayout.bar] = BAR(.memory32, size: MSIXLayout.size)
    if hasLegacy {
      bars[LegacyHeader.bar] = BAR(
        .io, size: LegacyLayout.barSize(configurationSize: device.configurationSize))
    }
    if let modern {
      bars[ModernLayout.bar] = BAR(.memory64, size: modern.size, isPrefetchable: true)
      if modern.sharedMemorySize > 0 {
        bars[ModernLayout.sharedMemoryBAR] = BAR(
          .memory64, size: modern.sharedMemorySize, isPrefetchable: true)
      }
    }
    return bars
  }
}
