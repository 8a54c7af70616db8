/// One row of a register table: the specification's name, the byte offset, and the typed property behind it.
///
/// The width follows from the property. Side effects live in the property's setter.
package struct Register<Owner>: Sendable {
  package let name: StaticString
  package let offset: Int
  /// Bytes: 1, 2, 4 or 8.
  package let width: Int
  let read: @Sendable (borrowing Owner) -> UInt64
  let write: (@Sendable (inout Owner, UInt64) -> Void)?

  /// A register that the driver may only read.
  package static func readOnly<Value: FixedWidthInteger & UnsignedInteger & Sendable>(
    _ name: StaticString, at offset: Int, _ path: any KeyPath<Owner, Value> & Sendable
  ) -> Register {
    Register(
      name: name, offset: offset, width: Value.bitWidth / 8,
      read: { UInt64(truncatingIfNeeded: $0[keyPath: path]) }, write: nil)
  }

  /// A register that the driver may read and write.
  package static func readWrite<Value: FixedWidthInteger & UnsignedInteger & Sendable>(
    _ name: StaticString, at offset: Int, _ path: any WritableKeyPath<Owner, Value> & Sendable
  ) -> Register {
    Register(
      name: name, offset: offset, width: Value.bitWidth / 8,
      read: { UInt64(truncatingIfNeeded: $0[keyPath: path]) },
      write: { $0[keyPath: path] = Value(truncatingIfNeeded: $1) })
  }

  /// A register whose reading has an effect: writing through a key path would read it first.
  package static func readWrite<Value: FixedWidthInteger & UnsignedInteger & Sendable>(
    _ name: StaticString, at offset: Int, _ path: any KeyPath<Owner, Value> & Sendable,
    set: @escaping @Sendable (inout Owner, Value) -> Void
  ) -> Register {
    Register(
      name: name, offset: offset, width: Value.bitWidth / 8,
      read: { UInt64(truncatingIfNeeded: $0[keyPath: path]) },
      write: { set(&$0, Value(truncatingIfNeeded: $1)) })
  }
}

/// A register table: the one reader and writer of all register files.
///
/// Registers are little-endian. An access of any width and place touches every register that it overlaps: a part of a
/// register is read out of the whole, and written by reading the rest back, so that a 64-bit register takes two
/// halves and a byte-wise driver is understood. What no register covers reads as 0 and swallows writes.
package struct RegisterFile<Owner>: Sendable {
  /// Bytes that the table spans.
  package let size: Int
  /// The rows, by offset.
  package let registers: [Register<Owner>]

  /// A table; the rows stand in order, do not overlap, are aligned to their width, and end within `size`.
  package init(size: Int, _ registers: [Register<Owner>]) {
    var end = 0
    for register in registers {
      precondition(register.offset >= end, "\(register.name) is out of order or overlaps")
      precondition(register.offset % register.width == 0, "\(register.name) is not aligned")
      end = register.offset + register.width
    }
    precondition(end <= size, "the last register lies beyond the end")
    self.size = size
    self.registers = registers
  }

  /// Fills `bytes` with what stands at `offset`; anything beyond the table is 0.
  package func read(_ owner: borrowing Owner, at offset: Int, into bytes: inout MutableRawSpan) {
    for index in 0..<bytes.byteCount { bytes.storeBytes(of: 0, toByteOffset: index, as: UInt8.self) }
    for register in registers {
      guard let overlap = register.overlap(offset, bytes.byteCount) else { continue }
      let value = register.read(owner)
      for place in overlap {
        let byte = UInt8(truncatingIfNeeded: value >> (UInt64(place - register.offset) * 8))
        bytes.storeBytes(of: byte, toByteOffset: place - offset, as: UInt8.self)
      }
    }
  }

  /// Writes `bytes` at `offset`; what is read-only, or lies beyond the table, is ignored.
  package func write(_ owner: inout Owner, at offset: Int, _ bytes: RawSpan) {
    for register in registers {
      guard let write = register.write, let overlap = register.overlap(offset, bytes.byteCount) else {
        continue
      }
      var value = overlap.count == register.width ? 0 : register.read(owner)
      for place in overlap {
        let shift = UInt64(place - register.offset) * 8
        value = value & ~(0xff << shift) | UInt64(bytes.byte(at: place - offset)) << shift
      }
      write(&owner, value)
    }
  }
}

extension Register {
  /// The places of the register that an access touches.
  fileprivate func overlap(_ start: Int, _ count: Int) -> Range<Int>? {
    let first = max(start, offset)
    let last = min(start + count, offset + width)
    return first < last ? first..<last : nil
  }
}

extension RawSpan {
  /// One byte; `offset` is inside.
  package func byte(at offset: Int) -> UInt8 {
    precondition(offset >= 0 && offset < byteCount)
    // A UInt8 has no alignment and no invalid pattern, and the offset is inside.
    return unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
  }

  /// The little-endian value of up to eight bytes.
  package var littleEndianValue: UInt64 {
    var value: UInt64 = 0
    for index in 0..<min(byteCount, 8) { value |= UInt64(byte(at: index)) << UInt64(index * 8) }
    return value
  }
}

extension MutableRawSpan {
  /// One byte; `offset` is inside.
  package func byte(at offset: Int) -> UInt8 { bytes.byte(at: offset) }

  /// Writes one byte at `offset`, which is inside.
  @_lifetime(self: copy self)
  package mutating func setByte(_ byte: UInt8, at offset: Int) {
    storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
  }

  /// Fills all bytes with the low bytes of `value`, little-endian; what is behind eight bytes becomes 0.
  @_lifetime(self: copy self)
  package mutating func setLittleEndian(_ value: UInt64) {
    for index in 0..<byteCount {
      setByte(index < 8 ? UInt8(truncatingIfNeeded: value >> UInt64(index * 8)) : 0, at: index)
    }
  }
}
