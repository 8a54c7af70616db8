import PCIBus

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
    var capability = Capability(id: Capability.vendorSpecific)
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
