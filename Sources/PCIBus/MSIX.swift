/// MSI-X: the vector table, the pending bits, and what the capability's control register says (PCI 3.0 §6.8.2).
package struct MSIX: Sendable {
  /// One row of the table.
  package struct Entry: Sendable, Equatable {
    package var address: UInt64 = 0
    package var data: UInt32 = 0
    package var isMasked = true
  }

  /// A message to be sent.
  package struct Message: Sendable, Equatable {
    package let vector: Int
    package let address: UInt64
    package let data: UInt32
  }

  package private(set) var entries: [Entry]
  private(set) var pending: [Bool]
  /// MSI-X Enable.
  package private(set) var isEnabled = false
  /// Function Mask.
  private(set) var isMasked = false
  /// Messages may be sent: bus mastering is on and the function is in D0.
  private var isAllowed = false
  /// Somebody else keeps the table, and so masks vectors and the function on the way; here no mask counts.
  package var ignoresMasks = false

  /// Bytes of one table entry.
  package static let entrySize = 16

  /// A table of `count` vectors, 1 to 2048, all masked, before messages are allowed.
  package init(vectorCount count: Int) {
    precondition((1...2048).contains(count))
    entries = Array(repeating: Entry(), count: count)
    pending = Array(repeating: false, count: count)
  }

  /// The capability that leads to a table and pending bits in one BAR, at offsets that are multiples of 8.
  package static func capability(vectorCount: Int, bar: Int, tableOffset: Int, pendingOffset: Int)
    -> Capability
  {
    var capability = Capability(id: 0x11)
    capability.append(UInt64(vectorCount - 1), width: 2, writable: 0xc000)
    capability.append(UInt64(tableOffset | bar), width: 4)
    capability.append(UInt64(pendingOffset | bar), width: 4)
    return capability
  }

  /// Takes over the capability's message control register; returns what had to wait for it.
  package mutating func setControl(_ control: UInt16) -> [Message] {
    isEnabled = control & 0x8000 != 0
    isMasked = control & 0x4000 != 0
    return takePending()
  }

  /// Says whether the function may write to memory, as a message does; returns what had to wait for it.
  ///
  /// What PCI Express says (§7.5.1.1, Bus Master Enable) is that no message goes out without; whether it is lost is left
  /// open. Here it waits with a pending bit, as behind a mask.
  package mutating func allowMessages(_ isAllowed: Bool) -> [Message] {
    self.isAllowed = isAllowed
    return takePending()
  }

  /// Takes back what waits.
  package mutating func dropPending() {
    for vector in pending.indices { pending[vector] = false }
  }

  private func isOpen(_ vector: Int) -> Bool {
    isAllowed && (ignoresMasks || !isMasked && !entries[vector].isMasked)
  }

  /// A vector is due: the message to send now; nil when it must wait, or there is none.
  package mutating func signal(_ vector: Int) -> Message? {
    guard isEnabled, entries.indices.contains(vector) else { return nil }
    guard isOpen(vector) else {
      pending[vector] = true
      return nil
    }
    return message(vector)
  }

  private func message(_ vector: Int) -> Message {
    Message(vector: vector, address: entries[vector].address, data: entries[vector].data)
  }

  private mutating func takePending() -> [Message] {
    guard isEnabled, pending.contains(true) else { return [] }
    var due: [Message] = []
    for vector in entries.indices where pending[vector] && isOpen(vector) {
      pending[vector] = false
      due.append(message(vector))
    }
    return due
  }

  /// Fills `bytes` from the table; beyond its end are zeros.
  package func readTable(at offset: Int, into bytes: inout MutableRawSpan) {
    for index in 0..<bytes.byteCount {
      bytes.setByte(tableByte(offset + index), at: index)
    }
  }

  private func tableByte(_ place: Int) -> UInt8 {
    guard place >= 0, place < entries.count * Self.entrySize else { return 0 }
    let entry = entries[place / Self.entrySize]
    let byte = UInt64(place % 4) * 8
    switch place % Self.entrySize {
    case 0..<8: return UInt8(truncatingIfNeeded: entry.address >> (UInt64(place % 8) * 8))
    case 8..<12: return UInt8(truncatingIfNeeded: UInt64(entry.data) >> byte)
    default: return UInt8(truncatingIfNeeded: UInt64(entry.isMasked ? 1 : 0) >> byte)
    }
  }

  /// Writes into the table: 4 or 8 bytes, aligned; anything else is ignored. Returns what an unmasking lets out.
  package mutating func writeTable(at offset: Int, _ bytes: RawSpan) -> [Message] {
    guard bytes.byteCount == 4 || bytes.byteCount == 8, offset >= 0, offset % bytes.byteCount == 0,
      offset + bytes.byteCount <= entries.count * Self.entrySize
    else { return [] }
    for part in stride(from: 0, to: bytes.byteCount, by: 4) {
      let place = offset + part
      let value = bytes.extracting(part..<part + 4).littleEndianValue
      let vector = place / Self.entrySize
      switch place % Self.entrySize {
      case 0: entries[vector].address = entries[vector].address & ~0xffff_ffff | value & ~3
      case 4: entries[vector].address = entries[vector].address & 0xffff_ffff | value << 32
      case 8: entries[vector].data = UInt32(truncatingIfNeeded: value)
      default: entries[vector].isMasked = value & 1 != 0
      }
    }
    return takePending()
  }

  /// Fills `bytes` from the pending bits, which a driver cannot write; beyond their end are zeros.
  package func readPending(at offset: Int, into bytes: inout MutableRawSpan) {
    for index in 0..<bytes.byteCount {
      var byte: UInt8 = 0
      for bit in 0..<8 {
        let vector = (offset + index) * 8 + bit
        if pending.indices.contains(vector), pending[vector] { byte |= 1 << UInt8(bit) }
      }
      bytes.setByte(byte, at: index)
    }
  }
}
