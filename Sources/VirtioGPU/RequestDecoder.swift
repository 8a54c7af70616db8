import DisplayModel
import FrontEndAPI
import GuestRAM

/// Turns requests of the control queue into display commands (virtio 1.4 §5.7.6.8).
///
/// It sees a private copy, looks nothing up, and returns commands that are well-formed.
struct RequestDecoder {
  let limits: DisplayLimits
  /// Whether the driver finds a region that blobs could be mapped into.
  var hasHostVisibleMemory = false

  /// What the header says has to be done, if the request may come on this queue and is long enough.
  func requestType(
    _ header: ControlHeader, byteCount: Int, on queue: RequestQueue
  ) throws(RequestFault) -> RequestType {
    guard let type = RequestType(rawValue: header.type) else { throw .unknownType(header.type) }
    guard type.queue == queue else { throw .wrongQueue(header.type) }
    guard hasHostVisibleMemory || !type.needsHostVisibleMemory else { throw .unknownType(header.type) }
    guard header.flags & ControlHeader.ringIndexFlag == 0 else { throw .ringIndexNotOffered }
    guard byteCount >= type.size else { throw .truncated }
    return type
  }

  /// Decodes a whole request.
  ///
  /// - Parameters:
  ///   - request: the device's private copy, header included; what follows the request's structure is
  ///     ignored.
  ///   - type: from `requestType`.
  /// - Throws: `RequestFault`; the caller answers with its response type and the queue keeps running.
  func decode(_ request: RawSpan, _ type: RequestType) throws(RequestFault) -> DisplayCommand {
    var at = WireCursor(at: ControlHeader.size)
    switch type {
    case .getDisplayInfo: return .displayInfo
    case .getEDID: return .edid(output: try at.le32(request))
    case .resourceCreate2D:
      let id = try at.resourceID(request)
      let rawFormat = try at.le32(request)
      guard let format = PixelFormat(wire: rawFormat) else { throw .unknownFormat(rawFormat) }
      let width = try at.le32(request), height = try at.le32(request)
      return .createResource(id, format, width: width, height: height)
    case .resourceUnref: return .releaseResource(try at.resourceID(request))
    case .setScanout:
      let rectangle = try at.rectangle(request)
      let output = try at.le32(request)
      // Resource 0 turns the output off, whatever the rectangle.
      let resource = ResourceID(try at.le32(request))
      return .setScanout(output: output, resource.map { ScanoutSource(resource: $0, rectangle: rectangle) })
    case .resourceFlush:
      let rectangle = try at.rectangle(request)
      return .flush(try at.resourceID(request), rectangle)
    case .transferToHost2D:
      let rectangle = try at.rectangle(request)
      let offset = try at.le64(request)
      return .transfer(try at.resourceID(request), rectangle, offset: offset)
    case .resourceAttachBacking:
      let id = try at.resourceID(request)
      let count = try at.le32(request)
      return .attachBacking(id, try backingEntries(count, request, &at))
    case .resourceAssignUUID: return .assignUUID(try at.resourceID(request))
    case .resourceCreateBlob: return try createBlob(request, &at)
    case .setScanoutBlob: return try setScanoutBlob(request, &at)
    // Where in the region does not matter: there is nothing to be mapped.
    case .resourceMapBlob: return .mapBlob(try at.resourceID(request))
    case .resourceUnmapBlob: return .unmapBlob(try at.resourceID(request))
    case .resourceDetachBacking: return .detachBacking(try at.resourceID(request))
    case .updateCursor, .moveCursor: return try CursorDecoder.decode(request, type)
    }
  }

  /// How long a request is with all the entries that follow it, from its structure.
  func sizeWithEntries(
    _ request: RawSpan, _ type: RequestType, available: Int
  ) throws(RequestFault) -> Int {
    guard let (offset, least) = type.entryCount else { return type.size }
    var at = WireCursor(at: offset)
    let count = try at.le32(request)
    // Bounded by the limit and by what was sent before anything is allocated or copied.
    guard least...max(limits.maxBackingEntries, least) ~= count else { throw .badEntryCount(count) }
    let size = type.size + Int(count) * Self.entrySize
    guard size <= available else { throw .entriesMissing(count) }
    return size
  }

