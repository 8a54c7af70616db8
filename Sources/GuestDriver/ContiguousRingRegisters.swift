/// The register file of `spec/contiguous-ring.md`, as a driver that has found its capability reaches it.
package final class ContiguousRingRegisters {
  private let machine: any Machine
  private let bar: Int
  private let offset: UInt64

  /// The registers: offset and width in bytes.
  package enum Register: Sendable {
    case address, alignment, size, select, enable

    var place: (offset: UInt64, width: Int) {
      switch self {
      case .address: (0x00, 8)
      case .alignment: (0x08, 4)
      case .size: (0x0c, 2)
      case .select: (0x0e, 2)
      case .enable: (0x10, 2)
      }
    }
  }

  /// Finds the vendor data capability by its vendor, version and signature.
  package init(_ machine: any Machine, _ inventory: PCIInventory) throws {
    for structure in inventory.virtioStructures where structure.type == VirtioLayout.CapabilityType.vendor {
      let at = structure.capabilityOffset
      guard structure.capabilityLength >= 20, try machine.readConfig(at + 4, width: 2) == 0x5304,
        try machine.readConfig(at + 7, width: 1) == 1,
        try machine.readConfig(at + 16, width: 4) == 0x474e_4952
      else { continue }
      self.machine = machine
      bar = Int(try machine.readConfig(at + 6, width: 1))
      offset = UInt64(try machine.readConfig(at + 8, width: 4))
      return
    }
    throw DriverError.missing("register file for rings in one piece")
  }

  package func read(_ register: Register) throws -> UInt64 {
    try machine.readBAR(bar, at: offset + register.place.offset, width: register.place.width)
  }

  package func write(_ register: Register, _ value: UInt64) throws {
    try machine.writeBAR(bar, at: offset + register.place.offset, width: register.place.width, value)
  }

  /// Places and enables a queue; whether the device took it.
  package func enable(queue: UInt16, size: Int, alignment: Int, at address: UInt64) throws -> Bool {
    try write(.select, UInt64(queue))
    try write(.size, UInt64(size))
    try write(.alignment, UInt64(alignment))
    try write(.address, address)
    try write(.enable, 1)
    return try read(.enable) == 1
  }
}
