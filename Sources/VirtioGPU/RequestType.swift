import DisplayModel
import VirtioCore

/// The requests of a device without 3D (virtio 1.4 §5.7.6.7), by their value on the wire.
enum RequestType: UInt32, CaseIterable {
  /// VIRTIO_GPU_CMD_GET_DISPLAY_INFO
  case getDisplayInfo = 0x0100
  /// VIRTIO_GPU_CMD_RESOURCE_CREATE_2D
  case resourceCreate2D = 0x0101
  /// VIRTIO_GPU_CMD_RESOURCE_UNREF
  case resourceUnref = 0x0102
  /// VIRTIO_GPU_CMD_SET_SCANOUT
  case setScanout = 0x0103
  /// VIRTIO_GPU_CMD_RESOURCE_FLUSH
  case resourceFlush = 0x0104
  /// VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D
  case transferToHost2D = 0x0105
  /// VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING
  case resourceAttachBacking = 0x0106
  /// VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING
  case resourceDetachBacking = 0x0107
  /// VIRTIO_GPU_CMD_GET_EDID
  case getEDID = 0x010a
  /// VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID
  case resourceAssignUUID = 0x010b
  /// VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB
  case resourceCreateBlob = 0x010c
  /// VIRTIO_GPU_CMD_SET_SCANOUT_BLOB
  case setScanoutBlob = 0x010d
  /// VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB
  case resourceMapBlob = 0x0208
  /// VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB
  case resourceUnmapBlob = 0x0209
  /// VIRTIO_GPU_CMD_UPDATE_CURSOR
  case updateCursor = 0x0300
  /// VIRTIO_GPU_CMD_MOVE_CURSOR
  case moveCursor = 0x0301

  /// The queue that takes it: cursor requests come on the cursor queue and nowhere else, and nothing else
  /// does.
  var queue: RequestQueue {
    switch self {
    case .updateCursor, .moveCursor: .cursor
    default: .control
    }
  }

  /// Bytes of its structure, header included, without the entries that follow some.
  var size: Int {
    switch self {
    case .getDisplayInfo: 24
    case .resourceUnref, .resourceAttachBacking, .resourceDetachBacking, .getEDID, .resourceAssignUUID,
      .resourceUnmapBlob:
      32
    case .resourceCreate2D, .resourceMapBlob: 40
    case .setScanout, .resourceFlush: 48
    case .transferToHost2D, .resourceCreateBlob, .updateCursor, .moveCursor: 56
    case .setScanoutBlob: 96
    }
  }

  /// The largest of these structures.
  static let largestSize = 96

  /// Where `nr_entries` stands in those that backing entries follow, and how few there may be.
  var entryCount: (offset: Int, least: UInt32)? {
    switch self {
    case .resourceAttachBacking: (28, 1)
    case .resourceCreateBlob: (36, 0)
    default: nil
    }
  }

  /// The feature that has to be negotiated for it; nil if none has (virtio 1.4 §5.7.6.8).
  var feature: FeatureSet? {
    switch self {
    case .getEDID: GPUDevice.edidFeature
    case .resourceAssignUUID: GPUDevice.uuidFeature
    case .resourceCreateBlob, .setScanoutBlob, .resourceMapBlob, .resourceUnmapBlob: GPUDevice.blobFeature
    default: nil
    }
  }

  /// Whether it is there with the host visible memory region alone (virtio 1.4 §5.7.5).
  var needsHostVisibleMemory: Bool { self == .resourceMapBlob || self == .resourceUnmapBlob }
}

/// The queues of a GPU device (virtio 1.4 §5.7.2), by their number.
enum RequestQueue: Int, CaseIterable {
  case control = 0
  case cursor = 1
}

/// The answers of a 2D device (virtio 1.4 §5.7.6.7), by their value on the wire.
enum ResponseType: UInt32, CaseIterable {
  /// VIRTIO_GPU_RESP_OK_NODATA
  case noData = 0x1100
  /// VIRTIO_GPU_RESP_OK_DISPLAY_INFO
  case displayInfo = 0x1101
  /// VIRTIO_GPU_RESP_OK_EDID
  case edid = 0x1104
  /// VIRTIO_GPU_RESP_OK_RESOURCE_UUID
  case resourceUUID = 0x1105
  /// VIRTIO_GPU_RESP_ERR_UNSPEC
  case unspecified = 0x1200
  /// VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY
  case outOfMemory = 0x1201
  /// VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID
  case invalidScanoutID = 0x1202
  /// VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID
  case invalidResourceID = 0x1203
  /// VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER
  case invalidParameter = 0x1205

  /// Bytes of the answer, header included.
  var size: Int {
    switch self {
    case .displayInfo: 24 + 16 * 24
    case .edid: 24 + 8 + 1024
    case .resourceUUID: 24 + 16
    default: 24
    }
  }

  /// The largest answer.
  static let largestSize = 1056
}

extension PixelFormat {
  /// The format of `enum virtio_gpu_formats`; nil if there is none of that value.
  init?(wire: UInt32) {
    switch wire {
    case 1: self = .b8g8r8a8  // VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM
    case 2: self = .b8g8r8x8  // VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
    case 3: self = .a8r8g8b8  // VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM
    case 4: self = .x8r8g8b8  // VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM
    case 67: self = .r8g8b8a8  // VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM
    case 68: self = .x8b8g8r8  // VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM
    case 121: self = .a8b8g8r8  // VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM
    case 134: self = .r8g8b8x8  // VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM
    default: return nil
    }
  }
}
