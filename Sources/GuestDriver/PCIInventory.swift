/// What a driver learns of a PCI function from its configuration space alone.
package struct PCIInventory: Sendable {
  /// A base address register that exists.
  package struct BaseAddress: Hashable, Sendable {
    package var index: Int
    /// In bytes.
    package var size: UInt64
    package var isIO: Bool
    package var is64Bit: Bool
    package var isPrefetchable: Bool
    /// What firmware or this probe wrote there.
    package var address: UInt64
  }

  /// An element of the capability list.
  package struct Capability: Hashable, Sendable {
    package var identifier: UInt8
    /// In configuration space.
    package var offset: Int
  }

  /// Where a virtio structure is (virtio 1.4 §4.1.4).
  package struct VirtioStructure: Hashable, Sendable {
    package var type: UInt8
    package var bar: Int
    package var offset: UInt64
    package var length: UInt64
    /// `cap.id`.
    package var identifier: UInt8
    /// The capability's own place in configuration space and its length.
    package var capabilityOffset: Int
    package var capabilityLength: Int
    /// Of the notification capability, else 0.
    package var notifyMultiplier: UInt32
  }

  /// The MSI-X capability.
  package struct VectorTable: Hashable, Sendable {
    package var capabilityOffset: Int
    package var vectorCount: Int
    package var tableBAR: Int
    package var tableOffset: UInt64
    package var pendingBAR: Int
    package var pendingOffset: UInt64
  }

  package var vendorID: UInt16
  package var deviceID: UInt16
  package var revisionID: UInt8
  package var baseClass: UInt8
  package var subclass: UInt8
  package var subsystemVendorID: UInt16
  package var subsystemID: UInt16
  package var interruptPin: UInt8
  package var baseAddresses: [BaseAddress] = []
  package var capabilities: [Capability] = []
  package var virtioStructures: [VirtioStructure] = []
  package var vectorTable: VectorTable?

  /// The virtio device type: from a modern PCI id, or the subsystem of one with a legacy interface (virtio 1.4
  /// §4.1.2, §4.1.2.3); nil when this is no virtio device.
  package var virtioType: UInt16? {
    guard vendorID == VirtioLayout.vendorID else { return nil }
    switch deviceID {
    case 0x1000..<VirtioLayout.modernDeviceIDBase: return revisionID == 0 ? subsystemID : nil
    case VirtioLayout.modernDeviceIDBase...0x107f: return deviceID - VirtioLayout.modernDeviceIDBase
    default: return nil
    }
  }

  /// Whether the PCI id says that there is no legacy interface.
  package var isModernOnly: Bool { deviceID >= VirtioLayout.modernDeviceIDBase }

  /// The first structure of a type, which the device prefers (§4.1.4).
  package func virtioStructure(_ type: UInt8) throws -> VirtioStructure {
    guard let found = virtioStructures.first(where: { $0.type == type }) else {
      throw DriverError.missing("virtio structure of cfg_type \(type)")
    }
    return found
  }
}

extension PCIInventory {
  /// Reads a function's identity, sizes its base address registers and walks its capabilities.
  ///
  /// Memory is given out from 0xe000_0000 upward and I/O ports from 0xc000, as firmware would; address
  /// decoding and bus mastering are left off. A capability list that loops or leaves its space is a
  /// device fault.
  package init(probing machine: any Machine) throws {
    func read16(_ offset: Int) throws -> UInt16 {
      UInt16(truncatingIfNeeded: try machine.readConfig(offset, width: 2))
    }
    func read8(_ offset: Int) throws -> UInt8 {
      UInt8(truncatingIfNeeded: try machine.readConfig(offset, width: 1))
    }
    vendorID = try read16(PCILayout.vendorID)
    guard vendorID != 0xffff else { throw DriverError.missing("PCI function") }
    deviceID = try read16(PCILayout.deviceID)
    revisionID = try read8(PCILayout.revisionID)
    baseClass = try read8(PCILayout.baseClass)
    subclass = try read8(PCILayout.subclass)
    subsystemVendorID = try read16(PCILayout.subsystemVendorID)
    subsystemID = try read16(PCILayout.subsystemID)
    interruptPin = try read8(PCILayout.interruptPin)
    guard try read8(PCILayout.headerType) & 0x7f == 0 else {
      throw DriverError.deviceFault("not a type 0 header")
    }
    try sizeBaseAddresses(machine)
    try walkCapabilities(machine)
  }

