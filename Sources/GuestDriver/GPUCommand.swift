/// The fixed header of every request and response (`struct virtio_gpu_ctrl_hdr`, virtio 1.4 §5.7.6.7).
package struct GPUHeader: Hashable, Sendable {
  package var type: UInt32
  package var flags: UInt32
  package var fenceID: UInt64
  package var contextID: UInt32
  package var ringIndex: UInt8

  package init(
    type: UInt32, flags: UInt32 = 0, fenceID: UInt64 = 0, contextID: UInt32 = 0, ringIndex: UInt8 = 0
  ) {
    self.type = type
    self.flags = flags
    self.fenceID = fenceID
    self.contextID = contextID
    self.ringIndex = ringIndex
  }

  /// Reads a header from the first 24 bytes; nil if there are fewer.
  package init?(_ bytes: [UInt8]) {
    guard bytes.count >= GPULayout.headerSize else { return nil }
    type = bytes.field32(at: 0)
    flags = bytes.field32(at: 4)
    fenceID = bytes.field64(at: 8)
    contextID = bytes.field32(at: 16)
    ringIndex = bytes[20]
  }

  package var encoded: [UInt8] {
    var bytes: [UInt8] = []
    bytes.append32(type)
    bytes.append32(flags)
    bytes.append64(fenceID)
    bytes.append32(contextID)
    bytes += [ringIndex, 0, 0, 0]
    return bytes
  }

  /// Whether VIRTIO_GPU_FLAG_FENCE is set.
  package var isFenced: Bool { flags & GPULayout.fenceFlag != 0 }
}

/// A piece of backing (`struct virtio_gpu_mem_entry`).
package struct GPUMemoryEntry: Hashable, Sendable {
  package var address: UInt64
  /// In bytes.
  package var length: UInt32

  package init(address: UInt64, length: UInt32) {
    self.address = address
    self.length = length
  }
}

