/// A machine whose function is behind a vfio-user socket; it behaves as QEMU's vfio-user-pci does.
///
/// Memory goes over as descriptors, writes to memory BARs are posted, the MSI-X table stays on this
/// side and interrupts arrive as event descriptors.
package final class VfioUserMachine: Machine {
  /// A region as the server describes it.
  package struct Region: Hashable, Sendable {
    package var flags: UInt32
    package var size: UInt64
  }

  package let client: VfioUserClient
  /// By region number.
  package private(set) var regions: [Region] = []
  /// How many interrupts each kind has, by kind.
  package private(set) var interruptCounts: [UInt32] = []
  /// Turned off, writes to BARs wait for their reply.
  package var postsWrites = true
  private var events: [InterruptLine: EventCounter] = [:]
  private var table: PCIInventory.VectorTable?
  private var tableBytes: [UInt8] = []

  /// Connects, agrees on the version and reads what the device is.
  package convenience init(path: String) throws { try self.init(VfioUserClient(path: path)) }

  /// Reads what the device is over a connection that has its version.
  package init(_ client: VfioUserClient) throws {
    self.client = client
    // 32: QEMU's buffer for this reply.
    let info = try client.call(
      VfioUserLayout.Command.getInfo, VfioUserPayload.getInfo(), maximumReply: 32
    ).payload
    guard info.count == 16, info.field32(at: 4) & VfioUserLayout.deviceIsPCI != 0 else {
      throw DriverError.deviceFault("the server's device is no PCI function")
    }
    let regionCount = info.field32(at: 8), kindCount = info.field32(at: 12)
    // QEMU wants the nine regions and five interrupt kinds of VFIO's PCI devices, and has these limits.
    guard (8...100).contains(regionCount), (3...50).contains(kindCount) else {
      throw DriverError.deviceFault("\(regionCount) regions, \(kindCount) interrupt kinds")
    }
    for index in 0..<regionCount {
      let reply = try client.call(
        VfioUserLayout.Command.getRegionInfo, VfioUserPayload.getRegionInfo(index: index)
      ).payload
      guard reply.count >= 32, reply.field32(at: 8) == index else {
        throw DriverError.deviceFault("region information of another region")
      }
      regions.append(Region(flags: reply.field32(at: 4), size: reply.field64(at: 16)))
    }
    for index in 0..<kindCount {
      let reply = try client.call(
        VfioUserLayout.Command.getInterruptInfo, VfioUserPayload.getInterruptInfo(index: index)
      ).payload
      guard reply.count == 16, reply.field32(at: 8) == index else {
        throw DriverError.deviceFault("interrupt information of another kind")
      }
      interruptCounts.append(reply.field32(at: 12))
    }
  }

  // MARK: Regions

  package func readConfig(_ offset: Int, width: Int) throws -> UInt32 {
    UInt32(
      truncatingIfNeeded: try readRegion(
        VfioUserLayout.Region.configuration, at: UInt64(offset), count: width
      ).field(at: 0, width: width))
  }

  package func writeConfig(_ offset: Int, width: Int, _ value: UInt32) throws {
    var bytes: [UInt8] = []
    bytes.append(UInt64(value), width: width)
    try writeRegion(VfioUserLayout.Region.configuration, at: UInt64(offset), bytes, isPosted: false)
  }

  package func readBAR(_ index: Int, at offset: UInt64, width: Int) throws -> UInt64 {
    if let at = placeInTable(index, offset, width) { return tableBytes.field(at: at, width: width) }
    return try readRegion(UInt32(index), at: offset, count: width).field(at: 0, width: width)
  }

  package func writeBAR(_ index: Int, at offset: UInt64, width: Int, _ value: UInt64) throws {
    if let at = placeInTable(index, offset, width) {
      return tableBytes.setField(at: at, width: width, value)
    }
    var bytes: [UInt8] = []
    bytes.append(value, width: width)
    try writeRegion(UInt32(index), at: offset, bytes, isPosted: postsWrites)
  }

  /// Reads bytes of any region.
  package func readRegion(_ region: UInt32, at offset: UInt64, count: Int) throws -> [UInt8] {
    let request = VfioUserPayload.region(offset: offset, region: region, count: UInt32(count))
    let reply = try client.call(
      VfioUserLayout.Command.regionRead, request,
      maximumReply: VfioUserLayout.headerSize + request.count + count
    ).payload
    guard reply.count == 16 + count, Array(reply.prefix(16)) == request else {
      throw DriverError.deviceFault("a region read answered \(reply.count) bytes for another request")
    }
    return Array(reply.dropFirst(16))
  }

  /// Writes bytes of any region.
  package func writeRegion(_ region: UInt32, at offset: UInt64, _ bytes: [UInt8], isPosted: Bool) throws {
    let request = VfioUserPayload.region(
      offset: offset, region: region, count: UInt32(bytes.count), data: bytes)
    if isPosted { return try client.post(VfioUserLayout.Command.regionWrite, request) }
    let reply = try client.call(VfioUserLayout.Command.regionWrite, request).payload
    guard reply == Array(request.prefix(16)) else {
      throw DriverError.deviceFault("a region write was answered for another request")
    }
  }

  /// Where an access falls in the MSI-X table, which QEMU keeps for itself; nil for all others.
  private func placeInTable(_ index: Int, _ offset: UInt64, _ width: Int) -> Int? {
    guard let table, index == table.tableBAR, offset >= table.tableOffset else { return nil }
    let at = offset - table.tableOffset
    guard at < UInt64(tableBytes.count), Int(at) + width <= tableBytes.count else { return nil }
    return Int(at)
  }

  /// From now on accesses to this table stay on this side, as with QEMU.
  package func foundVectorTable(_ table: PCIInventory.VectorTable) {
    self.table = table
    tableBytes = [UInt8](repeating: 0, count: table.vectorCount * PCILayout.MSIX.entrySize)
  }

  // MARK: Memory

  package func mapRAM(_ block: RAMBlock, access: RAMAccess) throws {
    try client.call(
      VfioUserLayout.Command.dmaMap,
      VfioUserPayload.dmaMap(
        flags: access.rawValue, offset: UInt64(block.fileOffset), address: block.base,
        size: UInt64(block.size)),
      descriptors: [block.descriptor])
  }

  package func unmapRAM(_ block: RAMBlock) throws {
    try client.call(
      VfioUserLayout.Command.dmaUnmap,
      VfioUserPayload.dmaUnmap(flags: 0, address: block.base, size: UInt64(block.size)))
  }

  // MARK: Interrupts

  /// Where the processors' interrupt controllers listen; the messages stay on this side, as events.
  package func messageAddress(of vector: Int) -> UInt64 { 0xfee0_0000 }

  package func connectInterrupt(_ line: InterruptLine) throws {
    let event = try EventCounter()
    typealias Set = VfioUserLayout.InterruptSet
    let (kind, start): (UInt32, UInt32) =
      switch line {
      case .pin: (VfioUserLayout.Interrupt.pin, 0)
      case .vector(let vector): (VfioUserLayout.Interrupt.msix, UInt32(vector))
      }
    try client.call(
      VfioUserLayout.Command.setInterrupts,
      VfioUserPayload.setInterrupts(
        flags: Set.dataEvent | Set.actionTrigger, index: kind, start: start, count: 1),
      descriptors: [event.descriptor])
    events[line] = event
  }

  package func waitForInterrupt(_ line: InterruptLine, timeoutInMilliseconds: Int) throws -> Bool {
    guard let event = events[line] else { throw DriverError.missing("event of \(line)") }
    return try event.wait(timeoutInMilliseconds: timeoutInMilliseconds) > 0
  }

  /// INTx is masked by the server when it fires; this lets it fire again if its level is still high.
  package func acknowledgeInterrupt(_ line: InterruptLine) throws {
    guard line == .pin else { return }
    typealias Set = VfioUserLayout.InterruptSet
    try client.call(
      VfioUserLayout.Command.setInterrupts,
      VfioUserPayload.setInterrupts(
        flags: Set.dataNone | Set.actionUnmask, index: VfioUserLayout.Interrupt.pin, start: 0, count: 1))
  }

  package func resetFunction() throws { try client.call(VfioUserLayout.Command.reset, []) }
}
