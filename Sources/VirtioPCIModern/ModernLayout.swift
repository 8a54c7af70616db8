import PCIBus
import VirtioCore

/// Where the modern structures lie: one BAR, fixed offsets, a page each, the doorbells last (virtio 1.4 §4.1.4).
///
/// The same for every device of this package: a host may rely on it without walking capabilities.
package struct ModernLayout: Sendable {
  /// The BAR that holds everything but shared memory: 64-bit, prefetchable memory.
  package static let bar = 4
  /// The BAR that holds the device's shared memory, if it has any: 64-bit, prefetchable.
  package static let sharedMemoryBAR = 2
  /// Common configuration.
  package static let common = 0x0000
  /// ISR status.
  package static let isr = 0x1000
  /// Device configuration.
  package static let device = 0x2000
  /// The register file for rings in one piece: see `ContiguousRing`.
  package static let contiguousRing = 0x3000
  /// Doorbells, to the end of the BAR.
  package static let notify = 0x4000
  /// Bytes of each window.
  package static let windowSize = 0x1000

  /// Bytes from one queue's doorbell to the next (`notify_off_multiplier`): 4, or a page so that a host can hand each
  /// doorbell out alone.
  package let notifyMultiplier: Int
  /// Bytes of the BAR.
  package let size: UInt64
  /// Bytes of the BAR for shared memory; 0 when there is none.
  package let sharedMemorySize: UInt64
  /// The capabilities that lead a driver to the structures; the access window comes last.
  package let capabilities: [Capability]

  /// The places for a device.
  package init(_ device: any VirtioDevice, hasDoorbellPages: Bool) {
    notifyMultiplier = hasDoorbellPages ? Self.windowSize : 4
    let doorbells = device.queueSizes.count * notifyMultiplier
    size = UInt64(Self.notify + max(doorbells, Self.windowSize)).roundedUpToPowerOfTwo
    var list = [
      Self.structure(.common, bar: Self.bar, offset: Self.common, length: CommonConfig.registers.size),
      Self.structure(.isr, bar: Self.bar, offset: Self.isr, length: 1),
    ]
    // §4.1.4.6: only a device type that has a configuration presents one.
    if device.configurationSize > 0 {
      list.append(
        Self.structure(.device, bar: Self.bar, offset: Self.device, length: device.configurationSize))
    }
    var notify = Self.structure(
      .notify, bar: Self.bar, offset: Self.notify, length: doorbells, extraBytes: 4)
    notify.append(UInt64(notifyMultiplier), width: 4)
    list.append(notify)
    var end: UInt64 = 0
    for region in device.sharedMemory {
      // Each at a multiple of its own size.
      let offset = (end + region.size - 1) / region.size * region.size
      list.append(Self.sharedMemory(region, offset: offset))
      end = offset + region.size
    }
    sharedMemorySize = end == 0 ? 0 : end.roundedUpToPowerOfTwo
    list.append(ContiguousRing.capability)
    list.append(AccessWindow.capability)
    capabilities = list
  }

  /// Where a driver announces buffers of a queue (virtio 1.4 §4.1.5.2). The place names the queue; the value repeats it,
  /// with the driver's position if NOTIFICATION_DATA was accepted, and is not needed.
  package func doorbell(ofQueue queue: Int) -> PCIDoorbell {
    PCIDoorbell(bar: Self.bar, offset: UInt64(Self.notify + queue * notifyMultiplier), queue: queue)
  }

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
    /// `VIRTIO_PCI_CAP_SHARED_MEMORY_CFG`
    case sharedMemory = 8
    /// `VIRTIO_PCI_CAP_VENDOR_CFG`
    case vendor = 9
  }

  /// A `struct virtio_pci_cap` behind its id and link.
  private static func structure(
    _ structure: Structure, bar: Int, offset: Int, length: Int, id: UInt8 = 0, extraBytes: Int = 0
  ) -> Capability {
    var capability = Capability(id: Capability.vendorSpecific)
    capability.append(UInt64(16 + extraBytes), width: 1)  // cap_len
    capability.append(structure.rawValue, width: 1)
    capability.append(UInt64(bar), width: 1)
    capability.append(UInt64(id), width: 1)
    capability.append(0, width: 2)  // padding
    capability.append(UInt64(offset), width: 4)
    capability.append(UInt64(length), width: 4)
    return capability
  }

  /// A `struct virtio_pci_cap64` (§4.1.4.7).
  private static func sharedMemory(_ region: SharedMemoryRegion, offset: UInt64) -> Capability {
    var capability = structure(
      .sharedMemory, bar: sharedMemoryBAR, offset: Int(truncatingIfNeeded: offset & 0xffff_ffff),
      length: Int(truncatingIfNeeded: region.size & 0xffff_ffff), id: region.id, extraBytes: 8)
    capability.append(offset >> 32, width: 4)
    capability.append(region.size >> 32, width: 4)
    return capability
  }
}

extension UInt64 {
  /// The least power of two that is not less; the value is neither 0 nor above 2^63.
  fileprivate var roundedUpToPowerOfTwo: UInt64 {
    1 << UInt64(64 - (self - 1).leadingZeroBitCount)
  }
}
