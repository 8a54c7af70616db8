import GuestDriver

/// MSI-X, INTx and ISR status.
extension SeededFault {
  static let interruptFaults: [SeededFault] = vectorFaults + messageFaults + pinFaults

  private static let vectorFaults: [SeededFault] = [
    SeededFault(
      "interrupts.table-of-one", caughtBy: "interrupts.table-size",
      .read(.vectorCapability(PCILayout.MSIX.control, 2)) { $1 & ~UInt64(PCILayout.MSIX.controlTableSize) }),
    SeededFault(
      "interrupts.table-outside-its-region", caughtBy: "interrupts.table-inside-region",
      .reads(.vectorCapability(PCILayout.MSIX.table, 4), as: 0xff1)),
    SeededFault(
      "interrupts.pending-bits-in-the-table", caughtBy: "interrupts.table-inside-region",
      .reads(.vectorCapability(PCILayout.MSIX.pendingBits, 4), as: 0x21)),
    SeededFault(
      "interrupts.last-vector-cannot-be-mapped", caughtBy: "interrupts.any-event-to-any-vector",
      .write(.common(.queueVector)) { _, value in value == 2 ? 0xffff : value }),
    SeededFault(
      "interrupts.no-unmapping", caughtBy: "interrupts.unmapping",
      .write(.common(.configVector)) { _, value in value == 0xffff ? nil : value }),
    SeededFault(
      "interrupts.mapped-after-reset", caughtBy: "interrupts.unmapped-after-reset",
      .write(.common(.configVector)) { function, value in
        function.tally = value + 1
        return value
      },
      .read(.common(.configVector)) { $0.tally == 0 ? $1 : $0.tally - 1 }),
    SeededFault(
      "interrupts.any-vector-is-taken", caughtBy: "interrupts.vector-that-does-not-exist",
      .write(.common(.queueVector)) { function, value in
        function.tally = value
        return value
      },
      .read(.common(.queueVector)) { function, _ in function.tally }),
  ]

  private static let messageFaults: [SeededFault] = [
    SeededFault(
      "interrupts.everything-on-vector-0", caughtBy: "interrupts.each-queue-its-vector",
      .interrupt { function, interrupt in
        if case .message = interrupt { function.raise(0) }
        return []
      }),
    SeededFault(
      "interrupts.vector-0-too", caughtBy: "interrupts.each-queue-its-vector",
      .interrupt { function, interrupt in
        if case .message(let vector, _, _) = interrupt, vector != 0 { function.raise(0) }
        return [interrupt]
      }),
    SeededFault(
      "interrupts.message-without-data", caughtBy: "interrupts.each-queue-its-vector",
      .interrupt { _, interrupt in
        guard case .message(let vector, let address, _) = interrupt else { return [interrupt] }
        return [.message(vector: vector, address: address, data: 0)]
      }),
    SeededFault(
      "interrupts.message-to-another-address", caughtBy: "interrupts.each-queue-its-vector",
      .interrupt { _, interrupt in
        guard case .message(let vector, let address, let data) = interrupt else { return [interrupt] }
        return [.message(vector: vector, address: address | 1 << 32, data: data)]
      }),
    SeededFault(
      "interrupts.vector-0-is-not-for-queues", caughtBy: "interrupts.shared-vector",
      .interrupt { _, interrupt in
        if case .message(0, _, _) = interrupt { return [] }
        return [interrupt]
      }),
    SeededFault(
      "interrupts.unmapped-queue-interrupts", caughtBy: "interrupts.queue-without-vector",
      .used { function, buffer in
        if function.driver.queues[buffer.queue]?.vector == VirtioLayout.noVector { function.raise(0) }
      }),
    SeededFault(
      "interrupts.unmapped-configuration-interrupts", caughtBy: "interrupts.configuration-without-vector",
      .afterWrite { function in
        let needsReset = UInt64(VirtioLayout.Status.needsReset)
        if function.right(.common(.deviceStatus)) & needsReset != 0 { function.raise(0) }
      }),
    SeededFault(
      "interrupts.mask-is-ignored", caughtBy: "interrupts.masked-vector",
      .used { function, _ in function.raise(1) }),
    SeededFault(
      "interrupts.lost-behind-the-mask", caughtBy: "interrupts.masked-vector",
      .used { function, _ in function.tally = 1 },
      .interrupt { $0.tally == 1 ? [] : [$1] }),
    SeededFault(
      "interrupts.no-pending-bits", caughtBy: "interrupts.masked-function", .reads(.pendingBits, as: 0)),
    SeededFault(
      "interrupts.function-mask-is-ignored", caughtBy: "interrupts.masked-function",
      .write(.vectorCapability(PCILayout.MSIX.control, 2)) { _, value in
        value & ~UInt64(PCILayout.MSIX.controlFunctionMask)
      }),
  ]

  private static let pinFaults: [SeededFault] = [
    SeededFault(
      "interrupts.pin-without-isr", caughtBy: "interrupts.queue-bit", .reads(.isr, as: 0)),
    SeededFault("interrupts.isr-without-pin", caughtBy: "interrupts.queue-bit", .neverInterrupts),
    SeededFault(
      "interrupts.no-configuration-bit", caughtBy: "interrupts.configuration-bit", .read(.isr) { $1 & ~2 }),
    SeededFault(
      "interrupts.isr-stays", caughtBy: "interrupts.read-clears",
      .read(.isr) { function, value in
        function.tally |= value
        return function.tally
      }),
    SeededFault(
      "interrupts.no-pci-status", caughtBy: "interrupts.pci-status-bit",
      .read(.configuration(PCILayout.status, 2)) { $1 & ~UInt64(PCILayout.Status.interrupt) }),
    SeededFault(
      "interrupts.pci-status-stays", caughtBy: "interrupts.pci-status-bit",
      .read(.configuration(PCILayout.status, 2)) { function, value in
        function.tally |= value & UInt64(PCILayout.Status.interrupt)
        return value | function.tally
      }),
    SeededFault(
      "interrupts.pin-stays-up", caughtBy: "interrupts.pin-falls-on-read",
      .interrupt { _, interrupt in interrupt == .pin(false) ? [] : [interrupt] }),
    SeededFault(
      "interrupts.pin-falls-by-itself", caughtBy: "interrupts.pin-falls-on-read",
      .interrupt { _, interrupt in interrupt == .pin(true) ? [interrupt, .pin(false)] : [interrupt] }),
    SeededFault(
      "interrupts.pin-cannot-be-disabled", caughtBy: "interrupts.pin-disabled",
      .write(.configuration(PCILayout.command, 2)) { _, value in
        value & ~UInt64(PCILayout.Command.interruptDisable)
      }),
    SeededFault(
      "interrupts.disabled-pin-forgets", caughtBy: "interrupts.pin-disabled",
      .write(.configuration(PCILayout.command, 2)) { function, value in
        if value & UInt64(PCILayout.Command.interruptDisable) != 0 { function.tally = 1 }
        return value
      },
      .interrupt { $0.tally == 1 ? [] : [$1] }),
  ]
}
