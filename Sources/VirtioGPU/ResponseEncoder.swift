import DisplayModel
import GuestRAM

/// Builds one response at a time in memory of its own; every byte that a driver gets to see was written by
/// this.
struct ResponseEncoder: ~Copyable {
  private var memory: PageMemory
  /// Bytes of the response that was built last.
  private(set) var count = 0

  /// nil when the host has no memory.
  init?() {
    guard let memory = PageMemory(byteCount: ResponseType.largestSize) else { return nil }
    self.memory = memory
  }

  /// The response that was built last.
  var bytes: RawSpan {
    @_lifetime(borrow self) get { memory.bytes.extracting(0..<count) }
  }

  /// Builds the answer to a refused request; `header` is nil if it had none.
  mutating func encode(_ fault: RequestFault, to header: ControlHeader?) {
    begin(fault.responseType, header)
  }

  /// Builds the answer to a request that was carried out.
  ///
  /// - Throws: `.noRoom`, with nothing built, when it has more than `room` bytes.
  mutating func encode(
    _ reply: DisplayReply, to header: ControlHeader, room: Int
  ) throws(RequestFault) {
    let type: ResponseType =
      switch reply {
      case .done, .shown: .noData
      case .displayInfo: .displayInfo
      case .edid: .edid
      case .uuid: .resourceUUID
      }
    guard type.size <= room else { throw .noRoom(room) }
    begin(type, header)
    switch reply {
    case .done, .shown: break
    case .displayInfo(let outputs): encode(outputs)
    case .edid(let edid): encode(edid)
    case .uuid(let uuid): encode(uuid)
    }
  }

  /// Clears the response and writes its header, with the request's fence if there was one (virtio 1.4
  /// §5.7.6.7).
  private mutating func begin(_ type: ResponseType, _ header: ControlHeader?) {
    count = type.size
    var bytes = memory.mutableBytes
    for offset in stride(from: 0, to: type.size, by: 8) {
      bytes.storeBytes(of: 0, toByteOffset: offset, as: UInt64.self)
    }
    bytes.storeBytes(of: type.rawValue.littleEndian, toByteOffset: 0, as: UInt32.self)
    guard let header, header.isFenced else { return }
    bytes.storeBytes(of: ControlHeader.fenceFlag.littleEndian, toByteOffset: 4, as: UInt32.self)
    bytes.storeBytes(of: header.fenceID.littleEndian, toByteOffset: 8, as: UInt64.self)
    bytes.storeBytes(of: header.contextID.littleEndian, toByteOffset: 16, as: UInt32.self)
  }

  /// `struct virtio_gpu_resp_display_info`: sixteen entries of rectangle, enabled and flags.
  private mutating func encode(_ outputs: [OutputPreference]) {
    var bytes = memory.mutableBytes
    for (index, output) in outputs.enumerated() {
      let offset = ControlHeader.size + index * 24
      let fields: InlineArray<5, UInt32> = [
        output.x, output.y, UInt32(output.mode.width), UInt32(output.mode.height), output.isEnabled ? 1 : 0,
      ]
      for field in fields.indices {
        bytes.storeBytes(of: fields[field].littleEndian, toByteOffset: offset + field * 4, as: UInt32.self)
      }
    }
  }

  /// `struct virtio_gpu_resp_edid`: real length, padding, then 1024 bytes of which the rest stays 0.
  private mutating func encode(_ edid: EDID) {
    var bytes = memory.mutableBytes
    bytes.storeBytes(
      of: UInt32(edid.bytes.count).littleEndian, toByteOffset: ControlHeader.size, as: UInt32.self)
    for (index, byte) in edid.bytes.enumerated() {
      bytes.storeBytes(of: byte, toByteOffset: ControlHeader.size + 8 + index, as: UInt8.self)
    }
  }

  /// `struct virtio_gpu_resp_resource_uuid`: sixteen bytes, which have an order of their own.
  private mutating func encode(_ uuid: ResourceUUID) {
    var bytes = memory.mutableBytes
    bytes.storeBytes(of: uuid.high.bigEndian, toByteOffset: ControlHeader.size, as: UInt64.self)
    bytes.storeBytes(of: uuid.low.bigEndian, toByteOffset: ControlHeader.size + 8, as: UInt64.self)
  }
}
