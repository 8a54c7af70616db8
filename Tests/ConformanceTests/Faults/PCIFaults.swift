import GuestDriver

/// Identity, capabilities, the configuration access window.
extension SeededFault {
  private typealias Capability = VirtioLayout.Capability
  private typealias CapabilityType = VirtioLayout.CapabilityType

  static let pciFaults: [SeededFault] = identityFaults + structureFaults + doorbellFaults + windowFaults

  private static let identityFaults: [SeededFault] = [
    SeededFault(
      "pci.transitional-id", caughtBy: "pci.device-id-of-a-modern-device", on: .entropy,
      .reads(.configuration(PCILayout.deviceID, 2), as: 0x1005)),
    SeededFault(
      "pci.another-vendor", caughtBy: "pci.vendor-id",
      .reads(.configuration(PCILayout.vendorID, 2), as: 0x1af5)),
    SeededFault(
      "pci.device-id-of-nothing", caughtBy: "pci.device-id",
      .reads(.configuration(PCILayout.deviceID, 2), as: 0x1030)),
    SeededFault(
      "pci.revision-0", caughtBy: "pci.revision-of-a-modern-device",
      .reads(.configuration(PCILayout.revisionID, 1), as: 0)),
    SeededFault(
      "pci.legacy-subsystem", caughtBy: "pci.subsystem-of-a-modern-device",
      .reads(.configuration(PCILayout.subsystemID, 2), as: 16)),
    SeededFault(
      "pci.writable-class", caughtBy: "pci.header",
      .write(.configuration(PCILayout.revisionID, 4)) { function, value in
        function.tally = value
        return value
      },
      .read(.configuration(PCILayout.revisionID, 4)) { $0.tally == 0 ? $1 : $0.tally }),
    SeededFault(
      "pci.pin-of-no-line", caughtBy: "pci.header", .reads(.configuration(PCILayout.interruptPin, 1), as: 7)),
    SeededFault(
      "pci.no-display-class", caughtBy: "pci.class-of-a-gpu",
      .reads(.configuration(PCILayout.baseClass, 1), as: 0xff)),
    SeededFault(
      "pci.vga-without-memory", caughtBy: "pci.class-of-a-gpu",
      .reads(.configuration(PCILayout.subclass, 1), as: 0)),
  ]

  private static let structureFaults: [SeededFault] = [
    SeededFault(
      "pci.no-access-window", caughtBy: "pci.structures-present",
      .reads(.capability(CapabilityType.configurationAccess, Capability.configurationType, 1), as: 0x20)),
    SeededFault(
      "pci.no-device-structure", caughtBy: "pci.device-structure-present",
      .reads(.capability(CapabilityType.device, Capability.configurationType, 1), as: 0x20)),
    SeededFault(
      "pci.notify-capability-too-short", caughtBy: "pci.capability-lengths",
      .reads(.capability(CapabilityType.notify, Capability.length, 1), as: 16)),
    SeededFault(
      "pci.capability-past-the-header", caughtBy: "pci.capability-lengths",
      .reads(.capability(CapabilityType.common, Capability.length, 1), as: 0xff)),
    SeededFault(
      "pci.device-structure-outside-its-region", caughtBy: "pci.structures-inside-regions",
      .reads(.capability(CapabilityType.device, Capability.structureLength, 4), as: 0x10000)),
    SeededFault(
      "pci.shared-memory-longer-than-its-bar", caughtBy: "pci.shared-memory-inside-region",
      on: .gpuWithHostVisibleMemory,
      .reads(.capability(CapabilityType.sharedMemory, Capability.structureLength, 4), as: 2 << 20)),
    SeededFault(
      "pci.shared-memory-of-no-kind", caughtBy: "pci.shared-memory-ids", on: .gpuWithHostVisibleMemory,
      .reads(.capability(CapabilityType.sharedMemory, Capability.identifier, 1), as: 2)),
    SeededFault(
      "pci.structure-in-no-region", caughtBy: "pci.structures-inside-regions",
      .reads(.capability(CapabilityType.isr, Capability.bar, 1), as: 3)),
    SeededFault(
      "pci.common-structure-too-short", caughtBy: "pci.structure-lengths",
      .reads(.capability(CapabilityType.common, Capability.structureLength, 4), as: 56)),
    SeededFault(
      "pci.device-structure-without-capsets", caughtBy: "pci.structure-lengths",
      .reads(.capability(CapabilityType.device, Capability.structureLength, 4), as: 12)),
    SeededFault(
      "pci.device-structure-at-an-odd-offset", caughtBy: "pci.structure-alignment",
      .reads(.capability(CapabilityType.device, Capability.offset, 4), as: 0x2002)),
    SeededFault(
      "pci.writable-capability", caughtBy: "pci.capabilities-are-read-only",
      .write(.capability(CapabilityType.isr, Capability.offset, 4)) { function, value in
        function.tally = value
        return value
      },
      .read(.capability(CapabilityType.isr, Capability.offset, 4)) { $0.tally == 0 ? $1 : $0.tally }),
    SeededFault(
      "pci.vendor-data-of-virtio", caughtBy: "pci.vendor-data",
      .reads(.capability(CapabilityType.vendor, 4, 2), as: 0x1af4)),
    SeededFault(
      "pci.vendor-data-of-odd-length", caughtBy: "pci.vendor-data",
      .reads(.capability(CapabilityType.vendor, Capability.length, 1), as: 18)),
    SeededFault(
      "pci.vendor-data-that-counts", caughtBy: "pci.vendor-data-reads",
      .read(.capability(CapabilityType.vendor, 8, 1)) { function, value in
        function.tally += 1
        return value &+ function.tally
      }),
  ]

