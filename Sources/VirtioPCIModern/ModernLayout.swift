import PCIBus

/// Where the modern structures lie: one BAR, fixed offsets, a page each (virtio 1.4 §4.1.4).
///
/// The same for every device of this package: a host may rely on it without walking capabilities.
package enum ModernLayout {
  /// The BAR that holds everything: 64-bit, prefetchable memory.
  package static let bar = 4
  /// Bytes of the BAR.
  package static let size: UInt64 = 0x4000
  /// Common configuration.
  package static let common = 0x0000
  /// ISR status.
  package static let isr = 0x1000
  /// Device configuration.
  package static let device = 0x2000
  /// Doorbells.
  package static let notify = 0x3000
  /// Bytes of each window.
  package static let windowSize = 0x1000
  /// Bytes from one queue's doorbell to the next (`notify_off_multiplier`).
  package static let notifyMultiplier = 4

  /// `cfg_type` of a virtio capability (§4.1.4).
  enum Structure: UInt64 {
    /// `VIRTIO_PCI_CAP_COMMON_CFG`
    case common = 1
    /// `VIRTIO_PCI_CAP_NOTIFY_CFG`
    case notify = 2
    /// `VIRTIO_PCI_CAP_ISR_CFG`
    case isr = 3
    /// `VIRTIO_PCI_CAP_DEVICE_CFG`
    case device = 4
    /// `VIRTIO_PCI_CAP_PCI_CFG`
    case pciAccess = 5
  }

  /// The capabilities that lead a driver to the structures; the access window comes last.
  package static func capabilities(queueCount: Int, configurationSize: Int) -> [Capability] {
    var list = [
      capability(.common, offset: common, length: 64),
      capability(.isr, offset: isr, length: 1),
    ]
    if configurationSize > 0 { list.append(capability(.device, offset: device, length: configurationSize)) }
    var notify = capability(
      .notify, offset: self.notify, length: queueCount * notifyMultiplier, isLast: false)
    notify.append(UInt64(notifyMultiplier), width: 4)
    list.append(notify)
    list.append(AccessWindow.capability)
    return list
  }

  /// A `struct virtio_pci_cap` behind its id and link.
  private static func capability(
    _ structure: Structure, offset: Int, length: Int, isLast: Bool = true
  ) -> Capability {
    var capability = Capability(id: 9)
    capability.append(isLast ? 16 : 20, width: 1)  // cap_len
    capability.append(structure.rawValue, width: 1)
    capability.append(UInt64(bar), width: 1)
    capability.append(0, width: 3)  // id, padding
    capability.append(UInt64(offset), width: 4)
    capability.append(UInt64(length), width: 4)
    return capability
  }
}

/// The PCI configuration access window (virtio 1.4 §4.1.4.9): reaches a BAR through configuration space, for whoever
/// cannot map BARs yet.
package enum AccessWindow {
  /// Offset of `cap.bar` in the capability.
  package static let bar = 4
  /// Offset of `cap.offset`.
  package static let offset = 8
  /// Offset of `cap.length`.
  package static let length = 12
  /// Offset of `pci_cfg_data`.
  package static let data = 16

  static var capability: Capability {
    var capability = Capability(id: 9)
    capability.append(20, width: 1)
    capability.append(ModernLayout.Structure.pciAccess.rawValue, width: 1)
    capability.append(0, width: 1, writable: 0xff)
    capability.append(0, width: 3)
    capability.append(0, width: 4, writable: 0xffff_ffff)
    capability.append(0, width: 4, writable: 0xffff_ffff)
    capability.append(0, width: 4, writable: 0xffff_ffff)
    return capability
  }

  /// The access that the window's fields ask for; nil for what a driver must not ask (§4.1.4.9.2).
  package static func target(bar: UInt32, offset: UInt32, length: UInt32) -> (
    bar: Int, offset: UInt64, width: Int
  )? {
    guard bar < 6, length == 1 || length == 2 || length == 4, offset % length == 0 else { return nil }
    return (Int(bar), UInt64(offset), Int(length))
  }
}
