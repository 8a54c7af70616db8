import struct Foundation.Data
import class Foundation.JSONDecoder
import GuestDriver

/// Cloud Hypervisor's vfio-user client (the crate `vfio_user`), as far as the wire shows it.
///
/// It sends one message at a time and reads as many bytes as the reply to a success has, without a look at the reply's
/// id, size or error: whatever else comes leaves it waiting for ever, or out of step. So all that is thrown here.
final class CloudHypervisorClient {
  /// A message that was sent.
  struct Request: Equatable {
    var command: UInt16
    var payload: [UInt8]
    var descriptorCount = 0

    /// Whether it reads or writes a region.
    var isAccess: Bool {
      command == VfioUserLayout.Command.regionRead || command == VfioUserLayout.Command.regionWrite
    }
    /// Of an access.
    var region: UInt32 { payload.field32(at: 8) }
    /// Of an access.
    var offset: UInt64 { payload.field64(at: 0) }
  }

  /// A region as the server describes it.
  struct Region: Equatable {
    var flags: UInt32
    var size: UInt64
    /// VFIO_REGION_INFO_FLAG_MMAP
    var isMappable: Bool { flags & 4 != 0 }
  }

  /// What its JSON decoder wants: `capabilities` has to be there, numbers have 32 bits, what it does not know is
  /// passed over.
  struct Version: Decodable {
    struct Capabilities: Decodable {
      struct Migration: Decodable { var pgsize: UInt32 }
      var max_msg_fds: UInt32?
      var max_data_xfer_size: UInt32?
      var migration: Migration?
    }
    var capabilities: Capabilities
  }

  /// What it says of itself, with version 0.1.
  static let json =
    #"{"capabilities":{"max_msg_fds":1,"max_data_xfer_size":1048576,"migration":{"pgsize":4096}}}"#
  /// Descriptors in one SET_IRQS.
  static let mostDescriptors = 16

  /// All that was sent, in order.
  private(set) var requests: [Request] = []
  private(set) var capabilities = Version.Capabilities()
  private(set) var regions: [Region] = []
  private let socket: StreamSocket
  private var nextIdentifier: UInt16 = 0

  /// Learns what the device is over a new connection.
  init(_ socket: StreamSocket) throws {
    self.socket = socket
    capabilities = try negotiate()
    // It counts the header in: 32, where the record has 16.
    let info = try call(
      VfioUserLayout.Command.getInfo, VfioUserPayload.getInfo(argsz: 32), replyPayload: 16)
    guard info.field32(at: 4) & VfioUserLayout.deviceIsPCI != 0 else {
      throw DriverError.deviceFault("the server's device is no PCI function")
    }
    for index in 0..<info.field32(at: 8) { regions.append(try askRegion(index)) }
  }

  // MARK: Messages

  private func send(_ request: Request, descriptors: [Int32] = []) throws -> VfioUserHeader {
    let header = VfioUserHeader(
      identifier: nextIdentifier, command: request.command,
      size: UInt32(VfioUserLayout.headerSize + request.payload.count))
    nextIdentifier &+= 1
    requests.append(request)
    try socket.send(header.encoded + request.payload, descriptors: descriptors)
    return header
  }

  private func receive(_ count: Int) throws -> [UInt8] {
    let (bytes, descriptors) = try socket.receive(count, timeoutInMilliseconds: Bench.patienceInMilliseconds)
    guard descriptors.isEmpty else { throw DriverError.deviceFault("a reply with descriptors") }
    return bytes
  }

  /// Checks a reply's header; returns the size of what follows it.
  private func check(_ bytes: [UInt8], answers request: VfioUserHeader) throws -> Int {
    let reply = VfioUserHeader(bytes)
    guard reply.identifier == request.identifier, reply.command == request.command,
      reply.flags & VfioUserLayout.Flag.typeMask == VfioUserLayout.Flag.reply
    else { throw DriverError.deviceFault("not the reply to \(request)") }
    guard reply.flags & VfioUserLayout.Flag.error == 0 else {
      throw DriverError.refused(errno: Int32(reply.errno))
    }
    return Int(reply.size) - VfioUserLayout.headerSize
  }

  /// Sends a request and reads a reply whose payload has to have exactly this size.
  @discardableResult
  func call(
    _ command: UInt16, _ payload: [UInt8] = [], descriptors: [Int32] = [], replyPayload count: Int = 0
  ) throws -> [UInt8] {
    let request = Request(command: command, payload: payload, descriptorCount: descriptors.count)
    let header = try send(request, descriptors: descriptors)
    let size = try check(try receive(VfioUserLayout.headerSize), answers: header)
    guard size == count else {
      throw DriverError.deviceFault("\(size) bytes in the reply to \(command), of which \(count) are read")
    }
    return try receive(count)
  }

