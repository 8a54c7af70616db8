import GuestDriver

/// A driver of before version 1 (virtio 1.4 §4.1.4.10): no FEATURES_OK, rings in one piece, the device's queue size.
///
/// It uses queue 0 alone, and the pin for interrupts.
package final class LegacyDriver {
  package let bench: ConformanceBench
  package let function: LegacyFunction
  /// There after `setUpQueue`.
  package private(set) var ring: SplitRing!

  /// Resets the device and turns MSI-X off.
  package init(_ bench: ConformanceBench) throws {
    self.bench = bench
    function = try LegacyFunction(bench.machine, bench.inventory)
    if bench.inventory.vectorTable != nil { try function.setVectorControl(0) }
    try reset()
    if bench.profile.hasPin, bench.shows(.interrupts) {
      try bench.machine.connectInterrupt(.pin)
      _ = try bench.machine.waitForInterrupt(.pin, timeoutInMilliseconds: 0)
    }
  }

  /// Writes 0 to the status and waits until it reads 0.
  package func reset() throws {
    try function.setStatus(0)
    let isDone = try bench.eventually { try function.status == 0 }
    guard isDone else {
      throw Deviation("the status does not become 0 after a reset: \(hex(try function.status))")
    }
  }

  /// ACKNOWLEDGE, DRIVER, the wanted features of those offered, queue 0, DRIVER_OK.
  ///
  /// - Parameter wanted: feature bit numbers.
  package func bringUp(features wanted: [Int] = []) throws {
    try function.setStatus(1)
    try function.setStatus(3)
    let offered = try function.offeredFeatures()
    try function.acceptFeatures(wanted.reduce(0) { $0 | 1 << UInt64($1) } & offered)
    try setUpQueue()
    try function.setStatus(7)
  }

  /// Puts queue 0 where the layout of §2.7.2 has it, with an alignment of 4096, and tells its page.
  package func setUpQueue() throws {
    let size = try function.maximumSize(queue: 0)
    try expect(size > 0 && size.nonzeroBitCount == 1, came: "queue 0 has the size \(size)")
    let counts = RingPlaces.byteCounts(size: size), page = LegacyFunction.ringAlignment
    let front = (counts.descriptorTable + counts.available + page - 1) / page * page
    let base = try bench.ram.allocate(front + counts.used, alignment: page)
    let places = RingPlaces(
      descriptorTable: base, available: base + UInt64(counts.descriptorTable), used: base + UInt64(front))
    ring = SplitRing(queue: 0, size: size, places: places, usesEventIndex: false, ram: bench.ram)
    try function.write(.queueSelect, 0)
    try function.write(.queueAddress, base / UInt64(page))
    try expect("the queue address", try function.read(.queueAddress), is: base / UInt64(page))
  }

  /// Makes an ordinary request, rings the doorbell, and waits for the answer.
  @discardableResult
  package func roundTrip(_ layout: ChainLayout = ChainLayout()) throws -> UsedElement {
    let head = try ring.offer(try bench.layOutRequest(layout).descriptors)
    try function.kick(queue: 0)
    var taken: UsedElement?
    _ = try bench.eventually {
      taken = try ring.takeUsed()
      if taken == nil { _ = try function.status }  // an access, which the case's time limit watches
      return taken != nil
    }
    guard let taken else {
      throw Deviation("a request is not used; the status is \(hex(try function.status))")
    }
    try expect(taken.head == UInt32(head), came: "head \(head) was offered, \(taken.head) came back")
    return taken
  }
}
