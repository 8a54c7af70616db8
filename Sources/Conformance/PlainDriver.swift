import GuestDriver

/// A driver of any device with an ordinary request of its kind, over split virtqueues.
///
/// It keeps every rule; a case that wants to break one finds the registers and the rings open.
package final class PlainDriver {
  /// How to bring the device up.
  package struct Options: Sendable {
    /// Accepted beside `ConformanceBench.plainFeatures`, if offered; bit numbers.
    package var features: [Int] = []
    /// The largest size for each queue; the device's maximum if that is smaller.
    package var queueSize = 64
    /// How many queues; nil for all.
    package var queueCount: Int?
    /// Vector 0 for configuration changes and 1 onward for the queues, or the pin.
    package var usesVectors = true
    /// DRIVER_OK at the end.
    package var startsDevice = true

    package init() {}
  }

  package let bench: ConformanceBench
  package let function: VirtioFunction
  package let features: UInt64
  /// In the order of the queues.
  package private(set) var rings: [SplitRing] = []
  private var notifyOffsets: [UInt16] = []
  private let lines: [InterruptLine]

  /// Brings the device up.
  package init(_ bench: ConformanceBench, _ options: Options = Options()) throws {
    self.bench = bench
    function = try bench.function
    features =
      options.features.reduce(bench.plainFeatures) { $0 | 1 << UInt64($1) } & bench.profile.offeredFeatures
    try bench.negotiate(features)
    let count = Int(try function.read(.queueCount))
    lines = try Self.setUpInterrupts(bench, function, count: count, usesVectors: options.usesVectors)
    for queue in 0..<min(count, options.queueCount ?? count) {
      try setUp(UInt16(queue), size: options.queueSize)
    }
    if options.startsDevice { try function.setStatus(try function.status | VirtioLayout.Status.driverOK) }
  }

  private static func setUpInterrupts(
    _ bench: ConformanceBench, _ function: VirtioFunction, count: Int, usesVectors: Bool
  ) throws -> [InterruptLine] {
    guard usesVectors, let table = bench.inventory.vectorTable, bench.shows(.interrupts) else {
      if bench.inventory.vectorTable != nil { try function.setVectorControl(0) }
      if bench.profile.hasPin { try bench.machine.connectInterrupt(.pin) }
      return Array(repeating: .pin, count: count + 1)
    }
    typealias Control = PCILayout.MSIX
    let last = table.vectorCount - 1
    try function.setVectorControl(Control.controlEnable | Control.controlFunctionMask)
    for vector in 0...min(count, last) { try function.programVector(vector) }
    try function.setVectorControl(Control.controlEnable)
    try function.write(.configVector, 0)
    try expect("config_msix_vector", try function.read(.configVector), is: 0)
    return (0...count).map { .vector(min($0, last)) }
  }

  /// Places, programs and enables a queue.
  package func setUp(_ queue: UInt16, size wanted: Int) throws {
    try function.write(.queueSelect, UInt64(queue))
    let maximum = Int(try function.read(.queueSize))
    guard maximum > 0 else { throw Deviation("queue \(queue) has the size 0, num_queues counts it") }
    let size = min(wanted, maximum), counts = RingPlaces.byteCounts(size: size), ram = bench.ram
    let places = RingPlaces(
      descriptorTable: try ram.allocate(counts.descriptorTable, alignment: 16),
      available: try ram.allocate(counts.available, alignment: 2),
      used: try ram.allocate(counts.used, alignment: 4))
    try function.write(.queueSize, UInt64(size))
    try function.write(.queueDescriptorArea, places.descriptorTable)
    try function.write(.queueDriverArea, places.available)
    try function.write(.queueDeviceArea, places.used)
    if case .vector(let vector) = line(of: queue) {
      try function.write(.queueVector, UInt64(vector))
      try expect("queue_msix_vector", try function.read(.queueVector), is: UInt64(vector))
    }
    let offset = UInt16(truncatingIfNeeded: try function.read(.queueNotifyOffset))
    let ring = SplitRing(
      queue: queue, size: size, places: places,
      usesEventIndex: features >> UInt64(VirtioLayout.Feature.eventIndex) & 1 != 0, ram: ram)
    if Int(queue) < rings.count {
      rings[Int(queue)] = ring
      notifyOffsets[Int(queue)] = offset
    } else {
      rings.append(ring)
      notifyOffsets.append(offset)
    }
    try function.write(.queueEnable, 1)
  }

  /// The interrupt of a queue.
  package func line(of queue: UInt16) -> InterruptLine { lines[min(Int(queue) + 1, lines.count - 1)] }

  /// The interrupt of configuration changes.
  package var configurationLine: InterruptLine { lines[0] }

  /// Rings a queue's doorbell.
  package func kick(_ queue: UInt16 = 0) throws {
    try function.kick(queue: queue, notifyOffset: notifyOffsets[Int(queue)])
  }

  // MARK: Requests

  /// An ordinary request of the device's kind in memory: display information of a GPU, 64 bytes of an entropy
  /// device.
  package func layOutRequest(_ layout: ChainLayout = ChainLayout()) throws -> LaidOutChain {
    switch bench.profile.kind {
    case .gpu:
      let command = GPUCommand.getDisplayInfo
      return try bench.ram.layOut(request: command.encoded(), responseRoom: command.responseRoom, layout)
    case .entropy: return try bench.ram.layOut(request: [], responseRoom: 64, layout)
    case .other: throw NotApplicable("no request of this kind of device is known here")
    }
  }

  /// Puts an ordinary request in queue 0 without telling the device.
  @discardableResult
  package func post(_ layout: ChainLayout = ChainLayout()) throws -> UInt16 {
    try rings[0].offer(try layOutRequest(layout).descriptors)
  }

  /// Puts an ordinary request in queue 0, tells the device, and waits until it is used.
  @discardableResult
  package func roundTrip(_ layout: ChainLayout = ChainLayout()) throws -> UsedElement {
    let head = try post(layout)
    try kick()
    let element = try awaitUsed()
    try expect(element.head == UInt32(head), came: "head \(head) was offered, \(element.head) came back")
    return element
  }

  /// Waits for the next used element of a queue, without looking at interrupts.
  package func awaitUsed(_ queue: UInt16 = 0) throws -> UsedElement {
    var taken: UsedElement?
    let hasCome = try bench.eventually {
      taken = try rings[Int(queue)].takeUsed()
      if taken == nil { _ = try function.status }  // an access, which the case's time limit watches
      return taken != nil
    }
    guard hasCome, let taken else {
      throw Deviation("a request on queue \(queue) is not used; device_status \(hex(try function.status))")
    }
    return taken
  }

  /// Whether nothing is used on a queue for a while.
  package func staysUnused(_ queue: UInt16 = 0) throws -> Bool {
    let end = ContinuousClock.now + .milliseconds(bench.quietTimeInMilliseconds)
    while ContinuousClock.now < end {
      if rings[Int(queue)].usedIndex != rings[Int(queue)].seenUsedIndex { return false }
      _ = try function.machine.readConfig(PCILayout.vendorID, width: 2)
    }
    return true
  }
}
