/// What came back for one request: the used element and the bytes in the room for the answer.
package struct GPUReply: Hashable, Sendable {
  /// What the used ring says was written, in bytes.
  package var usedLength: UInt32
  /// The whole room; what the device did not write is 0xa5.
  package var room: [UInt8]

  package init(usedLength: UInt32, room: [UInt8]) {
    self.usedLength = usedLength
    self.room = room
  }

  /// The bytes the device says it wrote.
  package var bytes: [UInt8] { Array(room.prefix(Int(usedLength))) }

  /// The response's header, if one was written.
  package var header: GPUHeader? { GPUHeader(bytes) }

  /// The response's type, 0 if there is none.
  package var type: UInt32 { header?.type ?? 0 }

  /// Whether the device answered with one of the OK types.
  package var isOK: Bool { (0x1100..<0x1200).contains(type) }

  /// Whether nothing was written after what the used ring says.
  package var restIsUntouched: Bool { room.dropFirst(Int(usedLength)).allSatisfy { $0 == 0xa5 } }

  /// One entry of the display information.
  package struct Display: Hashable, Sendable {
    package var rect: GPURect
    package var isEnabled: Bool
    package var flags: UInt32

    package init(rect: GPURect, isEnabled: Bool, flags: UInt32) {
      self.rect = rect
      self.isEnabled = isEnabled
      self.flags = flags
    }
  }

  /// The 16 entries of a display information response; nil if this is none.
  package var displays: [Display]? {
    let bytes = bytes
    guard type == GPULayout.Response.okDisplayInfo, bytes.count >= GPULayout.displayInfoSize else {
      return nil
    }
    return (0..<GPULayout.maximumScanouts).map { index in
      let at = GPULayout.headerSize + index * 24
      return Display(
        rect: GPURect(
          bytes.field32(at: at), bytes.field32(at: at + 4), bytes.field32(at: at + 8),
          bytes.field32(at: at + 12)),
        isEnabled: bytes.field32(at: at + 16) != 0, flags: bytes.field32(at: at + 20))
    }
  }

  /// The 16 bytes of a response that carries a UUID; nil if this is none.
  package var uuid: [UInt8]? {
    let bytes = bytes
    guard type == GPULayout.Response.okResourceUUID, bytes.count >= GPULayout.headerSize + 16 else {
      return nil
    }
    return Array(bytes[GPULayout.headerSize..<GPULayout.headerSize + 16])
  }

  /// The EDID of a response that carries one; nil if this is none or its size lies.
  package var edid: [UInt8]? {
    let bytes = bytes
    guard type == GPULayout.Response.okEDID, bytes.count >= GPULayout.headerSize + 8 else { return nil }
    let size = Int(bytes.field32(at: GPULayout.headerSize)), from = GPULayout.headerSize + 8
    guard size <= 1024, from + size <= bytes.count else { return nil }
    return Array(bytes[from..<from + size])
  }
}