/// A request of the GPU device with any values in its fields (virtio 1.4 §5.7.6.8 to §5.7.6.10).
package enum GPUCommand: Hashable, Sendable {
  case getDisplayInfo
  case getEDID(scanout: UInt32)
  case createResource2D(id: UInt32, format: UInt32, width: UInt32, height: UInt32)
  case unref(id: UInt32)
  case setScanout(GPURect, scanout: UInt32, resource: UInt32)
  case flush(GPURect, resource: UInt32)
  case transferToHost2D(GPURect, offset: UInt64, resource: UInt32)
  case attachBacking(id: UInt32, [GPUMemoryEntry])
  /// `nr_entries` says `count`, whatever follows.
  case attachBackingClaiming(id: UInt32, count: UInt32, [GPUMemoryEntry])
  case detachBacking(id: UInt32)
  case getCapsetInfo(index: UInt32)
  case getCapset(id: UInt32, version: UInt32)
  case assignUUID(id: UInt32)
  case createBlob(id: UInt32, memory: UInt32, flags: UInt32, blobID: UInt64, size: UInt64, [GPUMemoryEntry])
  case setScanoutBlob(
    GPURect, scanout: UInt32, resource: UInt32, width: UInt32, height: UInt32, format: UInt32, stride: UInt32,
    offset: UInt32)
  case mapBlob(id: UInt32, offset: UInt64)
  case unmapBlob(id: UInt32)
  case updateCursor(scanout: UInt32, x: UInt32, y: UInt32, resource: UInt32, hotX: UInt32, hotY: UInt32)
  case moveCursor(scanout: UInt32, x: UInt32, y: UInt32, resource: UInt32 = 0)
  /// Any type with any bytes after the header.
  case raw(type: UInt32, [UInt8])

  /// The number in the header.
  package var type: UInt32 {
    typealias Request = GPULayout.Request
    return switch self {
    case .getDisplayInfo: Request.getDisplayInfo
    case .getEDID: Request.getEDID
    case .createResource2D: Request.resourceCreate2D
    case .unref: Request.resourceUnref
    case .setScanout: Request.setScanout
    case .flush: Request.resourceFlush
    case .transferToHost2D: Request.transferToHost2D
    case .attachBacking, .attachBackingClaiming: Request.resourceAttachBacking
    case .detachBacking: Request.resourceDetachBacking
    case .getCapsetInfo: Request.getCapsetInfo
    case .getCapset: Request.getCapset
    case .assignUUID: Request.resourceAssignUUID
    case .createBlob: Request.resourceCreateBlob
    case .setScanoutBlob: Request.setScanoutBlob
    case .mapBlob: Request.resourceMapBlob
    case .unmapBlob: Request.resourceUnmapBlob
    case .updateCursor: Request.updateCursor
    case .moveCursor: Request.moveCursor
    case .raw(let type, _): type
    }
  }

  /// The queue it belongs on (§5.7.2).
  package var queue: UInt16 {
    switch self {
    case .updateCursor, .moveCursor: GPULayout.cursorQueue
    default: GPULayout.controlQueue
    }
  }

  /// What a driver reserves for the answer.
  package var responseRoom: Int {
    switch self {
    case .getDisplayInfo: GPULayout.displayInfoSize
    case .getEDID: GPULayout.edidSize
    case .getCapsetInfo, .assignUUID: GPULayout.headerSize + 16
    case .mapBlob: GPULayout.headerSize + 8
    default: GPULayout.headerSize
    }
  }

  /// The whole request under a header; its `type` is replaced by the command's.
  package func encoded(_ header: GPUHeader = GPUHeader(type: 0)) -> [UInt8] {
    var header = header
    header.type = type
    return header.encoded + body
  }

  /// The whole request with a fence (VIRTIO_GPU_FLAG_FENCE).
  package func encoded(fence: UInt64) -> [UInt8] {
    encoded(GPUHeader(type: 0, flags: GPULayout.fenceFlag, fenceID: fence))
  }

  /// What follows the header.
  package var body: [UInt8] {
    var bytes: [UInt8] = []
    switch self {
    case .getDisplayInfo:
      break
    case .getEDID(let number), .unref(let number), .detachBacking(let number), .assignUUID(let number),
      .getCapsetInfo(let number), .unmapBlob(let number):
      bytes.append32(number)
      bytes.append32(0)
    case .mapBlob(let id, let offset):
      bytes.append32(id)
      bytes.append32(0)
      bytes.append64(offset)
    case .createResource2D(let id, let format, let width, let height):
      for field in [id, format, width, height] { bytes.append32(field) }
    case .setScanout(let rect, let scanout, let resource):
      bytes.append(rect)
      bytes.append32(scanout)
      bytes.append32(resource)
    case .flush(let rect, let resource):
      bytes.append(rect)
      bytes.append32(resource)
      bytes.append32(0)
    case .transferToHost2D(let rect, let offset, let resource):
      bytes.append(rect)
      bytes.append64(offset)
      bytes.append32(resource)
      bytes.append32(0)
    case .attachBacking(let id, let entries):
      bytes.append32(id)
      bytes.append32(UInt32(entries.count))
      bytes.append(entries)
    case .attachBackingClaiming(let id, let count, let entries):
      bytes.append32(id)
      bytes.append32(count)
      bytes.append(entries)
    case .getCapset(let id, let version):
      bytes.append32(id)
      bytes.append32(version)
    case .createBlob(let id, let memory, let flags, let blobID, let size, let entries):
      for field in [id, memory, flags, UInt32(entries.count)] { bytes.append32(field) }
      bytes.append64(blobID)
      bytes.append64(size)
      bytes.append(entries)
    case .setScanoutBlob(
      let rect, let scanout, let resource, let width, let height, let format, let stride,
      let offset):
      bytes.append(rect)
      for field in [scanout, resource, width, height, format, 0] { bytes.append32(field) }
      for field in [stride, 0, 0, 0] { bytes.append32(field) }
      for field in [offset, 0, 0, 0] { bytes.append32(field) }
    case .updateCursor(let scanout, let x, let y, let resource, let hotX, let hotY):
      for field in [scanout, x, y, 0, resource, hotX, hotY, 0] { bytes.append32(field) }
    case .moveCursor(let scanout, let x, let y, let resource):
      for field in [scanout, x, y, 0, resource, 0, 0, 0] { bytes.append32(field) }
    case .raw(_, let rest):
      bytes = rest
    }
    return bytes
  }
}

extension [UInt8] {
  fileprivate mutating func append(_ rect: GPURect) {
    for field in [rect.x, rect.y, rect.width, rect.height] { append32(field) }
  }

  fileprivate mutating func append(_ entries: [GPUMemoryEntry]) {
    for entry in entries {
      append64(entry.address)
      append32(entry.length)
      append32(0)
    }
  }
}
