import GuestDriver

/// A driver of any device with an ordinary request of its kind, over virtqueues of either format.
///
/// It keeps every rule; a case that wants to break one finds the registers and the rings open.
package final class PlainDriver {
  /// How to bring the device up.
  package struct Options: Sendable {
    /// Accepted beside `ConformanceBench.plainFeatures`, if offered; bit numbers.
    package var features: [Int] = []
    /// The largest size for each queue; the device's maximum if that is smaller.
    package var queueSize = 64
    /// Extra distance of each ring part from its alignment, in multiples of that alignment.
    package var ringSkew = 0
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
  package private(set) var queues: [any DriverRing] = []
  private var notifyOffsets: [UInt16] = []
  /// What stands for each queue in a notification.
  private var notifyValues: [UInt16] = []
  /// Of configuration changes, then of each queue; nil: unmapped.
  private let lines: [InterruptLine?]
  private let ringSkew: Int
  /// The answer to a GPU's first ordinary request, which all others have to get too.
  var firstAnswer: [UInt8]?

  /// The queues of a driver that did not accept RING_PACKED.
  package var rings: [SplitRing] { queues.compactMap { $0 as? SplitRing } }
  /// The queues of a driver that accepted RING_PACKED.
  package var packedRings: [PackedRing] { queues.compactMap { $0 as? PackedRing } }

  /// Brings the device up.
  package init(_ bench: ConformanceBench, _ options: Options = Options()) throws {
    self.bench = bench
    function = try bench.function
    features =
      options.features.reduce(bench.plainFeatures) { $0 | 1 << UInt64($1) } & bench.profile.offeredFeatures
    try bench.negotiate(features)
    ringSkew = options.ringSkew
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

  /// Places, programs and enables a queue, at places of its own unless there are some given.
  package func setUp(_ queue: UInt16, size wanted: Int, at given: RingPlaces? = nil) throws {
    try function.write(.queueSelect, UInt64(queue))
    let maximum = Int(try function.read(.queueSize))
    guard maximum > 0 else { throw Deviation("queue \(queue) has the size 0, num_queues counts it") }
    let size = min(wanted, maximum), ram = bench.ram
    let isPacked = accepted(VirtioLayout.Feature.ringPacked)
    let places = try given ?? ram.allocateRing(size: size, isPacked: isPacked, skew: ringSkew)
    let ring = ram.makeRing(queue, size: size, places, features: features)
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
    if Int(queue) < queues.count {
      queues[Int(queue)] = ring
      notifyOffsets[Int(queue)] = offset
      notifyValues[Int(queue)] = value
    } else {
      queues.append(ring)
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
    try function.kick(
      queue: notifyValues[index], data: queues[index].notificationData, notifyOffset: notifyOffsets[index])
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
}