  /// Bytes of one entry (`struct virtio_gpu_mem_entry`).
  static let entrySize = 16

  /// Decodes as many entries as `sizeWithEntries` has found to be there.
  private func backingEntries(
    _ count: UInt32, _ request: RawSpan, _ at: inout WireCursor
  ) throws(RequestFault) -> [GuestRange] {
    var ranges: [GuestRange] = []
    ranges.reserveCapacity(Int(count))
    for _ in 0..<count {
      let start = try at.le64(request), length = try at.le32(request)
      try at.skip(4, request)  // padding
      guard length > 0, let range = GuestRange(start: GuestAddress(start), count: UInt64(length)) else {
        throw .badEntry(start)
      }
      ranges.append(range)
    }
    return ranges
  }

  /// `struct virtio_gpu_resource_create_blob`: guest memory alone, for the other kinds belong to 3D, and so do the
  /// objects that `blob_id` names.
  private func createBlob(
    _ request: RawSpan, _ at: inout WireCursor
  ) throws(RequestFault) -> DisplayCommand {
    let id = try at.resourceID(request)
    let kind = try at.le32(request), flags = try at.le32(request), count = try at.le32(request)
    let object = try at.le64(request), size = try at.le64(request)
    guard kind == Self.guestBlob else { throw .badBlob(UInt64(kind)) }
    guard flags & ~Self.blobFlags == 0 else { throw .badBlob(UInt64(flags)) }
    guard object == 0 else { throw .badBlob(object) }
    guard size > 0 else { throw .badBlob(size) }
    return .createBlob(id, size: size, try backingEntries(count, request, &at))
  }

  /// VIRTIO_GPU_BLOB_MEM_GUEST
  private static let guestBlob: UInt32 = 1
  /// VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE, _SHAREABLE and _CROSS_DEVICE
  private static let blobFlags: UInt32 = 7

  /// `struct virtio_gpu_set_scanout_blob`; no format has a second plane, so the others' strides and offsets mean
  /// nothing.
  private func setScanoutBlob(
    _ request: RawSpan, _ at: inout WireCursor
  ) throws(RequestFault) -> DisplayCommand {
    let rectangle = try at.rectangle(request)
    let output = try at.le32(request)
    // Resource 0 turns the output off, as in SET_SCANOUT.
    guard let resource = ResourceID(try at.le32(request)) else { return .setScanout(output: output, nil) }
    let width = try at.le32(request), height = try at.le32(request)
    let rawFormat = try at.le32(request)
    guard let format = PixelFormat(wire: rawFormat) else { throw .unknownFormat(rawFormat) }
    try at.skip(4, request)  // padding
    let stride = try at.le32(request)
    try at.skip(12, request)
    let offset = try at.le32(request)
    let layout = BlobLayout(format: format, width: width, height: height, stride: stride, offset: offset)
    return .setScanout(
      output: output, ScanoutSource(resource: resource, rectangle: rectangle, layout: layout))
  }
}

extension WireCursor {
  /// The next four bytes, a resource's name.
  mutating func resourceID(_ bytes: RawSpan) throws(RequestFault) -> ResourceID {
    guard let id = ResourceID(try le32(bytes)) else { throw .resourceZero }
    return id
  }

  /// The next sixteen bytes (`struct virtio_gpu_rect`); nothing is known of its sums yet.
  mutating func rectangle(_ bytes: RawSpan) throws(RequestFault) -> Rectangle {
    let x = try le32(bytes), y = try le32(bytes), width = try le32(bytes), height = try le32(bytes)
    return Rectangle(x: x, y: y, width: width, height: height)
  }
}
