import GuestDriver

/// The legacy interface.
extension SeededFault {
  static let legacyFaults: [SeededFault] = legacyIdentityFaults + legacyRegisterFaults + legacyLayoutFaults

  private static let legacyIdentityFaults: [SeededFault] = [
    SeededFault(
      "legacy.revision-1", caughtBy: "legacy.revision", on: .transitionalEntropy,
      .reads(.configuration(PCILayout.revisionID, 1), as: 1)),
    SeededFault(
      "legacy.modern-subsystem", caughtBy: "legacy.subsystem", on: .transitionalEntropy,
      .reads(.configuration(PCILayout.subsystemID, 2), as: 0x1100)),
    SeededFault(
      "legacy.registers-in-memory", caughtBy: "legacy.structure", on: .transitionalEntropy,
      .read(.configuration(PCILayout.baseAddress0, 4)) { $1 & ~1 }),
    SeededFault(
      "legacy.no-queue", caughtBy: "legacy.structure", on: .transitionalEntropy,
      .reads(.legacy(.queueSize), as: 0)),
    SeededFault(
      "legacy.status-bit-is-lost", caughtBy: "legacy.structure", on: .transitionalGPU,
      .read(.legacy(.deviceStatus)) { $1 & ~2 }),
  ]

  private static let legacyRegisterFaults: [SeededFault] = [
    SeededFault(
      "legacy.queue-address-in-pages-of-8-KiB", caughtBy: "legacy.round-trip", on: .transitionalEntropy,
      .write(.legacy(.queueAddress)) { _, value in value * 2 },
      .read(.legacy(.queueAddress)) { $1 / 2 }),
    SeededFault(
      "legacy.queue-address-is-not-kept", caughtBy: "legacy.round-trip", on: .transitionalGPU,
      .reads(.legacy(.queueAddress), as: 0)),
    SeededFault(
      "legacy.deaf-doorbell", caughtBy: "legacy.round-trip", on: .transitionalGPU,
      .ignoresWrites(.legacy(.queueNotify))),
    SeededFault(
      "legacy.wants-features-ok", caughtBy: "legacy.driver-without-version-1", on: .transitionalEntropy,
      .write(.legacy(.deviceStatus)) { _, value in value & 8 != 0 || value == 0 ? value : value & ~4 }),
    SeededFault(
      "legacy.deaf-before-driver-ok", caughtBy: "legacy.requests-before-driver-ok", on: .transitionalGPU,
      .write(.legacy(.queueNotify)) { $0.driver.status & 4 == 0 ? nil : $1 }),
    SeededFault(
      "legacy.no-any-layout", caughtBy: "legacy.any-layout", on: .transitionalGPU,
      .read(.legacy(.deviceFeatures)) { $1 & ~(1 << 27) }),
    SeededFault(
      "legacy.wants-two-descriptors", caughtBy: "legacy.any-layout", on: .transitionalGPU,
      .used { _, buffer in if buffer.chain?.ringCount ?? 0 > 2 { buffer.length = 0 } }),
  ]

  private static let legacyLayoutFaults: [SeededFault] = [
    SeededFault(
      "legacy.event-cannot-be-cleared", caughtBy: "legacy.configuration-before-features",
      on: .transitionalGPU, .reads(.legacyBytes(20, 4), as: 1)),
    SeededFault(
      "legacy.configuration-by-words-only", caughtBy: "legacy.configuration-of-any-width",
      on: .transitionalGPU, .reads(.legacyBytes(29, 1), as: 0xff)),
    SeededFault(
      "legacy.configuration-in-the-other-order", caughtBy: "legacy.configuration-moves-with-msix",
      on: .transitionalGPU,
      .read(.legacyBytes(28, 4)) { _, value in UInt64(UInt32(truncatingIfNeeded: value).byteSwapped) }),
    SeededFault(
      "legacy.configuration-stays-with-msix", caughtBy: "legacy.configuration-moves-with-msix",
      on: .transitionalGPU,
      .read(.legacyBytes(32, 4)) { function, value in
        let control = function.right(.vectorCapability(PCILayout.MSIX.control, 2))
        // What lies 4 bytes on is at this place without the two vector registers.
        return control & UInt64(PCILayout.MSIX.controlEnable) == 0
          ? value : function.right(.legacyBytes(36, 4))
      }),
  ]
}
