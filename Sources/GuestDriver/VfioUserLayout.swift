/// Numbers of the vfio-user protocol as a client writes them (QEMU's vfio-user protocol specification,
/// with the structures of Linux's VFIO).
public enum VfioUserLayout {
  /// id, command, size, flags, errno.
  public static let headerSize = 16

  /// Commands.
  public enum Command {
    public static let version: UInt16 = 1
    public static let dmaMap: UInt16 = 2
    public static let dmaUnmap: UInt16 = 3
    public static let getInfo: UInt16 = 4
    public static let getRegionInfo: UInt16 = 5
    public static let getRegionIODescriptors: UInt16 = 6
    public static let getInterruptInfo: UInt16 = 7
    public static let setInterrupts: UInt16 = 8
    public static let regionRead: UInt16 = 9
    public static let regionWrite: UInt16 = 10
    public static let dmaRead: UInt16 = 11
    public static let dmaWrite: UInt16 = 12
    public static let reset: UInt16 = 13
    public static let regionWriteMulti: UInt16 = 15
    public static let deviceFeature: UInt16 = 16
  }

  /// Bits of the header's flags.
  public enum Flag {
    public static let typeMask: UInt32 = 0xf
    public static let reply: UInt32 = 1
    public static let noReply: UInt32 = 0x10
    public static let error: UInt32 = 0x20
  }

  /// Region numbers of a PCI device.
  public enum Region {
    public static let rom: UInt32 = 6
    public static let configuration: UInt32 = 7
    public static let vga: UInt32 = 8
  }

  /// Interrupt kinds of a PCI device.
  public enum Interrupt {
    public static let pin: UInt32 = 0
    public static let msi: UInt32 = 1
    public static let msix: UInt32 = 2
    public static let error: UInt32 = 3
    public static let request: UInt32 = 4
  }

  /// Flags of SET_IRQS.
  public enum InterruptSet {
    public static let dataNone: UInt32 = 1 << 0
    public static let dataBool: UInt32 = 1 << 1
    public static let dataEvent: UInt32 = 1 << 2
    public static let actionMask: UInt32 = 1 << 3
    public static let actionUnmask: UInt32 = 1 << 4
    public static let actionTrigger: UInt32 = 1 << 5
  }

  /// Flags of DMA_UNMAP.
  public static let unmapAll: UInt32 = 2

  /// Flags of the device information.
  public static let deviceCanReset: UInt32 = 1
  public static let deviceIsPCI: UInt32 = 2
}

/// The header of a message.
public struct VfioUserHeader: Hashable, Sendable {
  public var identifier: UInt16
  public var command: UInt16
  /// Of the whole message, in bytes.
  public var size: UInt32
  public var flags: UInt32
  public var errno: UInt32

  public init(identifier: UInt16, command: UInt16, size: UInt32, flags: UInt32 = 0, errno: UInt32 = 0) {
    self.identifier = identifier
    self.command = command
    self.size = size
    self.flags = flags
    self.errno = errno
  }

  /// Reads a header from 16 bytes.
  public init(_ bytes: [UInt8]) {
    identifier = bytes.field16(at: 0)
    command = bytes.field16(at: 2)
    size = bytes.field32(at: 4)
    flags = bytes.field32(at: 8)
    errno = bytes.field32(at: 12)
  }

  public var encoded: [UInt8] {
    var bytes: [UInt8] = []
    bytes.append16(identifier)
    bytes.append16(command)
    for field in [size, flags, errno] { bytes.append32(field) }
    return bytes
  }
}

/// The payloads that a client sends, with any values in their fields.
public enum VfioUserPayload {
  public static func version(major: UInt16 = 0, minor: UInt16 = 0, json: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append16(major)
    bytes.append16(minor)
    return bytes + json
  }

  public static func dmaMap(
    argsz: UInt32 = 32, flags: UInt32, offset: UInt64, address: UInt64, size: UInt64
  ) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append32(argsz)
    bytes.append32(flags)
    for field in [offset, address, size] { bytes.append64(field) }
    return bytes
  }

  public static func dmaUnmap(argsz: UInt32 = 24, flags: UInt32, address: UInt64, size: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append32(argsz)
    bytes.append32(flags)
    for field in [address, size] { bytes.append64(field) }
    return bytes
  }

  public static func getInfo(argsz: UInt32 = 16) -> [UInt8] {
    var bytes: [UInt8] = []
    for field in [argsz, 0, 0, 0] { bytes.append32(field) }
    return bytes
  }

  public static func getRegionInfo(index: UInt32, argsz: UInt32 = 32) -> [UInt8] {
    var bytes: [UInt8] = []
    for field in [argsz, 0, index, 0] { bytes.append32(field) }
    for field: UInt64 in [0, 0] { bytes.append64(field) }
    return bytes
  }

  public static func getInterruptInfo(index: UInt32, argsz: UInt32 = 16) -> [UInt8] {
    var bytes: [UInt8] = []
    for field in [argsz, 0, index, 0] { bytes.append32(field) }
    return bytes
  }

  /// `argsz` covers the fixed part and the data that a VFIO caller would append; events go beside the
  /// message.
  public static func setInterrupts(
    argsz: UInt32 = 20, flags: UInt32, index: UInt32, start: UInt32, count: UInt32, data: [UInt8] = []
  ) -> [UInt8] {
    var bytes: [UInt8] = []
    for field in [argsz, flags, index, start, count] { bytes.append32(field) }
    return bytes + data
  }

  public static func region(offset: UInt64, region: UInt32, count: UInt32, data: [UInt8] = []) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append64(offset)
    bytes.append32(region)
    bytes.append32(count)
    return bytes + data
  }

  /// REGION_WRITE_MULTI: each write has room for eight bytes.
  public static func writes(
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
