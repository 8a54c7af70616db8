/// VFIO_USER_DEVICE_GET_INFO, both ways: `struct vfio_device_info` up to `num_irqs`.
struct DeviceInfoRecord: WireRecord {
  static let size = 16
  /// VFIO_DEVICE_FLAGS_RESET
  static let resets: UInt32 = 0x1
  /// VFIO_DEVICE_FLAGS_PCI
  static let isPCI: UInt32 = 0x2

  var argumentSize = UInt32(Self.size)
  var flags: UInt32
  var regionCount: UInt32
  var interruptKindCount: UInt32

  init(flags: UInt32, regionCount: UInt32, interruptKindCount: UInt32) {
    self.flags = flags
    self.regionCount = regionCount
    self.interruptKindCount = interruptKindCount
  }

  init?(_ bytes: RawSpan) {
    guard bytes.byteCount >= Self.size else { return nil }
    argumentSize = bytes.load32(at: 0)
    flags = bytes.load32(at: 4)
    regionCount = bytes.load32(at: 8)
    interruptKindCount = bytes.load32(at: 12)
  }

  func encode(into bytes: inout MutableRawSpan) {
    bytes.store(argumentSize, at: 0)
    bytes.store(flags, at: 4)
    bytes.store(regionCount, at: 8)
    bytes.store(interruptKindCount, at: 12)
  }
}

/// VFIO_USER_DEVICE_GET_REGION_INFO, both ways: `struct vfio_region_info`.
struct RegionInfoRecord: WireRecord {
  static let size = 32
  /// VFIO_REGION_INFO_FLAG_READ
  static let readable: UInt32 = 0x1
  /// VFIO_REGION_INFO_FLAG_WRITE
  static let writable: UInt32 = 0x2

  var argumentSize = UInt32(Self.size)
  var flags: UInt32
  var index: UInt32
  var capabilityOffset: UInt32 = 0
  var count: UInt64
  var mapOffset: UInt64 = 0

  init(index: UInt32, flags: UInt32, count: UInt64) {
    self.index = index
    self.flags = flags
    self.count = count
  }

  init?(_ bytes: RawSpan) {
    guard bytes.byteCount >= Self.size else { return nil }
    argumentSize = bytes.load32(at: 0)
    flags = bytes.load32(at: 4)
    index = bytes.load32(at: 8)
    capabilityOffset = bytes.load32(at: 12)
    count = bytes.load64(at: 16)
    mapOffset = bytes.load64(at: 24)
  }

  func encode(into bytes: inout MutableRawSpan) {
    bytes.store(argumentSize, at: 0)
    bytes.store(flags, at: 4)
    bytes.store(index, at: 8)
    bytes.store(capabilityOffset, at: 12)
    bytes.store(count, at: 16)
    bytes.store(mapOffset, at: 24)
  }
}

/// VFIO_USER_DEVICE_GET_IRQ_INFO, both ways: `struct vfio_irq_info`.
struct InterruptInfoRecord: WireRecord {
  static let size = 16
  /// VFIO_IRQ_INFO_EVENTFD
  static let usesEvents: UInt32 = 0x1
  /// VFIO_IRQ_INFO_MASKABLE
  static let isMaskable: UInt32 = 0x2
  /// VFIO_IRQ_INFO_AUTOMASKED
  static let masksItself: UInt32 = 0x4

  var argumentSize = UInt32(Self.size)
  var flags: UInt32
  var index: UInt32
  var count: UInt32

  init(index: UInt32, flags: UInt32, count: UInt32) {
    self.index = index
    self.flags = flags
    self.count = count
  }

  init?(_ bytes: RawSpan) {
    guard bytes.byteCount >= Self.size else { return nil }
    argumentSize = bytes.load32(at: 0)
    flags = bytes.load32(at: 4)
    index = bytes.load32(at: 8)
    count = bytes.load32(at: 12)
  }

  func encode(into bytes: inout MutableRawSpan) {
    bytes.store(argumentSize, at: 0)
    bytes.store(flags, at: 4)
    bytes.store(index, at: 8)
    bytes.store(count, at: 12)
  }
}

/// The start of VFIO_USER_DEVICE_SET_IRQS: `struct vfio_irq_set` without its data.
struct InterruptSetRecord: WireRecord {
  static let size = 20
  /// VFIO_IRQ_SET_DATA_NONE
  static let dataNone: UInt32 = 0x01
  /// VFIO_IRQ_SET_DATA_BOOL: a byte for each interrupt follows.
  static let dataBool: UInt32 = 0x02
  /// VFIO_IRQ_SET_DATA_EVENTFD: a descriptor for each came along, or none at all.
  static let dataEvent: UInt32 = 0x04
  /// VFIO_IRQ_SET_ACTION_MASK
  static let actionMask: UInt32 = 0x08
  /// VFIO_IRQ_SET_ACTION_UNMASK
  static let actionUnmask: UInt32 = 0x10
  /// VFIO_IRQ_SET_ACTION_TRIGGER
  static let actionTrigger: UInt32 = 0x20

  var argumentSize = UInt32(Self.size)
  var flags: UInt32
  var index: UInt32
  var start: UInt32
  var count: UInt32

  init(flags: UInt32, index: UInt32, start: UInt32, count: UInt32) {
    self.flags = flags
    self.index = index
    self.start = start
    self.count = count
  }

  init?(_ bytes: RawSpan) {
    guard bytes.byteCount >= Self.size else { return nil }
    argumentSize = bytes.load32(at: 0)
    flags = bytes.load32(at: 4)
    index = bytes.load32(at: 8)
    start = bytes.load32(at: 12)
    count = bytes.load32(at: 16)
  }

  func encode(into bytes: inout MutableRawSpan) {
    bytes.store(argumentSize, at: 0)
    bytes.store(flags, at: 4)
    bytes.store(index, at: 8)
    bytes.store(start, at: 12)
    bytes.store(count, at: 16)
  }
}
