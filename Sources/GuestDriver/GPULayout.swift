/// Numbers of the GPU device (virtio 1.4 §5.7), written out for the driver side.
public enum GPULayout {
  /// Queue numbers (§5.7.2).
  public static let controlQueue: UInt16 = 0
  public static let cursorQueue: UInt16 = 1

  /// Feature bit numbers (§5.7.3).
  public enum Feature {
    public static let virgl = 0
    public static let edid = 1
    public static let resourceUUID = 2
    public static let resourceBlob = 3
    public static let contextInit = 4
    public static let blobAlignment = 5
  }

  /// Offsets in the device configuration (§5.7.4).
  public enum Config {
    public static let eventsRead = 0
    public static let eventsClear = 4
    public static let scanoutCount = 8
    public static let capsetCount = 12
    public static let blobAlignment = 16
  }

  /// VIRTIO_GPU_EVENT_DISPLAY
  public static let displayEvent: UInt32 = 1
  /// VIRTIO_GPU_MAX_SCANOUTS
  public static let maximumScanouts = 16
  /// VIRTIO_GPU_FLAG_FENCE
  public static let fenceFlag: UInt32 = 1
  /// VIRTIO_GPU_FLAG_INFO_RING_IDX
  public static let ringIndexFlag: UInt32 = 2

  /// Sizes of fixed structures in bytes (§5.7.6).
  public static let headerSize = 24
  public static let displayInfoSize = headerSize + maximumScanouts * 24
  public static let edidSize = headerSize + 8 + 1024

  /// Request types (§5.7.6.7).
  public enum Request {
    /// VIRTIO_GPU_CMD_GET_DISPLAY_INFO
    public static let getDisplayInfo: UInt32 = 0x0100
    /// VIRTIO_GPU_CMD_RESOURCE_CREATE_2D
    public static let resourceCreate2D: UInt32 = 0x0101
    /// VIRTIO_GPU_CMD_RESOURCE_UNREF
    public static let resourceUnref: UInt32 = 0x0102
    /// VIRTIO_GPU_CMD_SET_SCANOUT
    public static let setScanout: UInt32 = 0x0103
    /// VIRTIO_GPU_CMD_RESOURCE_FLUSH
    public static let resourceFlush: UInt32 = 0x0104
    /// VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D
    public static let transferToHost2D: UInt32 = 0x0105
    /// VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING
    public static let resourceAttachBacking: UInt32 = 0x0106
    /// VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING
    public static let resourceDetachBacking: UInt32 = 0x0107
    /// VIRTIO_GPU_CMD_GET_CAPSET_INFO
    public static let getCapsetInfo: UInt32 = 0x0108
    /// VIRTIO_GPU_CMD_GET_CAPSET
    public static let getCapset: UInt32 = 0x0109
    /// VIRTIO_GPU_CMD_GET_EDID
    public static let getEDID: UInt32 = 0x010a
    /// VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID
    public static let resourceAssignUUID: UInt32 = 0x010b
    /// VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB
    public static let resourceCreateBlob: UInt32 = 0x010c
    /// VIRTIO_GPU_CMD_SET_SCANOUT_BLOB
    public static let setScanoutBlob: UInt32 = 0x010d
    /// VIRTIO_GPU_CMD_CTX_CREATE
    public static let contextCreate: UInt32 = 0x0200
    /// VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB, the last of the 3D requests
    public static let resourceUnmapBlob: UInt32 = 0x0209
    /// VIRTIO_GPU_CMD_UPDATE_CURSOR
    public static let updateCursor: UInt32 = 0x0300
    /// VIRTIO_GPU_CMD_MOVE_CURSOR
    public static let moveCursor: UInt32 = 0x0301
  }

  /// Response types (§5.7.6.7).
  public enum Response {
    /// VIRTIO_GPU_RESP_OK_NODATA
    public static let okNoData: UInt32 = 0x1100
    /// VIRTIO_GPU_RESP_OK_DISPLAY_INFO
    public static let okDisplayInfo: UInt32 = 0x1101
    /// VIRTIO_GPU_RESP_OK_EDID
    public static let okEDID: UInt32 = 0x1104
    /// VIRTIO_GPU_RESP_ERR_UNSPEC
    public static let unspecified: UInt32 = 0x1200
    /// VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY
    public static let outOfMemory: UInt32 = 0x1201
    /// VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID
    public static let invalidScanoutID: UInt32 = 0x1202
    /// VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID
    public static let invalidResourceID: UInt32 = 0x1203
    /// VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID
    public static let invalidContextID: UInt32 = 0x1204
    /// VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER
    public static let invalidParameter: UInt32 = 0x1205
  }
}

/// A pixel format of a resource (§5.7.6.8): the names give the order of the bytes in memory.
public enum GPUFormat: UInt32, CaseIterable, Sendable {
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
  public var byteOrder: (red: Int, green: Int, blue: Int, alpha: Int) {
    switch self {
    case .bgra, .bgrx: (2, 1, 0, 3)
    case .argb, .xrgb: (1, 2, 3, 0)
    case .rgba, .rgbx: (0, 1, 2, 3)
    case .abgr, .xbgr: (3, 2, 1, 0)
    }
  }

  /// Whether the fourth byte means opacity.
  public var hasAlpha: Bool {
    switch self {
    case .bgra, .argb, .rgba, .abgr: true
    case .bgrx, .xrgb, .xbgr, .rgbx: false
    }
  }

  /// The four bytes of one pixel in memory.
  public func bytes(_ pixel: GPUPixel) -> [UInt8] {
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
public struct GPUPixel: Hashable, Sendable {
  public var red: UInt8
  public var green: UInt8
  public var blue: UInt8
  public var alpha: UInt8

  public init(red: UInt8, green: UInt8, blue: UInt8, alpha: UInt8 = 0xff) {
    self.red = red
    self.green = green
    self.blue = blue
    self.alpha = alpha
  }
}

/// A rectangle as requests carry it (`struct virtio_gpu_rect`).
public struct GPURect: Hashable, Sendable {
  public var x: UInt32
  public var y: UInt32
  public var width: UInt32
  public var height: UInt32

  public init(_ x: UInt32, _ y: UInt32, _ width: UInt32, _ height: UInt32) {
    self.x = x
    self.y = y
    self.width = width
    self.height = height
  }
}
