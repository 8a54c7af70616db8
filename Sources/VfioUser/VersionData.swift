/// What a client's VFIO_USER_VERSION says of itself (vfio-user, "Version"), with the defaults of the protocol.
struct ClientCapabilities: Equatable {
  /// `max_msg_fds`: how many descriptors the client takes in one message.
  var maxMessageDescriptors: UInt64 = 1
  /// `max_data_xfer_size`
  var maxDataTransferSize: UInt64 = 1 << 20
  /// `max_dma_maps`
  var maxDMAMaps: UInt64 = 65535
  /// `pgsizes`: page sizes or'ed together.
  var pageSizes: UInt64 = 4096
  /// `write_multiple`: the client would use VFIO_USER_REGION_WRITE_MULTI.
  var writesMultiple = false

  /// What the client says if it sends no JSON.
  init() {}

  /// Reads the bytes behind the version: nothing, or a JSON object and a NUL.
  init(_ data: RawSpan) throws(JSONFault) {
    guard data.byteCount > 0 else { return }
    guard data.byteCount <= JSONReader.largestText else { throw .tooLong }
    guard data.load8(at: data.byteCount - 1) == 0 else { throw .unterminated }
    guard data.byteCount > 1 else { return }
    var reader = JSONReader(data.extracting(0..<data.byteCount - 1))
    var result = self
    try reader.readDocument { (key, value) throws(JSONFault) in try result.take(key, value) }
    self = result
  }

  private mutating func take(_ key: JSONReader.Key, _ value: JSONReader.Value) throws(JSONFault) {
    switch key {
    case .maxMessageDescriptors: maxMessageDescriptors = try value.number
    case .maxDataTransferSize: maxDataTransferSize = try value.number
    case .maxDMAMaps: maxDMAMaps = try value.number
    case .pageSizes:
      pageSizes = try value.number
      // We map pages of 4096 bytes only.
      guard pageSizes & 4096 != 0 else { throw .outOfRange }
    case .migrationPageSize: guard try value.number.nonzeroBitCount == 1 else { throw .outOfRange }
    case .writeMultiple: writesMultiple = try value.boolean
    case .capabilities, .migration: guard case .object = value else { throw .wrongType }
    case .unknown: break
    }
  }
}

/// Why the JSON of a version is refused.
enum JSONFault: Error, Equatable {
  case tooLong, unterminated, malformed, tooDeep, wrongType, outOfRange
}

/// The server's side of the version.
enum ServerCapabilities {
  /// Bytes that one region read or write may carry.
  static let largestTransfer: UInt32 = 64 << 10
  /// Writes in one VFIO_USER_REGION_WRITE_MULTI.
  static let mostWrites = 200
  /// Payload of the largest message: a region write, or a table of writes, or a version.
  static let largestMessage = Header.size + RegionAccessRecord.size + Int(largestTransfer)

  /// The JSON, with its NUL. QEMU reads the reply into a buffer of its own request's size, so this must be short:
  /// header, version and this are 214 bytes at most.
  static func json(writesMultiple: Bool) -> [UInt8] {
    let limits = """
      "max_msg_fds":\(DescriptorBatch.capacity),"max_data_xfer_size":\(largestTransfer),\
      "max_dma_maps":\(DMATable.capacity),"pgsizes":4096
      """
    // A server's capabilities are a subset of the client's.
    let writes = writesMultiple ? ",\"write_multiple\":true" : ""
    return Array("{\"capabilities\":{\(limits)\(writes)}}".utf8) + [0]
  }
}
