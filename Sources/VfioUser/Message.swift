/// A command's number (vfio-user, "Commands"); those that only a server may send are not among them.
enum Command: UInt16 {
  /// VFIO_USER_VERSION
  case version = 1
  /// VFIO_USER_DMA_MAP
  case dmaMap = 2
  /// VFIO_USER_DMA_UNMAP
  case dmaUnmap = 3
  /// VFIO_USER_DEVICE_GET_INFO
  case deviceGetInfo = 4
  /// VFIO_USER_DEVICE_GET_REGION_INFO
  case deviceGetRegionInfo = 5
  /// VFIO_USER_DEVICE_GET_IRQ_INFO
  case deviceGetIRQInfo = 7
  /// VFIO_USER_DEVICE_SET_IRQS
  case deviceSetIRQs = 8
  /// VFIO_USER_REGION_READ
  case regionRead = 9
  /// VFIO_USER_REGION_WRITE
  case regionWrite = 10
  /// VFIO_USER_DEVICE_RESET
  case deviceReset = 13
  /// VFIO_USER_REGION_WRITE_MULTI
  case regionWriteMulti = 15
}

/// A record of fixed size at the start of a message or of its payload, little-endian.
///
/// `init` returns nil when there are fewer bytes than the record has; more bytes are the caller's to judge.
protocol WireRecord: Equatable {
  /// Bytes in the message.
  static var size: Int { get }
  init?(_ bytes: RawSpan)
  /// Writes `size` bytes at the start of `bytes`, which is at least as long.
  func encode(into bytes: inout MutableRawSpan)
}

/// The 16 bytes before every message (vfio-user, "Header").
struct Header: WireRecord {
  static let size = 16
  /// Low four bits of `flags`: 0 a command, 1 a reply.
  static let typeMask: UInt32 = 0xf
  static let reply: UInt32 = 0x1
  /// The sender of a command wants no reply.
  static let noReply: UInt32 = 0x10
  /// The command failed, `error` says why.
  static let failed: UInt32 = 0x20

  var id: UInt16
  var command: UInt16
  /// Bytes of the whole message, these 16 included.
  var messageSize: UInt32
  var flags: UInt32 = 0
  var error: UInt32 = 0

  var isCommand: Bool { flags & Self.typeMask == 0 }
  var wantsReply: Bool { flags & Self.noReply == 0 }

  init(id: UInt16, command: UInt16, messageSize: UInt32, flags: UInt32 = 0, error: UInt32 = 0) {
    self.id = id
    self.command = command
    self.messageSize = messageSize
    self.flags = flags
    self.error = error
  }

  init?(_ bytes: RawSpan) {
    guard bytes.byteCount >= Self.size else { return nil }
    id = bytes.load16(at: 0)
    command = bytes.load16(at: 2)
    messageSize = bytes.load32(at: 4)
    flags = bytes.load32(at: 8)
    error = bytes.load32(at: 12)
  }

  func encode(into bytes: inout MutableRawSpan) {
    bytes.store(id, at: 0)
    bytes.store(command, at: 2)
    bytes.store(messageSize, at: 4)
    bytes.store(flags, at: 8)
    bytes.store(error, at: 12)
  }
}

/// The start of VFIO_USER_VERSION, both ways; JSON and a NUL may follow.
struct VersionRecord: WireRecord {
  static let size = 4
  var major: UInt16
  var minor: UInt16

  init(major: UInt16, minor: UInt16) {
    self.major = major
    self.minor = minor
  }

  init?(_ bytes: RawSpan) {
    guard bytes.byteCount >= Self.size else { return nil }
    major = bytes.load16(at: 0)
    minor = bytes.load16(at: 2)
  }

  func encode(into bytes: inout MutableRawSpan) {
    bytes.store(major, at: 0)
    bytes.store(minor, at: 2)
  }
}

/// VFIO_USER_DMA_MAP: memory of the client's that the device may use.
struct DMAMapRecord: WireRecord {
  static let size = 32
  static let readable: UInt32 = 0x1
  static let writable: UInt32 = 0x2

  /// Bytes of the record; not judged, for clients disagree on what it counts.
  var argumentSize = UInt32(Self.size)
  var flags: UInt32
  /// Where in the file that came along.
  var fileOffset: UInt64
  var address: UInt64
  var count: UInt64

  init(flags: UInt32, fileOffset: UInt64, address: UInt64, count: UInt64) {
    self.flags = flags
    self.fileOffset = fileOffset
    self.address = address
    self.count = count
  }

  init?(_ bytes: RawSpan) {
    guard bytes.byteCount >= Self.size else { return nil }
    argumentSize = bytes.load32(at: 0)
    flags = bytes.load32(at: 4)
    fileOffset = bytes.load64(at: 8)
    address = bytes.load64(at: 16)
    count = bytes.load64(at: 24)
  }

  func encode(into bytes: inout MutableRawSpan) {
    bytes.store(argumentSize, at: 0)
    bytes.store(flags, at: 4)
    bytes.store(fileOffset, at: 8)
    bytes.store(address, at: 16)
    bytes.store(count, at: 24)
  }
}

/// VFIO_USER_DMA_UNMAP, both ways.
struct DMAUnmapRecord: WireRecord {
  static let size = 24
  /// VFIO_DMA_UNMAP_FLAG_ALL: everything; address and count are 0.
  static let all: UInt32 = 0x2

  var argumentSize = UInt32(Self.size)
  var flags: UInt32
  var address: UInt64
  var count: UInt64

  init(flags: UInt32, address: UInt64, count: UInt64) {
    self.flags = flags
    self.address = address
    self.count = count
  }

  init?(_ bytes: RawSpan) {
    guard bytes.byteCount >= Self.size else { return nil }
    argumentSize = bytes.load32(at: 0)
    flags = bytes.load32(at: 4)
    address = bytes.load64(at: 8)
    count = bytes.load64(at: 16)
  }

  func encode(into bytes: inout MutableRawSpan) {
    bytes.store(argumentSize, at: 0)
    bytes.store(flags, at: 4)
    bytes.store(address, at: 8)
    bytes.store(count, at: 16)
  }
}

/// The start of VFIO_USER_REGION_READ and VFIO_USER_REGION_WRITE, both ways, and of each write of a
/// VFIO_USER_REGION_WRITE_MULTI.
struct RegionAccessRecord: WireRecord {
  static let size = 16
  var offset: UInt64
  var region: UInt32
  var count: UInt32

  init(offset: UInt64, region: UInt32, count: UInt32) {
    self.offset = offset
    self.region = region
    self.count = count
  }

  init?(_ bytes: RawSpan) {
    guard bytes.byteCount >= Self.size else { return nil }
    offset = bytes.load64(at: 0)
    region = bytes.load32(at: 8)
    count = bytes.load32(at: 12)
  }

  func encode(into bytes: inout MutableRawSpan) {
    bytes.store(offset, at: 0)
    bytes.store(region, at: 8)
    bytes.store(count, at: 12)
  }
}

/// Why a command is refused: the reply is a header with this errno.
struct Refusal: Error, Equatable {
  /// Positive, from <errno.h>.
  let errno: CInt
  /// Whether nothing after this can be trusted, so that the connection ends.
  var endsSession = false
}