  /// PCI 3.0 §6.2.5.1: all ones written, the bits that stay zero tell the size.
  private mutating func sizeBaseAddresses(_ machine: any Machine) throws {
    let command = try machine.readConfig(PCILayout.command, width: 2)
    try machine.writeConfig(
      PCILayout.command, width: 2,
      command & ~UInt32(PCILayout.Command.ioSpace | PCILayout.Command.memorySpace))
    var nextMemory: UInt64 = 0xe000_0000, nextPort: UInt64 = 0xc000
    var index = 0
    while index < 6 {
      let offset = PCILayout.baseAddress0 + 4 * index
      try machine.writeConfig(offset, width: 4, .max)
      let low = try machine.readConfig(offset, width: 4)
      guard low != 0 else {
        index += 1
        continue
      }
      let isIO = low & 1 != 0
      let is64Bit = !isIO && low >> 1 & 3 == 2
      var mask = UInt64(low & (isIO ? ~3 : ~15)) | 0xffff_ffff_0000_0000
      // The upper half of an I/O register may be wired to zero: a port has 16 bits.
      if isIO { mask |= 0xffff_0000 }
      if is64Bit {
        guard index < 5 else { throw DriverError.deviceFault("a 64-bit base address in register 5") }
        try machine.writeConfig(offset + 4, width: 4, .max)
        mask = mask & 0xffff_ffff | UInt64(try machine.readConfig(offset + 4, width: 4)) << 32
      }
      let size = ~mask &+ 1
      guard size != 0, size & (size - 1) == 0 else {
        throw DriverError.deviceFault("base address \(index) has the size \(size)")
      }
      let (address, overflow) = Self.place(size, after: isIO ? nextPort : nextMemory)
      guard !overflow, !isIO || address + size <= 0x1_0000 else {
        throw DriverError.deviceFault("no room for base address \(index) of the size \(size)")
      }
      if isIO { nextPort = address + size } else { nextMemory = address + size }
      try machine.writeConfig(offset, width: 4, UInt32(truncatingIfNeeded: address))
      if is64Bit {
        try machine.writeConfig(offset + 4, width: 4, UInt32(truncatingIfNeeded: address >> 32))
      }
      baseAddresses.append(
        BaseAddress(
          index: index, size: size, isIO: isIO, is64Bit: is64Bit, isPrefetchable: !isIO && low & 8 != 0,
          address: address))
      index += is64Bit ? 2 : 1
    }
  }

  /// The first multiple of a size that is not below `start`, and whether address and size still fit.
  private static func place(_ size: UInt64, after start: UInt64) -> (address: UInt64, overflow: Bool) {
    let (sum, tooFar) = start.addingReportingOverflow(size - 1)
    let address = sum & ~(size - 1)
    return (address, tooFar || address.addingReportingOverflow(size).overflow)
  }

  private mutating func walkCapabilities(_ machine: any Machine) throws {
    let status = UInt16(truncatingIfNeeded: try machine.readConfig(PCILayout.status, width: 2))
    guard status & PCILayout.Status.capabilityList != 0 else { return }
    var offset = Int(try machine.readConfig(PCILayout.capabilityPointer, width: 1)) & ~3
    while offset != 0 {
      guard offset >= 0x40, capabilities.count < 48 else {
        throw DriverError.deviceFault("the capability list leaves its space or loops")
      }
      let identifier = UInt8(truncatingIfNeeded: try machine.readConfig(offset, width: 1))
      capabilities.append(Capability(identifier: identifier, offset: offset))
      if identifier == PCILayout.CapabilityID.vendorSpecific {
        try readVirtioCapability(machine, at: offset)
      } else if identifier == PCILayout.CapabilityID.msix {
        try readVectorTable(machine, at: offset)
      }
      offset = Int(try machine.readConfig(offset + 1, width: 1)) & ~3
    }
  }

  private mutating func readVirtioCapability(_ machine: any Machine, at offset: Int) throws {
    typealias Layout = VirtioLayout.Capability
    func read8(_ field: Int) throws -> UInt8 {
      UInt8(truncatingIfNeeded: try machine.readConfig(offset + field, width: 1))
    }
    let type = try read8(Layout.configurationType), bar = try read8(Layout.bar)
    // A reserved base address number is to be ignored (§4.1.4.2).
    guard bar <= 5 else { return }
    let isNotify = type == VirtioLayout.CapabilityType.notify
    virtioStructures.append(
      VirtioStructure(
        type: type, bar: Int(bar), offset: UInt64(try machine.readConfig(offset + Layout.offset, width: 4)),
        length: UInt64(try machine.readConfig(offset + Layout.structureLength, width: 4)),
        identifier: try read8(Layout.identifier), capabilityOffset: offset,
        capabilityLength: Int(try read8(Layout.length)),
        notifyMultiplier: isNotify
          ? try machine.readConfig(offset + Layout.notifyMultiplier, width: 4) : 0))
  }

  private mutating func readVectorTable(_ machine: any Machine, at offset: Int) throws {
    let control = UInt16(
      truncatingIfNeeded: try machine.readConfig(offset + PCILayout.MSIX.control, width: 2))
    let table = try machine.readConfig(offset + PCILayout.MSIX.table, width: 4)
    let pending = try machine.readConfig(offset + PCILayout.MSIX.pendingBits, width: 4)
    vectorTable = VectorTable(
      capabilityOffset: offset, vectorCount: Int(control & PCILayout.MSIX.controlTableSize) + 1,
      tableBAR: Int(table & 7), tableOffset: UInt64(table & ~7),
      pendingBAR: Int(pending & 7), pendingOffset: UInt64(pending & ~7))
  }
}
