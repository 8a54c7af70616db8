public import DisplayModel

/// A GPU's display and what was asked of it, for people and programs that look from outside.
public struct GPUSnapshot: Sendable, Equatable {
  /// Resources, outputs, front-ends.
  public let display: DisplaySnapshot
  /// Requests carried out since the device was made, by their names such as `RESOURCE_FLUSH`, in the order of their
  /// values; those that did not occur are absent.
  public let requests: [Count]
  /// Answers with an error, by their names such as `ERR_INVALID_PARAMETER`. A refused request of a driver that leaves no
  /// room for an answer counts too.
  public let errors: [Count]
  /// Requests that had a fence (`VIRTIO_GPU_FLAG_FENCE`). All are answered once they are carried out, except flushes of a
  /// device that answers them at refreshes.
  public let fencedRequests: UInt64

  /// How often something has been.
  public struct Count: Sendable, Equatable {
    /// The specification's name without `VIRTIO_GPU_CMD_` or `VIRTIO_GPU_RESP_`.
    public let name: String
    /// At least 1.
    public let count: UInt64
  }

  init(_ display: DisplaySnapshot, _ counts: RequestCounts) {
    self.display = display
    requests = RequestType.allCases.compactMap { type in
      let count = counts.done(type)
      return count > 0 ? Count(name: type.name, count: count) : nil
    }
    errors = ResponseType.allCases.compactMap { type in
      let count = counts.refused(type)
      return count > 0 ? type.errorName.map { Count(name: $0, count: count) } : nil
    }
    fencedRequests = counts.fenced
  }

  /// The names of the device type's feature bits (virtio 1.4 §5.7.3).
  public static let featureNames: [Int: String] = [
    0: "VIRTIO_GPU_F_VIRGL", 1: "VIRTIO_GPU_F_EDID", 2: "VIRTIO_GPU_F_RESOURCE_UUID",
    3: "VIRTIO_GPU_F_RESOURCE_BLOB", 4: "VIRTIO_GPU_F_CONTEXT_INIT", 5: "VIRTIO_GPU_F_BLOB_ALIGNMENT",
  ]
}

/// Requests by type and refusals by answer, as plain numbers of the device's thread.
struct RequestCounts {
  /// By the low four bits of the value; those of the cursor queue follow those of the control queue.
  private var done = InlineArray<32, UInt64>(repeating: 0)
  private var refused = InlineArray<16, UInt64>(repeating: 0)
  var fenced: UInt64 = 0

  private static func place(_ type: UInt32) -> Int { Int(type & 0xf | type >> 5 & 0x10) }

  /// Counts a request of a type that there is.
  mutating func countDone(_ type: UInt32) { done[Self.place(type)] &+= 1 }

  /// Counts an answer with an error.
  mutating func countRefused(_ type: ResponseType) { refused[Int(type.rawValue & 0xf)] &+= 1 }

  func done(_ type: RequestType) -> UInt64 { done[Self.place(type.rawValue)] }

  /// 0 for an answer that is no error.
  func refused(_ type: ResponseType) -> UInt64 {
    type.errorName == nil ? 0 : refused[Int(type.rawValue & 0xf)]
  }
}

extension RequestType {
  /// The specification's name without `VIRTIO_GPU_CMD_`.
  var name: String {
    switch self {
    case .getDisplayInfo: "GET_DISPLAY_INFO"
    case .resourceCreate2D: "RESOURCE_CREATE_2D"
    case .resourceUnref: "RESOURCE_UNREF"
    case .setScanout: "SET_SCANOUT"
    case .resourceFlush: "RESOURCE_FLUSH"
    case .transferToHost2D: "TRANSFER_TO_HOST_2D"
    case .resourceAttachBacking: "RESOURCE_ATTACH_BACKING"
    case .resourceDetachBacking: "RESOURCE_DETACH_BACKING"
    case .getEDID: "GET_EDID"
    case .resourceAssignUUID: "RESOURCE_ASSIGN_UUID"
    case .resourceCreateBlob: "RESOURCE_CREATE_BLOB"
    case .setScanoutBlob: "SET_SCANOUT_BLOB"
    case .resourceMapBlob: "RESOURCE_MAP_BLOB"
    case .resourceUnmapBlob: "RESOURCE_UNMAP_BLOB"
    case .updateCursor: "UPDATE_CURSOR"
    case .moveCursor: "MOVE_CURSOR"
    }
  }
}

extension ResponseType {
  /// The specification's name of an error without `VIRTIO_GPU_RESP_`; nil for the others.
  var errorName: String? {
    switch self {
    case .noData, .displayInfo, .edid, .resourceUUID: nil
    case .unspecified: "ERR_UNSPEC"
    case .outOfMemory: "ERR_OUT_OF_MEMORY"
    case .invalidScanoutID: "ERR_INVALID_SCANOUT_ID"
    case .invalidResourceID: "ERR_INVALID_RESOURCE_ID"
    case .invalidParameter: "ERR_INVALID_PARAMETER"
    }
  }
}
