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
    /// Where interrupts go.
    package var interrupts = Interrupts.separateVectors
    /// DRIVER_OK at the end.
    package var startsDevice = true

    package init() {}
  }

  /// Where interrupts go; without MSI-X to the pin in any case.
  package enum Interrupts: Sendable {
    /// Vector 0 for configuration changes and 1 onward for the queues.
    case separateVectors
    /// Vector 0 for everything.
    case oneVector
    /// MSI-X is on, and nothing is mapped.
    case unmapped
    /// MSI-X is off.
    case pin
  }

  package let bench: ConformanceBench
  package let function: VirtioFunction
  package let features: UInt64
  /// In the order of the queues.
  package private(set) var rings: [SplitRing] = []
  private var notifyOffsets: [UInt16] = []
  /// What stands for each queue in a notification.
  private var notifyValues: [UInt16] = []
  /// Of configuration changes, then of each queue; nil: unmapped.
  private let lines: [InterruptLine?]

  /// Brings the device up.
  package init(_ bench: ConformanceBench, _ options: Options = Options()) throws {
    self.bench = bench
    function = try bench.function
    features =
      options.features.reduce(bench.plainFeatures) { $0 | 1 << UInt64($1) } & bench.profile.offeredFeatures
    try bench.negotiate(features)
    let count = Int(try function.read(.queueCount))
    guard count > 0 else { throw Deviation("num_queues is 0") }
    lines = try Self.setUpInterrupts(bench, function, count: count, options.interrupts)
    for queue in 0..<min(count, options.queueCount ?? count) {
      try setUp(UInt16(queue), size: options.queueSize)
    }
    // What came for the case before this one is not of this device any more.
    try drainInterrupts()
    if options.startsDevice { try function.setStatus(try function.status | VirtioLayout.Status.driverOK) }
  }

  private static func setUpInterrupts(
    _ bench: ConformanceBench, _ function: VirtioFunction, count: Int, _ wanted: Interrupts
  ) throws -> [InterruptLine?] {
    guard wanted != .pin, let table = bench.inventory.vectorTable, bench.shows(.interrupts) else {
      if bench.inventory.vectorTable != nil { try function.setVectorControl(0) }
      if bench.profile.hasPin, bench.shows(.interrupts) { try bench.machine.connectInterrupt(.pin) }
      return Array(repeating: .pin, count: count + 1)
    }
    typealias Control = PCILayout.MSIX
    let last = table.vectorCount - 1
    try function.setVectorControl(Control.controlEnable | Control.controlFunctionMask)
    for vector in 0...min(count, last) { try function.programVector(vector) }
    try function.setVectorControl(Control.controlEnable)
    guard wanted != .unmapped else { return Array(repeating: nil, count: count + 1) }
    try function.write(.configVector, 0)
    try expect("config_msix_vector", try function.read(.configVector), is: 0)
    return (0...count).map { .vector(wanted == .oneVector ? 0 : min($0, last)) }
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
    let value =
      accepted(VirtioLayout.Feature.notificationConfigData)
      ? UInt16(truncatingIfNeeded: try function.read(.queueNotifyData)) : queue
    let ring = SplitRing(
      queue: queue, size: size, places: places,
      usesEventIndex: accepted(VirtioLayout.Feature.eventIndex), ram: ram)
    if Int(queue) < rings.count {
      rings[Int(queue)] = ring
      notifyOffsets[Int(queue)] = offset
      notifyValues[Int(queue)] = value
    } else {
      rings.append(ring)
      notifyOffsets.append(offset)
      notifyValues.append(value)
    }
    try function.write(.queueEnable, 1)
  }

  /// Whether a feature was negotiated.
  package func accepted(_ feature: Int) -> Bool { features >> UInt64(feature) & 1 != 0 }

  /// The interrupt of a queue; nil when it is mapped to none.
  package func line(of queue: UInt16) -> InterruptLine? { lines[min(Int(queue) + 1, lines.count - 1)] }

  /// The interrupt of configuration changes; nil when it is mapped to none.
  package var configurationLine: InterruptLine? { lines[0] }

  /// Every interrupt that was connected.
  package var connectedLines: [InterruptLine] {
    guard bench.shows(.interrupts) else { return [] }
    if lines[0] == .pin { return bench.profile.hasPin ? [.pin] : [] }
    return (0..<min(lines.count, bench.profile.vectorCount)).map { .vector($0) }
  }

  /// Rings a queue's doorbell: the queue's number or what the device wants for it, and the place of the next entry
  /// if that was negotiated (virtio 1.4 §4.1.5.2).
  package func kick(_ queue: UInt16 = 0) throws {
    let index = Int(queue)
    guard accepted(VirtioLayout.Feature.notificationData) else {
      return try function.kick(queue: notifyValues[index], notifyOffset: notifyOffsets[index])
    }
    let notify = function.notify
    let at = notify.offset + UInt64(notifyOffsets[index]) * UInt64(notify.notifyMultiplier)
    // The available index has its 15 lower bits as offset and its highest as wrap bit (§2.9).
    let value = UInt64(notifyValues[index]) | UInt64(rings[index].availableIndex) << 16
    try function.machine.writeBAR(notify.bar, at: at, width: 4, value)
  }

  // MARK: Interrupts

  /// Whether any connected interrupt comes within a time.
  package func anyInterrupt(withinMilliseconds time: Int) throws -> InterruptLine? {
    let lines = connectedLines
    for line in lines
    where try bench.machine.waitForInterrupt(line, timeoutInMilliseconds: time / max(1, lines.count)) {
      return line
    }
    return nil
  }

  /// Takes all interrupts that have come, so that what comes later can be told apart.
  package func drainInterrupts() throws {
    for line in connectedLines {
      _ = try bench.machine.waitForInterrupt(line, timeoutInMilliseconds: 0)
    }
    if lines[0] == .pin, bench.profile.hasPin {
      _ = try function.readInterruptStatus()
      if bench.shows(.interrupts) { try bench.machine.acknowledgeInterrupt(.pin) }
      for line in connectedLines { _ = try bench.machine.waitForInterrupt(line, timeoutInMilliseconds: 0) }
    }
  }

  // MARK: Breaking

  /// Makes a descriptor available that the ring does not have, which no driver may do, and waits for what the device
  /// does about it: true when it sets DEVICE_NEEDS_RESET, false when it goes on working.
  package func breakRing() throws -> Bool {
    let ring = rings[0]
    ring.publish(head: UInt16(truncatingIfNeeded: ring.size + 3))
    let head = try post()
    try kick()
    var hasStopped = false, goesOn = false
    _ = try bench.eventually {
      hasStopped = try function.status & VirtioLayout.Status.needsReset != 0
      goesOn = ring.usedIndex != ring.seenUsedIndex && ring.usedElement(lastUsedSlot).head == UInt32(head)
      return hasStopped || goesOn
    }
    guard hasStopped || goesOn else {
      throw Deviation(
        "after a descriptor that the ring does not have nothing is used, and device_status is "
          + "\(hex(try function.status)), without DEVICE_NEEDS_RESET")
    }
    return hasStopped
  }

  private var lastUsedSlot: Int { Int(rings[0].usedIndex &- 1) % rings[0].size }

  // MARK: Requests

  /// An ordinary request in memory.
  package func layOutRequest(_ layout: ChainLayout = ChainLayout()) throws -> LaidOutChain {
    try bench.layOutRequest(layout)
  }

  /// Puts an ordinary request in queue 0 without telling the device.
  @discardableResult
  package func post(_ layout: ChainLayout = ChainLayout()) throws -> UInt16 {
    try rings[0].offer(try layOutRequest(layout).descriptors)
  }

  /// Puts up to 16 ordinary requests in queue 0 without telling the device, and leaves room for one more; how many.
  package func postMany() throws -> Int {
    var count = 0
    while count < 16 {
      let chain = try layOutRequest()
      guard rings[0].freeDescriptorCount >= 2 * chain.descriptors.count else { break }
      _ = try rings[0].offer(chain.descriptors)
      count += 1
    }
    return count
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
    let end = ContinuousClock.now + .milliseconds(bench.patience.quietInMilliseconds)
    while ContinuousClock.now < end {
      if rings[Int(queue)].usedIndex != rings[Int(queue)].seenUsedIndex { return false }
      _ = try function.machine.readConfig(PCILayout.vendorID, width: 2)
    }
    return true
  }
}
