/// A PCI function at one moment, for people and programs that look from outside.
public struct PCISnapshot: Sendable, Equatable {
  /// `PCI_VENDOR_ID` and the like.
  public let vendor, device, subsystemVendor, subsystem: UInt16
  /// `PCI_REVISION_ID`
  public let revision: UInt8
  /// Class, subclass and programming interface, as in 0x038000.
  public let classCode: UInt32
  /// Bytes of configuration space: 4096 for a PCI Express endpoint.
  public let configurationSpaceSize: Int
  /// `PCI_COMMAND`; see `commandNames`.
  public let command: UInt16
  /// `PCI_INTERRUPT_LINE`: a note of the firmware's.
  public let interruptLine: UInt8
  /// False in D3hot, where the function answers configuration accesses alone.
  public let isFullyOn: Bool
  /// The base address registers that there are.
  public let bars: [BaseAddress]
  /// MSI-X as the function knows it.
  public let msix: MSIXSnapshot
  /// Whether the command register or the power state silences the INTx pin.
  public let isINTxDisabled: Bool
  /// The level of the INTx pin.
  public let isINTxAsserted: Bool

  /// A base address register with what stands in it.
  public struct BaseAddress: Sendable, Equatable {
    /// 0 to 5.
    public let index: Int
    /// Kind and size.
    public let bar: BAR
    /// Where the guest has placed it, without the bits that say what it is; a VMM that keeps these registers itself may
    /// not pass every change on.
    public let address: UInt64
  }

  /// The bits of `command` by their names in PCI, such as `MEMORY`.
  public var commandNames: [String] {
    let names: [(UInt16, String)] = [
      (ConfigSpace.Command.io, "IO"), (ConfigSpace.Command.memory, "MEMORY"),
      (ConfigSpace.Command.busMaster, "MASTER"), (ConfigSpace.Command.intxDisable, "INTX_DISABLE"),
    ]
    return names.filter { command & $0.0 != 0 }.map(\.1)
  }
}

/// An MSI-X capability and its table at one moment.
public struct MSIXSnapshot: Sendable, Equatable {
  /// MSI-X Enable.
  public let isEnabled: Bool
  /// Function Mask.
  public let isMasked: Bool
  /// Whether the host keeps the table itself, as VFIO's hosts do: `vectors` then says nothing.
  public package(set) var isTableOfHost = false
  /// The table.
  public let vectors: [Vector]

  /// A vector.
  public struct Vector: Sendable, Equatable {
    /// The message's address.
    public let address: UInt64
    /// The message's data.
    public let data: UInt32
    /// Whether it is masked in the table.
    public let isMasked: Bool
    /// Whether a message waits for it to be unmasked.
    public let isPending: Bool
  }
}

extension MSIX {
  /// The table and the control register's bits; nothing changes by it.
  package var snapshot: MSIXSnapshot {
    MSIXSnapshot(
      isEnabled: isEnabled, isMasked: isMasked,
      vectors: zip(entries, pending).map { entry, isPending in
        MSIXSnapshot.Vector(
          address: entry.address, data: entry.data, isMasked: entry.isMasked, isPending: isPending)
      })
  }
}

extension ConfigSpace {
  /// What the registers of a function with these base address registers say, beside what they do not know.
  package func snapshot(
    bars: [BAR], msix: MSIXSnapshot, isFullyOn: Bool, isINTxDisabled: Bool, isINTxAsserted: Bool
  ) -> PCISnapshot {
    func half(_ offset: Int) -> UInt16 { UInt16(truncatingIfNeeded: value(at: offset, width: 2)) }
    let identity = value(at: 0x08, width: 4)
    return PCISnapshot(
      vendor: half(0x00), device: half(0x02), subsystemVendor: half(0x2c), subsystem: half(0x2e),
      revision: UInt8(truncatingIfNeeded: identity), classCode: identity >> 8,
      configurationSpaceSize: bytes.count, command: half(Offset.command),
      interruptLine: UInt8(truncatingIfNeeded: value(at: 0x3c, width: 1)), isFullyOn: isFullyOn,
      bars: bars.enumerated().compactMap { index, bar in
        guard bar.kind != .absent else { return nil }
        let offset = Offset.bar0 + 4 * index
        var address = UInt64(value(at: offset, width: 4))
        if bar.kind == .memory64 { address |= UInt64(value(at: offset + 4, width: 4)) << 32 }
        return PCISnapshot.BaseAddress(index: index, bar: bar, address: address & ~(bar.size - 1))
      },
      msix: msix, isINTxDisabled: isINTxDisabled, isINTxAsserted: isINTxAsserted)
  }
}