  private static let doorbellFaults: [SeededFault] = [
    SeededFault(
      "pci.notify-offset-no-multiple-of-4", caughtBy: "pci.notify-offset-with-data",
      .reads(.capability(CapabilityType.notify, Capability.offset, 4), as: 0x4002)),
    SeededFault(
      "pci.notify-offset-odd", caughtBy: "pci.notify-offset", on: .gpuWithoutNotificationData,
      .reads(.capability(CapabilityType.notify, Capability.offset, 4), as: 0x4001)),
    SeededFault(
      "pci.notify-multiplier-2", caughtBy: "pci.notify-multiplier-with-data",
      .reads(.capability(CapabilityType.notify, Capability.notifyMultiplier, 4), as: 2)),
    SeededFault(
      "pci.notify-multiplier-6", caughtBy: "pci.notify-multiplier", on: .gpuWithoutNotificationData,
      .reads(.capability(CapabilityType.notify, Capability.notifyMultiplier, 4), as: 6)),
    SeededFault(
      "pci.room-for-one-doorbell", caughtBy: "pci.notify-length-with-data",
      .reads(.capability(CapabilityType.notify, Capability.structureLength, 4), as: 4)),
    SeededFault(
      "pci.doorbell-past-the-structure", caughtBy: "pci.notify-length", on: .gpuWithoutNotificationData,
      .reads(.common(.queueNotifyOffset), as: 2)),
  ]

  private static let windowData = FaultPlace.capability(
    CapabilityType.configurationAccess, Capability.configurationData, 4)

  private static let windowFaults: [SeededFault] = [
    SeededFault(
      "pci.window-reads-one-byte", caughtBy: "pci.window-reads", .read(windowData) { $1 & 0xff }),
    SeededFault(
      "pci.window-ignores-offset", caughtBy: "pci.window-reads",
      .write(.capability(CapabilityType.configurationAccess, Capability.offset, 4)) { $1 & ~0xf }),
    SeededFault(
      "pci.window-ignores-writes-of-a-byte", caughtBy: "pci.window-writes",
      .ignoresWrites(
        .capability(CapabilityType.configurationAccess, Capability.configurationData, 1))),
    SeededFault(
      "pci.window-writes-four-bytes", caughtBy: "pci.window-writes",
      .afterWrite { function in
        let length = FaultPlace.capability(CapabilityType.configurationAccess, Capability.structureLength, 4)
        if function.right(length) == 1 { function.put(.common(.queueSelect), 0) }
      }),
  ]
}