  private func negotiate() throws -> Version.Capabilities {
    let header = try send(
      Request(
        command: VfioUserLayout.Command.version,
        payload: VfioUserPayload.version(minor: 1, json: Array(Self.json.utf8) + [0])))
    let size = try check(try receive(VfioUserLayout.headerSize), answers: header)
    // The version, which it does not look at, and at least the text's end, which it cuts off unseen.
    guard size > 4 else { throw DriverError.deviceFault("a version without capabilities") }
    let text = try receive(size).dropFirst(4)
    guard text.last == 0 else { throw DriverError.deviceFault("the version text does not end with NUL") }
    return try JSONDecoder().decode(Version.self, from: Data(text.dropLast())).capabilities
  }

  /// It takes this reply, for the descriptor that may come along, in a single read.
  private func askRegion(_ index: UInt32) throws -> Region {
    let header = try send(
      Request(
        command: VfioUserLayout.Command.getRegionInfo, payload: VfioUserPayload.getRegionInfo(index: index)))
    let size = VfioUserLayout.headerSize + 32
    let (bytes, descriptors) = try socket.receiveSome(
      upTo: size, timeoutInMilliseconds: Bench.patienceInMilliseconds)
    guard bytes.count == size, try check(bytes, answers: header) == 32 else {
      throw DriverError.deviceFault("the information about region \(index) does not come in one piece")
    }
    let info = Array(bytes.dropFirst(VfioUserLayout.headerSize))
    let region = Region(flags: info.field32(at: 4), size: info.field64(at: 16))
    // It would ask again for capabilities (argsz above 32), find the region by this index, and crash over one that can
    // be mapped if no descriptor came.
    guard info.field32(at: 0) == 32, info.field32(at: 8) == index, descriptors.isEmpty, !region.isMappable
    else { throw DriverError.deviceFault("region \(index) is more than this client has ever met") }
    return region
  }

  // MARK: What it asks for

  func interruptCount(_ kind: UInt32) throws -> Int {
    let info = try call(
      VfioUserLayout.Command.getInterruptInfo, VfioUserPayload.getInterruptInfo(index: kind),
      replyPayload: 16)
    return Int(info.field32(at: 12))
  }

  /// Gives a kind of interrupt its events, 16 at a time.
  func enableInterrupts(_ kind: UInt32, _ events: [EventCounter]) throws {
    typealias Set = VfioUserLayout.InterruptSet
    for start in stride(from: 0, to: events.count, by: Self.mostDescriptors) {
      let block = events[start..<min(start + Self.mostDescriptors, events.count)]
      try call(
        VfioUserLayout.Command.setInterrupts,
        VfioUserPayload.setInterrupts(
          flags: Set.dataEvent | Set.actionTrigger, index: kind, start: UInt32(start),
          count: UInt32(block.count)),
        descriptors: block.map(\.descriptor))
    }
  }

  func disableInterrupts(_ kind: UInt32) throws {
    typealias Set = VfioUserLayout.InterruptSet
    try call(
      VfioUserLayout.Command.setInterrupts,
      VfioUserPayload.setInterrupts(
        flags: Set.dataNone | Set.actionTrigger, index: kind, start: 0, count: 0))
  }

  func unmaskPin() throws {
    typealias Set = VfioUserLayout.InterruptSet
    try call(
      VfioUserLayout.Command.setInterrupts,
      VfioUserPayload.setInterrupts(
        flags: Set.dataNone | Set.actionUnmask, index: VfioUserLayout.Interrupt.pin, start: 0, count: 1))
  }

  func read(_ region: UInt32, at offset: UInt64, width: Int) throws -> UInt64 {
    let request = VfioUserPayload.region(offset: offset, region: region, count: UInt32(width))
    return try call(VfioUserLayout.Command.regionRead, request, replyPayload: 16 + width)
      .field(at: 16, width: width)
  }

  /// Waits for the reply, whatever the region is.
  func write(_ region: UInt32, at offset: UInt64, width: Int, _ value: UInt64) throws {
    var data: [UInt8] = []
    data.append(value, width: width)
    try call(
      VfioUserLayout.Command.regionWrite,
      VfioUserPayload.region(offset: offset, region: region, count: UInt32(width), data: data),
      replyPayload: 16)
  }

  /// Read and write, whatever the memory is.
  func map(_ block: RAMBlock) throws {
    try call(
      VfioUserLayout.Command.dmaMap,
      VfioUserPayload.dmaMap(
        flags: RAMAccess.readWrite.rawValue, offset: UInt64(block.fileOffset), address: block.base,
        size: UInt64(block.size)),
      descriptors: [block.descriptor])
  }

  func unmap(_ block: RAMBlock) throws {
    try call(
      VfioUserLayout.Command.dmaUnmap,
      VfioUserPayload.dmaUnmap(flags: 0, address: block.base, size: UInt64(block.size)), replyPayload: 24)
  }

  func close() { socket.closeNow() }
}
