import Glibc
import GuestRAM
import Logging
import PCIBus

/// Does what a client's commands ask, on the server's thread; knows nothing of sockets.
///
/// Nothing here waits, but for a DMA unmap and a reset, which wait for the command that the device has in hand.
struct CommandHandler: ~Copyable {
  private let function: any PCIFunction
  private let interrupts: InterruptTable
  private let regions: RegionTable
  private let log: BoundedLog
  private let record: ServerRecord
  private var dma: DMATable
  private var toldOfUnsharedMemory = false
  /// Whether the version has been agreed on; nothing else is done before.
  private(set) var isNegotiated = false

  init(
    function: any PCIFunction, memory: GuestMemory, interrupts: InterruptTable, log: BoundedLog,
    record: ServerRecord
  ) {
    self.function = function
    self.interrupts = interrupts
    self.log = log
    self.record = record
    regions = RegionTable(function, largestAccess: ServerCapabilities.largestTransfer)
    dma = DMATable(memory, record)
  }

  /// Does one command and leaves its reply's payload in `outbox`.
  ///
  /// - Parameters:
  ///   - payload: a private copy of what follows the header.
  ///   - descriptors: what came along; those that are not taken are the caller's to close.
  /// - Returns: bytes of the reply's payload.
  mutating func handle(
    _ header: Header, _ payload: RawSpan, _ descriptors: inout DescriptorBatch, _ outbox: inout Outbox
  ) throws(Refusal) -> Int {
    guard let command = Command(rawValue: header.command) else {
      throw Refusal(errno: EOPNOTSUPP, endsSession: !isNegotiated)
    }
    guard isNegotiated != (command == .version) else {
      throw Refusal(errno: EINVAL, endsSession: !isNegotiated)
    }
    switch command {
    case .version: return try agreeOnVersion(payload, &outbox)
    case .dmaMap: return try mapMemory(payload, &descriptors)
    case .dmaUnmap: return try unmapMemory(payload, &outbox)
    case .deviceGetInfo: return try tellDevice(payload, &outbox)
    case .deviceGetRegionInfo: return try tellRegion(payload, &outbox)
    case .deviceGetIRQInfo: return try tellInterrupts(payload, &outbox)
    case .deviceSetIRQs: return try setInterrupts(payload, &descriptors)
    case .regionRead: return try readRegion(payload, &outbox)
    case .regionWrite: return try writeRegion(payload, &outbox)
    case .regionWriteMulti: return try writeRegions(payload, &outbox)
    case .deviceReset:
      function.reset()
      return 0
    }
  }

  /// A command was refused.
  func noteRefusal() { record.messageRefused() }

  /// A record at the start of a payload; more may follow it.
  private func decode<Record: WireRecord>(_ payload: RawSpan) throws(Refusal) -> Record {
    guard let record = Record(payload) else { throw Refusal(errno: EINVAL) }
    return record
  }

  private func answer(_ record: some WireRecord, _ outbox: inout Outbox) -> Int {
    let size = type(of: record).size
    outbox.withPayload(size) { record.encode(into: &$0) }
    return size
  }

  // MARK: Version and memory

  private mutating func agreeOnVersion(_ payload: RawSpan, _ outbox: inout Outbox) throws(Refusal) -> Int {
    let client: ClientCapabilities
    guard let version = VersionRecord(payload), version.major == 0 else {
      log.notice("the client wants another version of vfio-user than 0; refused")
      throw Refusal(errno: EINVAL, endsSession: true)
    }
    do throws(JSONFault) {
      client = try ClientCapabilities(payload.extracting(VersionRecord.size..<payload.byteCount))
    } catch {
      log.notice("the client's capabilities make no sense (\(error)); refused")
      throw Refusal(errno: EINVAL, endsSession: true)
    }
    isNegotiated = true
    record.clientAttached()
    // Minor 0 is the least of what both know, and the only one that every client takes.
    let reply = VersionRecord(major: 0, minor: 0)
    let json = ServerCapabilities.json(writesMultiple: client.writesMultiple)
    outbox.withPayload(VersionRecord.size + json.count) { bytes in
      reply.encode(into: &bytes)
      for (index, byte) in json.enumerated() {
        bytes.storeBytes(of: byte, toByteOffset: VersionRecord.size + index, as: UInt8.self)
      }
    }
    return VersionRecord.size + json.count
  }

  private mutating func mapMemory(_ payload: RawSpan, _ descriptors: inout DescriptorBatch) throws(Refusal)
    -> Int
  {
    let record: DMAMapRecord = try decode(payload)
    let added: DMATable.Added
    do throws(Refusal) {
      added = try dma.map(record, descriptors: &descriptors)
    } catch {
      log.notice("DMA_MAP of \(record.count) bytes at \(hex: record.address) refused: errno \(error.errno)")
      throw error
    }
    if added == .unsharedMemory, !toldOfUnsharedMemory {
      toldOfUnsharedMemory = true
      log.notice(
        """
        guest memory is not shared, so the device cannot reach it: give the VMM a shared memory backend \
        (QEMU: -object memory-backend-memfd,id=mem,size=...,share=on -machine memory-backend=mem)
        """)
    }
    return 0
  }

