/// The configuration space of a type 0 function: 256 or 4096 bytes, each with the bits that a driver may change.
///
/// Everything but base addresses, command, interrupt line and the writable parts of capabilities is fixed when it is
/// built (PCI Local Bus 3.0 §6.1, §6.2).
package struct ConfigSpace: Sendable {
  private(set) var bytes: [UInt8]
  private var writable: [UInt8]
  private var initial: [UInt8]

  /// Who the function is.
  package struct Identity: Sendable {
    package var vendor: UInt16
    package var device: UInt16
    package var subsystemVendor: UInt16
    package var subsystem: UInt16
    package var revision: UInt8
    /// Class, subclass, programming interface: 0x030000 is a VGA controller, 0x038000 another display.
    package var classCode: UInt32

    package init(
      vendor: UInt16, device: UInt16, subsystemVendor: UInt16, subsystem: UInt16, revision: UInt8,
      classCode: UInt32
    ) {
      self.vendor = vendor
      self.device = device
      self.subsystemVendor = subsystemVendor
      self.subsystem = subsystem
      self.revision = revision
      self.classCode = classCode
    }
  }

  /// Offsets of the type 0 header that the function itself looks at.
  package enum Offset {
    /// `PCI_COMMAND`
    package static let command = 0x04
    /// `PCI_STATUS`
    package static let status = 0x06
    /// `PCI_BASE_ADDRESS_0`
    package static let bar0 = 0x10
  }

  /// Bits of the command register.
  package enum Command {
    /// `PCI_COMMAND_IO`
    package static let io: UInt16 = 1
    /// `PCI_COMMAND_MEMORY`
    package static let memory: UInt16 = 2
    /// `PCI_COMMAND_MASTER`
    package static let busMaster: UInt16 = 4
    /// `PCI_COMMAND_INTX_DISABLE`
    package static let intxDisable: UInt16 = 0x400
  }

  /// A function with these base address registers and capabilities, in this order in the list.
  ///
  /// - Precondition: the capabilities fit behind the header.
  package init(_ identity: Identity, bars: [BAR], hasINTx: Bool, capabilities: [Capability], size: Int = 256)
  {
    precondition(bars.count == 6 && (size == 256 || size == 4096))
    bytes = Array(repeating: 0, count: size)
    writable = Array(repeating: 0, count: size)
    initial = []
    put(UInt64(identity.vendor), at: 0x00, width: 2)
    put(UInt64(identity.device), at: 0x02, width: 2)
    let command = Command.io | Command.memory | Command.busMaster | Command.intxDisable
    put(0, at: Offset.command, width: 2, writable: UInt64(command))
    put(capabilities.isEmpty ? 0 : 0x10, at: Offset.status, width: 2)  // PCI_STATUS_CAP_LIST
    put(UInt64(identity.revision) | UInt64(identity.classCode) << 8, at: 0x08, width: 4)
    put(UInt64(identity.subsystemVendor), at: 0x2c, width: 2)
    put(UInt64(identity.subsystem), at: 0x2e, width: 2)
    put(0, at: 0x3c, width: 1, writable: 0xff)  // interrupt line: a note between firmware and driver
    put(hasINTx ? 1 : 0, at: 0x3d, width: 1)  // interrupt pin: INTA
    for (index, bar) in bars.enumerated() { put(bar, at: Offset.bar0 + 4 * index) }
    put(capabilities)
    initial = bytes
  }

  private mutating func put(_ value: UInt64, at offset: Int, width: Int, writable mask: UInt64 = 0) {
    for index in 0..<width {
      bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(index * 8))
      writable[offset + index] = UInt8(truncatingIfNeeded: mask >> UInt64(index * 8))
    }
  }

  /// A base address register takes the address bits at and above its size, so that all ones read back as the size.
  private mutating func put(_ bar: BAR, at offset: Int) {
    let prefetchable: UInt64 = bar.isPrefetchable ? 8 : 0
    switch bar.kind {
    case .absent: break
    case .io: put(1, at: offset, width: 4, writable: ~(bar.size - 1) & 0xffff_fffc)
    case .memory32: put(prefetchable, at: offset, width: 4, writable: ~(bar.size - 1) & 0xffff_fff0)
    case .memory64: put(4 | prefetchable, at: offset, width: 8, writable: ~(bar.size - 1) & ~0xf)
    }
  }

  private mutating func put(_ capabilities: [Capability]) {
    var link = 0x34
    var place = 0x40
    for capability in capabilities {
      precondition(place + capability.bytes.count + 1 < 256, "the capabilities do not fit")
      put(UInt64(place), at: link, width: 1)
      bytes[place] = capability.id
      link = place + 1
      for (index, byte) in capability.bytes.enumerated() {
        bytes[place + 2 + index] = byte
        writable[place + 2 + index] = capability.writable[index]
      }
      place = (place + 2 + capability.bytes.count + 3) & ~3
    }
  }

  /// Where the `n`th capability, from 0, was put: capabilities stand one behind the other, 4-byte aligned.
  package static func offset(of index: Int, in capabilities: [Capability]) -> Int {
    capabilities[..<index].reduce(0x40) { ($0 + 2 + $1.bytes.count + 3) & ~3 }
  }

  /// Everything as after power-on.
  package mutating func reset() { bytes = initial }

  /// Fills `destination` from `offset`; anything beyond the end is 0.
  package func read(at offset: Int, into destination: inout MutableRawSpan) {
    for index in 0..<destination.byteCount {
      let place = offset + index
      destination.setByte(bytes.indices.contains(place) ? bytes[place] : 0, at: index)
    }
  }

  /// Writes what may be written; the rest is ignored.
  package mutating func write(at offset: Int, _ source: RawSpan) {
    for index in 0..<source.byteCount where bytes.indices.contains(offset + index) {
      let mask = writable[offset + index]
      bytes[offset + index] = bytes[offset + index] & ~mask | source.byte(at: index) & mask
    }
  }

  /// A little-endian value of 1, 2 or 4 bytes inside the space.
  package func value(at offset: Int, width: Int) -> UInt32 {
    (0..<width).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32($1 * 8) }
  }
}

/// One capability of the list in configuration space, without its first two bytes (id and link).
package struct Capability: Sendable {
  package let id: UInt8
  package private(set) var bytes: [UInt8] = []
  package private(set) var writable: [UInt8] = []

  /// `PCI_CAP_ID_VNDR`
  package static let vendorSpecific: UInt8 = 0x09

  /// An empty capability.
  package init(id: UInt8) { self.id = id }

  /// Appends a little-endian field, and the bits of it that a driver may change.
  package mutating func append(_ value: UInt64, width: Int, writable mask: UInt64 = 0) {
    for index in 0..<width {
      bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(index * 8)))
      writable.append(UInt8(truncatingIfNeeded: mask >> UInt64(index * 8)))
    }
  }
}
