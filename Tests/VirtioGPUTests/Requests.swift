import CVirtioGPUABI

/// Requests as a driver's compiler lays them out, from the structures of the system's header.
enum Request {
  static func bytes<Structure>(_ structure: Structure) -> [UInt8] {
    // A copy of a C structure without pointers.
    unsafe withUnsafeBytes(of: structure) { unsafe Array($0) }
  }

  static func header(
    _ type: virtio_gpu_ctrl_type, flags: UInt32 = 0, fence: UInt64 = 0, context: UInt32 = 0
  ) -> virtio_gpu_ctrl_hdr {
    var header = virtio_gpu_ctrl_hdr()
    header.type = type.rawValue
    header.flags = flags
    header.fence_id = fence
    header.ctx_id = context
    return header
  }

  static func bare(_ type: UInt32, flags: UInt32 = 0, fence: UInt64 = 0, context: UInt32 = 0) -> [UInt8] {
    bytes(header(virtio_gpu_ctrl_type(rawValue: type), flags: flags, fence: fence, context: context))
  }

  static func displayInfo() -> [UInt8] { bytes(header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO)) }

  static func edid(_ scanout: UInt32) -> [UInt8] {
    var request = virtio_gpu_cmd_get_edid()
    request.hdr = header(VIRTIO_GPU_CMD_GET_EDID)
    request.scanout = scanout
    return bytes(request)
  }

  static func create(_ id: UInt32, _ width: UInt32, _ height: UInt32, format: UInt32 = 2) -> [UInt8] {
    var request = virtio_gpu_resource_create_2d()
    request.hdr = header(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D)
    request.resource_id = id
    request.format = format
    request.width = width
    request.height = height
    return bytes(request)
  }

  static func unref(_ id: UInt32) -> [UInt8] {
    var request = virtio_gpu_resource_unref()
    request.hdr = header(VIRTIO_GPU_CMD_RESOURCE_UNREF)
    request.resource_id = id
    return bytes(request)
  }

  static func rectangle(_ r: (UInt32, UInt32, UInt32, UInt32)) -> virtio_gpu_rect {
    virtio_gpu_rect(x: r.0, y: r.1, width: r.2, height: r.3)
  }

  static func setScanout(_ scanout: UInt32, _ id: UInt32, _ r: (UInt32, UInt32, UInt32, UInt32)) -> [UInt8] {
    var request = virtio_gpu_set_scanout()
    request.hdr = header(VIRTIO_GPU_CMD_SET_SCANOUT)
    request.r = rectangle(r)
    request.scanout_id = scanout
    request.resource_id = id
    return bytes(request)
  }

  static func flush(_ id: UInt32, _ r: (UInt32, UInt32, UInt32, UInt32)) -> [UInt8] {
    var request = virtio_gpu_resource_flush()
    request.hdr = header(VIRTIO_GPU_CMD_RESOURCE_FLUSH)
    request.r = rectangle(r)
    request.resource_id = id
    return bytes(request)
  }

  static func transfer(_ id: UInt32, _ r: (UInt32, UInt32, UInt32, UInt32), offset: UInt64) -> [UInt8] {
    var request = virtio_gpu_transfer_to_host_2d()
    request.hdr = header(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D)
    request.r = rectangle(r)
    request.offset = offset
    request.resource_id = id
    return bytes(request)
  }

  /// - Parameter announced: `nr_entries`, if not as many as there are.
  static func attach(_ id: UInt32, _ entries: [(UInt64, UInt32)], announced: UInt32? = nil) -> [UInt8] {
    var request = virtio_gpu_resource_attach_backing()
    request.hdr = header(VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING)
    request.resource_id = id
    request.nr_entries = announced ?? UInt32(entries.count)
    return entries.reduce(into: bytes(request)) { all, entry in
      var structure = virtio_gpu_mem_entry()
      structure.addr = entry.0
      structure.length = entry.1
      all += bytes(structure)
    }
  }

  /// - Parameter announced: `nr_entries`, if not as many as there are.
  static func createBlob(
    _ id: UInt32, size: UInt64, _ entries: [(UInt64, UInt32)], memory: UInt32 = 1, flags: UInt32 = 0,
    object: UInt64 = 0, announced: UInt32? = nil
  ) -> [UInt8] {
    var request = virtio_gpu_resource_create_blob()
    request.hdr = header(VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB)
    request.resource_id = id
    request.blob_mem = memory
    request.blob_flags = flags
    request.nr_entries = announced ?? UInt32(entries.count)
    request.blob_id = object
    request.size = size
    return entries.reduce(into: bytes(request)) { all, entry in
      var structure = virtio_gpu_mem_entry()
      structure.addr = entry.0
      structure.length = entry.1
      all += bytes(structure)
    }
  }

  /// - Parameters:
  ///   - others: strides and offsets of the planes behind the first.
  static func setScanoutBlob(
    _ scanout: UInt32, _ id: UInt32, _ r: (UInt32, UInt32, UInt32, UInt32), _ width: UInt32, _ height: UInt32,
    format: UInt32 = 2, stride: UInt32? = nil, offset: UInt32 = 0, others: UInt32 = 0
  ) -> [UInt8] {
    var request = virtio_gpu_set_scanout_blob()
    request.hdr = header(VIRTIO_GPU_CMD_SET_SCANOUT_BLOB)
    request.r = rectangle(r)
    request.scanout_id = scanout
    request.resource_id = id
    request.width = width
    request.height = height
    request.format = format
    request.strides = (stride ?? width &* 4, others, others, others)
    request.offsets = (offset, others, others, others)
    return bytes(request)
  }

  static func assignUUID(_ id: UInt32) -> [UInt8] {
    var request = virtio_gpu_resource_assign_uuid()
    request.hdr = header(VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID)
    request.resource_id = id
    return bytes(request)
  }

  static func detach(_ id: UInt32) -> [UInt8] {
    var request = virtio_gpu_resource_detach_backing()
    request.hdr = header(VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING)
    request.resource_id = id
    return bytes(request)
  }

  static func cursor(
    _ type: virtio_gpu_ctrl_type, _ scanout: UInt32, _ x: UInt32, _ y: UInt32, id: UInt32 = 0,
    hot: (UInt32, UInt32) = (0, 0)
  ) -> [UInt8] {
    var request = virtio_gpu_update_cursor()
    request.hdr = header(type)
    request.pos = virtio_gpu_cursor_pos(scanout_id: scanout, x: x, y: y, padding: 0)
    request.resource_id = id
    request.hot_x = hot.0
    request.hot_y = hot.1
    return bytes(request)
  }

  static func updateCursor(
    _ scanout: UInt32, _ x: UInt32, _ y: UInt32, id: UInt32, hot: (UInt32, UInt32) = (0, 0)
  ) -> [UInt8] { cursor(VIRTIO_GPU_CMD_UPDATE_CURSOR, scanout, x, y, id: id, hot: hot) }

  static func moveCursor(_ scanout: UInt32, _ x: UInt32, _ y: UInt32, id: UInt32 = 0) -> [UInt8] {
    cursor(VIRTIO_GPU_CMD_MOVE_CURSOR, scanout, x, y, id: id, hot: (.max, .max))
  }

  /// The request with a fence on it.
  static func fenced(_ request: [UInt8], _ fence: UInt64, context: UInt32 = 0) -> [UInt8] {
    var request = request
    request.replaceSubrange(4..<8, with: little(1, 4))
    request.replaceSubrange(8..<16, with: little(Int(truncatingIfNeeded: fence), 8))
    request.replaceSubrange(16..<20, with: little(Int(context), 4))
    return request
  }
}
