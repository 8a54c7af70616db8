/// Numbers of the vfio-user protocol as a client writes them (QEMU's vfio-user protocol specification,
/// with the structures of Linux's VFIO).
package enum VfioUserLayout {
  /// id, command, size, flags, errno.
  package static let headerSize = 16

  /// Commands.
  package enum Command {
    package static let version: UInt16 = 1
    package static let dmaMap: UInt16 = 2
    package static let dmaUnmap: UInt16 = 3
    package static let getInfo: UInt16 = 4
    package static let getRegionInfo: UInt16 = 5
    package static let getRegionIODescriptors: UInt16 = 6
    package static let getInterruptInfo: UInt16 = 7
    package static let setInterrupts: UInt16 = 8
    package static let regionRead: UInt16 = 9
    package static let regionWrite: UInt16 = 10
    package static let dmaRead: UInt16 = 11
    package static let dmaWrite: UInt16 = 12
    package static let reset: UInt16 = 13
    package static let regionWriteMulti: UInt16 = 15
    package static let deviceFeature: UInt16 = 16
  }

  /// Bits of the header's flags.
  package enum Flag {
    package static let typeMask: UInt32 = 0xf
    package static let reply: UInt32 = 1
    package static let noReply: UInt32 = 0x10
    package static let error: UInt32 = 0x20
  }

  /// Region numbers of a PCI device.
  package enum Region {
    package static let rom: UInt32 = 6
    package static let configuration: UInt32 = 7
    package static let vga: UInt32 = 8
  }

  /// Interrupt kinds of a PCI device.
  package enum Interrupt {
    package static let pin: UInt32 = 0
    package static let msi: UInt32 = 1
    package static let msix: UInt32 = 2
    package static let error: UInt32 = 3
    package static let request: UInt32 = 4
  }

  /// Flags of SET_IRQS.
  package enum InterruptSet {
    package static let dataNone: UInt32 = 1 << 0
    package static let dataBool: UInt32 = 1 << 1
    package static let dataEvent: UInt32 = 1 << 2
    package static let actionMask: UInt32 = 1 << 3
    package static let actionUnmask: UInt32 = 1 << 4
    package static let actionTrigger: UInt32 = 1 << 5
  }

  /// Flags of DMA_UNMAP.
  package static let unmapAll: UInt32 = 2

  /// Flags of the device information.
  package static let deviceCanReset: UInt32 = 1
  package static let deviceIsPCI: UInt32 = 2
}

/// The header of a message.
package struct VfioUserHeader: Hashable, Sendable {
  package var identifier: UInt16
  package var command: UInt16
  /// Of the whole message, in bytes.
  package var size: UInt32
  package var flags: UInt32
  package var errno: UInt32

  package init(identifier: UInt16, command: UInt16, size: UInt32, flags: UInt32 = 0, errno: UInt32 = 0) {
    self.identifier = identifier
    self.command = command
    self.size = size
    self.flags = flags
    self.errno = errno
  }

  /// Reads a header from 16 bytes.
  package init(_ bytes: [UInt8]) {
    identifier = bytes.field16(at: 0)
    command = bytes.field16(at: 2)
    size = bytes.field32(at: 4)
    flags = bytes.field32(at: 8)
    errno = bytes.field32(at: 12)
  }

  package var encoded: [UInt8] {
    var bytes: [UInt8] = []
    bytes.append16(identifier)
    bytes.append16(command)
    for field in [size, flags, errno] { bytes.append32(field) }
    return bytes
  }
}

/// The payloads that a client sends, with any values in their fields.
package enum VfioUserPayload {
  package static func version(major: UInt16 = 0, minor: UInt16 = 0, json: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append16(major)
    bytes.append16(minor)
    return bytes + json
  }

  package static func dmaMap(
    argsz: UInt32 = 32, flags: UInt32, offset: UInt64, address: UInt64, size: UInt64
  ) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append32(argsz)
    bytes.append32(flags)
    for field in [offset, address, size] { bytes.append64(field) }
    return bytes
  }

  package static func dmaUnmap(argsz: UInt32 = 24, flags: UInt32, address: UInt64, size: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append32(argsz)
    bytes.append32(flags)
    for field in [address, size] { bytes.append64(field) }
    return bytes
  }

  package static func getInfo(argsz: UInt32 = 16) -> [UInt8] {
    var bytes: [UInt8] = []
    for field in [argsz, 0, 0, 0] { bytes.append32(field) }
    return bytes
  }

  package static func getRegionInfo(index: UInt32, argsz: UInt32 = 32) -> [UInt8] {
    var bytes: [UInt8] = []
    for field in [argsz, 0, index, 0] { bytes.append32(field) }
    for field: UInt64 in [0, 0] { bytes.append64(field) }
    return bytes
  }

  package static func getInterruptInfo(index: UInt32, argsz: UInt32 = 16) -> [UInt8] {
    var bytes: [UInt8] = []
    for field in [argsz, 0, index, 0] { bytes.append32(field) }
    return bytes
  }

  /// `argsz` covers the fixed part and the data that a VFIO caller would append; events go beside the
  /// message.
  package static func setInterrupts(
    argsz: UInt32 = 20, flags: UInt32, index: UInt32, start: UInt32, count: UInt32, data: [UInt8] = []
  ) -> [UInt8] {
    var bytes: [UInt8] = []
    for field in [argsz, flags, index, start, count] { bytes.append32(field) }
    return bytes + data
  }

  package static func region(offset: UInt64, region: UInt32, count: UInt32, data: [UInt8] = []) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append64(offset)
    bytes.append32(region)
    bytes.append32(count)
    return bytes + data
  }

  /// REGION_WRITE_MULTI: each write has room for eight bytes.
  package static func writes(
    claiming count: UInt64? = nil, _ writes: [(offset: UInt64, region: UInt32, count: UInt32, value: UInt64)]
  ) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append64(count ?? UInt64(writes.count))
    for write in writes {
      bytes += region(offset: write.offset, region: write.region, count: write.count)
      bytes.append64(write.value)
    }
    return bytes
  }
}