  private mutating func unmapMemory(_ payload: RawSpan, _ outbox: inout Outbox) throws(Refusal) -> Int {
    var record: DMAUnmapRecord = try decode(payload)
    try dma.unmap(record)
    record.argumentSize = UInt32(DMAUnmapRecord.size)
    return answer(record, &outbox)
  }

  // MARK: What there is

  private func tellDevice(_ payload: RawSpan, _ outbox: inout Outbox) throws(Refusal) -> Int {
    let record: DeviceInfoRecord = try decode(payload)
    guard record.argumentSize >= DeviceInfoRecord.size else { throw Refusal(errno: EINVAL) }
    let reply = DeviceInfoRecord(
      flags: DeviceInfoRecord.resets | DeviceInfoRecord.isPCI, regionCount: UInt32(RegionTable.count),
      interruptKindCount: UInt32(InterruptKind.allCases.count))
    return answer(reply, &outbox)
  }

  private func tellRegion(_ payload: RawSpan, _ outbox: inout Outbox) throws(Refusal) -> Int {
    let record: RegionInfoRecord = try decode(payload)
    guard record.argumentSize >= RegionInfoRecord.size else { throw Refusal(errno: EINVAL) }
    return answer(try regions.info(record.index), &outbox)
  }

  private func tellInterrupts(_ payload: RawSpan, _ outbox: inout Outbox) throws(Refusal) -> Int {
    let record: InterruptInfoRecord = try decode(payload)
    guard record.argumentSize >= InterruptInfoRecord.size, let kind = InterruptKind(rawValue: record.index)
    else { throw Refusal(errno: EINVAL) }
    return answer(interrupts.info(kind), &outbox)
  }

  private func setInterrupts(_ payload: RawSpan, _ descriptors: inout DescriptorBatch) throws(Refusal) -> Int
  {
    let record: InterruptSetRecord = try decode(payload)
    guard record.argumentSize >= InterruptSetRecord.size else { throw Refusal(errno: EINVAL) }
    let data = payload.extracting(InterruptSetRecord.size..<payload.byteCount)
    try interrupts.set(record, data: data, descriptors: &descriptors)
    return 0
  }

  // MARK: Registers

  private func readRegion(_ payload: RawSpan, _ outbox: inout Outbox) throws(Refusal) -> Int {
    let access: RegionAccessRecord = try decode(payload)
    guard payload.byteCount == RegionAccessRecord.size else { throw Refusal(errno: EINVAL) }
    let region = try regions.region(of: access)
    let size = RegionAccessRecord.size + Int(access.count)  // checked: at most the largest transfer
    outbox.withPayload(size) { bytes in
      access.encode(into: &bytes)
      var data = bytes._mutatingExtracting(RegionAccessRecord.size..<size)
      // Whatever the function leaves alone must not be an earlier reply's bytes.
      let idle: UInt8 = region == nil ? 0xff : 0
      for index in 0..<data.byteCount { data.storeBytes(of: idle, toByteOffset: index, as: UInt8.self) }
      if let region { function.read(region, at: access.offset, into: &data) }
    }
    return size
  }

  private func writeRegion(_ payload: RawSpan, _ outbox: inout Outbox) throws(Refusal) -> Int {
    let access: RegionAccessRecord = try decode(payload)
    let region = try regions.region(of: access)
    let data = payload.extracting(RegionAccessRecord.size..<payload.byteCount)
    guard data.byteCount == Int(access.count) else { throw Refusal(errno: EINVAL) }
    if let region { function.write(region, at: access.offset, data) }
    return answer(access, &outbox)
  }

  /// VFIO_USER_REGION_WRITE_MULTI: a count, then writes of up to 8 bytes in 24 bytes each; all are checked before
  /// the first is done.
  private func writeRegions(_ payload: RawSpan, _ outbox: inout Outbox) throws(Refusal) -> Int {
    guard payload.byteCount >= 8 else { throw Refusal(errno: EINVAL) }
    let rawCount = payload.load64(at: 0)
    guard rawCount > 0, rawCount <= UInt64(ServerCapabilities.mostWrites) else {
      throw Refusal(errno: EINVAL)
    }
    let count = Int(rawCount)
    guard payload.byteCount == 8 + count * Self.writeSize else { throw Refusal(errno: EINVAL) }
    for row in 0..<count { _ = try write(row, of: payload) }
    for row in 0..<count {
      let write = try write(row, of: payload)
      if let region = write.region {
        function.write(region, at: write.offset, payload.extracting(write.data))
      }
    }
    outbox.withPayload(8) { $0.store(rawCount, at: 0) }
    return 8
  }

  /// Bytes of one write of a VFIO_USER_REGION_WRITE_MULTI.
  private static let writeSize = RegionAccessRecord.size + 8

  /// One write of a table that is known to have it: where to, and where its data lies in the payload.
  private func write(
    _ row: Int, of payload: RawSpan
  ) throws(Refusal) -> (region: PCIRegion?, offset: UInt64, data: Range<Int>) {
    let start = 8 + row * Self.writeSize
    let access: RegionAccessRecord = try decode(payload.extracting(start..<start + Self.writeSize))
    guard access.count <= 8 else { throw Refusal(errno: EINVAL) }
    let data = start + RegionAccessRecord.size
    return (try regions.region(of: access), access.offset, data..<data + Int(access.count))
  }
}
