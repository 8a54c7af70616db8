import GuestRAM

/// One descriptor of either ring format (virtio 1.4 §2.7.5, §2.8.13), a private copy.
struct Descriptor {
  let address: UInt64
  /// Bytes.
  let length: UInt32
  let flags: UInt16
  /// `next` of a split ring's descriptor, the buffer ID of a packed one's.
  let link: UInt16

  /// Bytes of a descriptor in guest memory, in both formats.
  static let size = 16

  /// A split ring's or its table's entry.
  init(split slice: GuestSlice, at offset: Int, in access: borrowing GuestAccess) {
    address = UInt64(littleEndian: slice.load(UInt64.self, at: offset, in: access))
    length = UInt32(littleEndian: slice.load(UInt32.self, at: offset + 8, in: access))
    flags = UInt16(littleEndian: slice.load(UInt16.self, at: offset + 12, in: access))
    link = UInt16(littleEndian: slice.load(UInt16.self, at: offset + 14, in: access))
  }

  /// A packed ring's or its table's entry, whose flags were read before.
  init(packed slice: GuestSlice, at offset: Int, flags: UInt16, in access: borrowing GuestAccess) {
    address = UInt64(littleEndian: slice.load(UInt64.self, at: offset, in: access))
    length = UInt32(littleEndian: slice.load(UInt32.self, at: offset + 8, in: access))
    link = UInt16(littleEndian: slice.load(UInt16.self, at: offset + 12, in: access))
    self.flags = flags
  }

  /// `VIRTQ_DESC_F_NEXT`
  var hasNext: Bool { flags & 1 != 0 }
  /// `VIRTQ_DESC_F_WRITE`
  var isWritable: Bool { flags & Self.write != 0 }
  /// `VIRTQ_DESC_F_INDIRECT`
  var isIndirect: Bool { flags & 4 != 0 }

  /// `VIRTQ_DESC_F_WRITE`
  static let write: UInt16 = 2
  /// `VIRTQ_DESC_F_AVAIL`, of packed rings.
  static let available: UInt16 = 1 << 7
  /// `VIRTQ_DESC_F_USED`, of packed rings.
  static let used: UInt16 = 1 << 15
}
