/// Drives an input device as its guest's driver does: both queues, a vector for each, buffers for events.
package final class InputDriver {
  package let machine: any Machine
  package let inventory: PCIInventory
  package let function: VirtioFunction
  private let ram: GuestRAMImage
  package private(set) var events: SplitRing!
  package private(set) var status: SplitRing!
  private var notifyOffsets: [UInt16] = []
  private var places: [UInt32: UInt64] = [:]

  /// Looks what is there; nothing is written yet.
  ///
  /// - Parameter ram: mapped already, for rings and buffers.
  package init(_ machine: any Machine, _ ram: GuestRAMImage) throws {
    self.machine = machine
    self.ram = ram
    inventory = try PCIInventory(probing: machine)
    function = try VirtioFunction(machine, inventory)
  }

  /// Resets the device and brings it up, with `buffers` empty buffers for events.
  package func bringUp(buffers: Int) throws {
    typealias Status = VirtioLayout.Status
    try function.setStatus(0)
    while try function.status != 0 {}
    try function.setCommand(PCILayout.Command.memorySpace | PCILayout.Command.busMaster)
    var status = Status.acknowledge | Status.driver
    try function.setStatus(status)
    try function.acceptFeatures(1 << UInt64(VirtioLayout.Feature.version1))
    status |= Status.featuresOK
    try function.setStatus(status)
    for vector in 0..<3 { try function.programVector(vector) }
    try function.setVectorControl(PCILayout.MSIX.controlEnable)
    notifyOffsets = []
    places = [:]
    let rings = try (0..<2).map { queue in try makeRing(UInt16(queue)) }
    (events, self.status) = (rings[0], rings[1])
    try function.setStatus(status | Status.driverOK)
    for _ in 0..<buffers { try offer(try ram.allocate(8)) }
    try kick(0)
  }

  private func makeRing(_ queue: UInt16) throws -> SplitRing {
    try function.write(.queueSelect, UInt64(queue))
    let size = Int(try function.read(.queueSize))
    let parts = RingPlaces.byteCounts(size: size)
    let places = RingPlaces(
      descriptorTable: try ram.allocate(parts.descriptorTable), available: try ram.allocate(parts.available),
      used: try ram.allocate(parts.used))
    try function.write(.queueDescriptorArea, places.descriptorTable)
    try function.write(.queueDriverArea, places.available)
    try function.write(.queueDeviceArea, places.used)
    try function.write(.queueVector, UInt64(queue) + 1)
    try function.write(.queueEnable, 1)
    notifyOffsets.append(UInt16(try function.read(.queueNotifyOffset)))
    return SplitRing(queue: queue, size: size, places: places, usesEventIndex: false, ram: ram)
  }

  private func offer(_ place: UInt64) throws {
    let head = try events.offer([
      RingDescriptor(address: place, length: 8, flags: RingDescriptor.write)
    ])
    places[UInt32(head)] = place
  }

  private func kick(_ queue: Int) throws {
    try function.kick(queue: UInt16(queue), notifyOffset: notifyOffsets[queue])
  }

  /// The next event as one number, its buffer given back to the device; nil when none comes in time.
  ///
  /// Bits 0 to 15 are the type, then the code, then 32 of the value.
  package func next(timeoutInMilliseconds: Int = 60_000) throws -> UInt64? {
    while true {
      if let used = try events.takeUsed(), let place = places.removeValue(forKey: used.head) {
        guard used.length == 8 else { throw DriverError.deviceFault("an event of \(used.length) bytes") }
        let event = ram.load(place, width: 8)
        try offer(place)
        try kick(0)
        return event
      }
      guard try machine.waitForInterrupt(.vector(1), timeoutInMilliseconds: timeoutInMilliseconds) else {
        return nil
      }
    }
  }

  /// Sends one event on the status queue and waits until the device has it.
  package func send(_ event: UInt64, timeoutInMilliseconds: Int = 60_000) throws {
    let place = try ram.allocate(8)
    ram.store(event, width: 8, at: place)
    _ = try status.offer([RingDescriptor(address: place, length: 8)])
    try kick(1)
    while try status.takeUsed() == nil {
      guard try machine.waitForInterrupt(.vector(2), timeoutInMilliseconds: timeoutInMilliseconds)
      else {
        throw DriverError.timedOut(waitingFor: "the status queue")
      }
    }
  }
}
