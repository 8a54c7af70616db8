/// Little-endian loads from a private copy of a message.
///
/// Callers check the length of a record once, before its first field; a load outside is a bug of ours.
extension RawSpan {
  func load16(at offset: Int) -> UInt16 {
    precondition(offset >= 0 && offset <= byteCount - 2)
    // Inside by the line above, and any two bytes are a UInt16.
    return unsafe UInt16(littleEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self))
  }

  func load32(at offset: Int) -> UInt32 {
    precondition(offset >= 0 && offset <= byteCount - 4)
    // Inside by the line above, and any four bytes are a UInt32.
    return unsafe UInt32(littleEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }

  func load64(at offset: Int) -> UInt64 {
    precondition(offset >= 0 && offset <= byteCount - 8)
    // Inside by the line above, and any eight bytes are a UInt64.
    return unsafe UInt64(littleEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  func load8(at offset: Int) -> UInt8 {
    precondition(offset >= 0 && offset < byteCount)
    // Inside by the line above, and any byte is a UInt8.
    return unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
  }
}

/// Little-endian stores into a message that is being built; the standard library checks the bounds.
extension MutableRawSpan {
  @_lifetime(self: copy self)
  mutating func store(_ value: UInt16, at offset: Int) {
    storeBytes(of: value.littleEndian, toByteOffset: offset, as: UInt16.self)
  }

  @_lifetime(self: copy self)
  mutating func store(_ value: UInt32, at offset: Int) {
    storeBytes(of: value.littleEndian, toByteOffset: offset, as: UInt32.self)
  }

  @_lifetime(self: copy self)
  mutating func store(_ value: UInt64, at offset: Int) {
    storeBytes(of: value.littleEndian, toByteOffset: offset, as: UInt64.self)
  }
}
