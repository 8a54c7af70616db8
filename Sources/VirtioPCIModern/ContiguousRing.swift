import PCIBus
import VirtioCore

/// A register file in which a driver places a split ring in one piece: one address, an alignment and a size of its own
/// choice, after the flexible layout that was proposed for virtio-pci in 2011. Specified in `spec/contiguous-ring.md`.
///
/// An extension, found through a vendor data capability (virtio 1.4 §4.1.4.8). It programs the same queue setup as the
/// common configuration, where status, features and vectors stay.
package struct ContiguousRing {
  private let state: DeviceState
  private var select: UInt16 = 0
  /// What the driver wrote for the selected queue, until it enables that queue.
  private var address: UInt64 = 0
  private var alignment: UInt32 = 0

  package init(_ state: DeviceState) { self.state = state }

  /// As after power-on.
  package mutating func reset() {
    select = 0
    address = 0
    alignment = 0
  }

  package static let registers = RegisterFile<Self>(
    size: 0x14,
    [
      .readWrite("queue_address", at: 0x00, \.address),
      .readWrite("queue_align", at: 0x08, \.alignment),
      .readWrite("queue_size", at: 0x0c, \.size),
      .readWrite("queue_select", at: 0x0e, \.queueSelect),
      .readWrite("queue_enable", at: 0x10, \.enable),
    ])

  /// Address and alignment belong to one queue and are forgotten when another is selected.
  private var queueSelect: UInt16 {
    get { select }
    set {
      reset()
      select = newValue
    }
  }

  private var size: UInt16 {
    get { state.queueSetup(select).size }
    set { state.setQueueSize(select, newValue) }
  }

  private var enable: UInt16 {
    get { state.queueSetup(select).isEnabled ? 1 : 0 }
    set { if newValue == 1 { state.enableQueue(select, at: address, alignment: UInt64(alignment)) } }
  }

  /// Who defines the capability. No PCI vendor id is assigned to this project, nor is this one to anybody; a driver
  /// looks at the signature too. Its low byte is the BAR, so that the capability also reads as a `struct virtio_pci_cap`
  /// of an unknown type: there are scanners that check the BAR of every one.
  private static let vendor: UInt64 = 0x5300 + UInt64(ModernLayout.bar)
  /// "RING"
  private static let signature: UInt64 = 0x474e_4952
  private static let version: UInt64 = 1

  /// A `struct virtio_pci_vndr_data` and where the registers lie.
  static var capability: Capability {
    var capability = Capability(id: Capability.vendorSpecific)
    capability.append(20, width: 1)
    capability.append(ModernLayout.Structure.vendor.rawValue, width: 1)
    capability.append(vendor, width: 2)
    capability.append(UInt64(ModernLayout.bar), width: 1)
    capability.append(version, width: 1)
    capability.append(UInt64(ModernLayout.contiguousRing), width: 4)
    capability.append(UInt64(registers.size), width: 4)
    capability.append(signature, width: 4)
    return capability
  }
}
