/// Numbers of the GPU device (virtio 1.4 §5.7), written out for the driver side.
package enum GPULayout {
  /// Queue numbers (§5.7.2).
  package static let controlQueue: UInt16 = 0
  package static let cursorQueue: UInt16 = 1

  /// Feature bit numbers (§5.7.3).
  package enum Feature {
    package static let virgl = 0
    package static let edid = 1
    package static let resourceUUID = 2
    package static let resourceBlob = 3
    package static let contextInit = 4
    package static let blobAlignment = 5
  }

  /// Offsets in the device configuration (§5.7.4).
  package enum Config {
    package static let eventsRead = 0
    package static let eventsClear = 4
    package static let scanoutCount = 8
    package static let capsetCount = 12
    package static let blobAlignment = 16
  }

  /// VIRTIO_GPU_EVENT_DISPLAY
  package static let displayEvent: UInt32 = 1
  /// VIRTIO_GPU_MAX_SCANOUTS
  package static let maximumScanouts = 16
  /// VIRTIO_GPU_FLAG_FENCE
  package static let fenceFlag: UInt32 = 1
  /// VIRTIO_GPU_FLAG_INFO_RING_IDX
  package static let ringIndexFlag: UInt32 = 2

  /// Sizes of fixed structures in bytes (§5.7.6).
  package static let headerSize = 24
  package static let displayInfoSize = headerSize + maximumScanouts * 24
  package static let edidSize = headerSize + 8 + 1024

  /// Request types (§5.7.6.7).
  package enum Request {
    /// VIRTIO_GPU_CMD_GET_DISPLAY_INFO
    package static let getDisplayInfo: UInt32 = 0x0100
    /// VIRTIO_GPU_CMD_RESOURCE_CREATE_2D
    package static let resourceCreate2D: UInt32 = 0x0101
    /// VIRTIO_GPU_CMD_RESOURCE_UNREF
    package static let resourceUnref: UInt32 = 0x0102
    /// VIRTIO_GPU_CMD_SET_SCANOUT
    package static let setScanout: UInt32 = 0x0103
    /// VIRTIO_GPU_CMD_RESOURCE_FLUSH
    package static let resourceFlush: UInt32 = 0x0104
    /// VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D
    package static let transferToHost2D: UInt32 = 0x0105
    /// VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING
    package static let resourceAttachBacking: UInt32 = 0x0106
    /// VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING
    package static let resourceDetachBacking: UInt32 = 0x0107
    /// VIRTIO_GPU_CMD_GET_CAPSET_INFO
    package static let getCapsetInfo: UInt32 = 0x0108
    /// VIRTIO_GPU_CMD_GET_CAPSET
    package static let getCapset: UInt32 = 0x0109
    /// VIRTIO_GPU_CMD_GET_EDID
    package static let getEDID: UInt32 = 0x010a
    /// VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID
    package static let resourceAssignUUID: UInt32 = 0x010b
    /// VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB
    package static let resourceCreateBlob: UInt32 = 0x010c
    /// VIRTIO_GPU_CMD_SET_SCANOUT_BLOB
    package static let setScanoutBlob: UInt32 = 0x010d
    /// VIRTIO_GPU_CMD_CTX_CREATE
    package static let contextCreate: UInt32 = 0x0200
    /// VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB
    package static let resourceMapBlob: UInt32 = 0x0208
    /// VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB, the last of the 3D requests
    package static let resourceUnmapBlob: UInt32 = 0x0209
    /// VIRTIO_GPU_CMD_UPDATE_CURSOR
    package static let updateCursor: UInt32 = 0x0300
    /// VIRTIO_GPU_CMD_MOVE_CURSOR
    package static let moveCursor: UInt32 = 0x0301
  }

  /// Response types (§5.7.6.7).
  package enum Response {
    /// VIRTIO_GPU_RESP_OK_NODATA
    package static let okNoData: UInt32 = 0x1100
    /// VIRTIO_GPU_RESP_OK_DISPLAY_INFO
    package static let okDisplayInfo: UInt32 = 0x1101
    /// VIRTIO_GPU_RESP_OK_EDID
    package static let okEDID: UInt32 = 0x1104
    /// VIRTIO_GPU_RESP_OK_RESOURCE_UUID
    package static let okResourceUUID: UInt32 = 0x1105
    /// VIRTIO_GPU_RESP_ERR_UNSPEC
    package static let unspecified: UInt32 = 0x1200
    /// VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY
    package static let outOfMemory: UInt32 = 0x1201
    /// VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID
    package static let invalidScanoutID: UInt32 = 0x1202
    /// VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID
    package static let invalidResourceID: UInt32 = 0x1203
    /// VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID
    package static let invalidContextID: UInt32 = 0x1204
    /// VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER
    package static let invalidParameter: UInt32 = 0x1205
  }
}

/// A pixel format of a resource (§5.7.6.8): the names give the order of the bytes in memory.
package enum GPUFormat: UInt32, CaseIterable, Sendable {
  /// VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM
  case bgra = 1
  /// VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
  case bgrx = 2
  /// VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM
  case argb = 3
  /// VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM
  case xrgb = 4
  /// VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM
  case rgba = 67
  /// VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM
  case xbgr = 68
  /// VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM
  case abgr = 121
  /// VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM
  case rgbx = 134

  /// Where red, green, blue and alpha (or the unused byte) are among the four bytes of a pixel.
  package var byteOrder: (red: Int, green: Int, blue: Int, alpha: Int) {
    switch self {
    case .bgra, .bgrx: (2, 1, 0, 3)
    case .argb, .xrgb: (1, 2, 3, 0)
    case .rgba, .rgbx: (0, 1, 2, 3)
    case .abgr, .xbgr: (3, 2, 1, 0)
    }
  }

  /// Whether the fourth byte means opacity.
  package var hasAlpha: Bool {
    switch self {
    case .bgra, .argb, .rgba, .abgr: true
    case .bgrx, .xrgb, .xbgr, .rgbx: false
    }
  }

  /// The four bytes of one pixel in memory.
  package func bytes(_ pixel: GPUPixel) -> [UInt8] {
    var bytes: [UInt8] = [0, 0, 0, 0]
    let order = byteOrder
    bytes[order.red] = pixel.red
    bytes[order.green] = pixel.green
    bytes[order.blue] = pixel.blue
    bytes[order.alpha] = pixel.alpha
    return bytes
  }
}

/// A colour with opacity.
package struct GPUPixel: Hashable, Sendable {
  package var red: UInt8
  package var green: UInt8
  package var blue: UInt8
  package var alpha: UInt8

  package init(red: UInt8, green: UInt8, blue: UInt8, alpha: UInt8 = 0xff) {
    self.red = red
    self.green = green
    self.blue = blue
    self.alpha = alpha
  }
}

/// A rectangle as requests carry it (`struct virtio_gpu_rect`).
package struct GPURect: Hashable, Sendable {
  package var x: UInt32
  package var y: UInt32
  package var width: UInt32
  package var height: UInt32

  package init(_ x: UInt32, _ y: UInt32, _ width: UInt32, _ height: UInt32) {
    self.x = x
    self.y = y
    self.width = width
    self.height = height
  }
}
