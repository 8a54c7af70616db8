/// The header of every request and response (`struct virtio_gpu_ctrl_hdr`, virtio 1.4 §5.7.6.7), 24 bytes.
///
/// Decoded on its own before anything else of the request, so that a refused request still gets its fence
/// back.
struct ControlHeader: Equatable {
  /// The request's type, known or not.
  var type: UInt32
  var flags: UInt32
  var fenceID: UInt64
  var contextID: UInt32

  /// Bytes on the wire.
  static let size = 24
  /// VIRTIO_GPU_FLAG_FENCE
  static let fenceFlag: UInt32 = 1 << 0
  /// VIRTIO_GPU_FLAG_INFO_RING_IDX
  static let ringIndexFlag: UInt32 = 1 << 1

  /// Decodes the start of a private copy of a request.
  init(_ request: RawSpan) throws(RequestFault) {
    guard request.byteCount >= Self.size else { throw .noHeader }
    var at = WireCursor(at: 0)
    type = try at.le32(request)
    flags = try at.le32(request)
    fenceID = try at.le64(request)
    contextID = try at.le32(request)
  }

  /// Whether the driver waits for this request to be finished.
  var isFenced: Bool { flags & Self.fenceFlag != 0 }
}
