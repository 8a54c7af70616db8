import Glibc
public import PCIBus
public import VirtioCore
import VirtioPCILegacy
import VirtioPCIModern

/// A virtio device on a PCI bus at one moment, for people and programs that look from outside.
public struct FunctionSnapshot: Sendable, Equatable {
  /// The function as the bus has it; nil when a register access held its registers for longer than the inspector would
  /// wait, as a legacy driver's reset of a busy device does.
  public let pci: PCISnapshot?
  /// The interfaces that a driver may choose from; `virtio.interface` is the one in use.
  public let transport: VirtioPCIOptions.Transport
  /// ISR status (virtio 1.4 §4.1.4.5): 1 for a queue, 2 for the configuration. Not read by this.
  public let isr: UInt8
  /// The device.
  public let virtio: VirtioSnapshot
}

extension VirtioPCIFunction {
  /// The function as it is now, with what `detail` returns of the device; see `DeviceState.inspect`.
  package func inspect<Detail: Sendable>(
    withinMilliseconds milliseconds: Int, _ detail: @escaping @Sendable () -> Detail
  ) -> (FunctionSnapshot, Detail?) {
    let deadline = ContinuousClock.now.advanced(by: .milliseconds(milliseconds))
    let (virtio, detail) = state.inspect(withinMilliseconds: milliseconds, detail)
    var pci = pciSnapshot
    while pci == nil, ContinuousClock.now < deadline {
      usleep(1000)
      pci = pciSnapshot
    }
    let transport: VirtioPCIOptions.Transport =
      switch (bars[LegacyHeader.bar].kind, bars[ModernLayout.bar].kind) {
      case (.absent, _): .modern
      case (_, .absent): .legacy
      default: .transitional
      }
    return (
      FunctionSnapshot(pci: pci, transport: transport, isr: interrupts.present.isr, virtio: virtio), detail
    )
  }

  /// What the bus has; nil while a register access holds the registers.
  private var pciSnapshot: PCISnapshot? {
    let interrupts = interrupts.present
    return registers.withLockIfAvailable { registers in
      registers.space.snapshot(
        bars: bars, msix: interrupts.vectors, isFullyOn: isFullyOn.load(ordering: .acquiring),
        isINTxDisabled: interrupts.isPinDisabled,
        isINTxAsserted: interrupts.isPinAsserted)
    }
  }
}
