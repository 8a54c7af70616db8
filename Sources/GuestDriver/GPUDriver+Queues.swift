/// Negotiation, interrupts and queues: the middle of a bring-up.
extension GPUDriver {
  /// ACKNOWLEDGE, DRIVER, the features, FEATURES_OK unless the interface has none.
  package func negotiate(_ options: Options = Options()) throws {
    typealias Status = VirtioLayout.Status
    try registers.setStatus(Status.acknowledge)
    try registers.setStatus(Status.acknowledge | Status.driver)
    features = try registers.offeredFeatures() & options.wantedFeatures
    try registers.acceptFeatures(features)
    guard registers !== legacy else { return }
    try function.setStatus(Status.acknowledge | Status.driver | Status.featuresOK)
    guard try function.status & Status.featuresOK != 0 else {
      throw DriverError.deviceFault("the device does not accept its own features")
    }
  }

  /// Interrupts, then both queues.
  package func setUpQueues(_ options: Options = Options()) throws {
    try setUpInterrupts(options)
    control = try setUpQueue(GPULayout.controlQueue, options)
    cursor = try setUpQueue(GPULayout.cursorQueue, options)
  }

  /// Vectors 0, 1 and 2 for configuration and the two queues, or the one pin for all.
  package func setUpInterrupts(_ options: Options = Options()) throws {
    let inventory = registers.inventory
    legacy?.hasVectors = options.usesVectors && inventory.vectorTable != nil
    guard options.usesVectors, let table = inventory.vectorTable else {
      if inventory.vectorTable != nil { try registers.setVectorControl(0) }
      try machine.connectInterrupt(.pin)
      vectors = [.pin, .pin, .pin]
      return
    }
    typealias Control = PCILayout.MSIX
    try registers.setVectorControl(Control.controlEnable | Control.controlFunctionMask)
    let last = table.vectorCount - 1
    vectors = (0..<3).map { .vector(min($0, last)) }
    for vector in 0...min(2, last) { try registers.programVector(vector) }
    try registers.setVectorControl(Control.controlEnable)
    guard try registers.setConfigurationVector(0) == 0 else {
      throw DriverError.deviceFault("no configuration vector")
    }
  }

  /// Reads the size, places a ring of the accepted format, gives it its interrupt and enables it.
  package func setUpQueue(_ queue: UInt16, _ options: Options = Options()) throws -> any DriverRing {
    let maximum = try registers.maximumSize(queue: queue)
    guard maximum > 0 else { throw DriverError.missing("queue \(queue)") }
    let size = min(options.queueSize ?? maximum, maximum)
    if case .vector(let vector) = line(of: queue) {
      guard try registers.setVector(UInt16(vector), queue: queue) == UInt16(vector) else {
        throw DriverError.deviceFault("no vector for queue \(queue)")
      }
    }
    switch options.interface {
    case .modern: return try enableModern(queue, size: size, skew: options.ringSkew)
    case .contiguous(let alignment): return try enableContiguous(queue, size: size, alignment)
    case .legacy: return try enableLegacy(queue, size: maximum)
    }
  }

  private func enableModern(_ queue: UInt16, size: Int, skew: Int) throws -> any DriverRing {
    let places = try ram.allocateRing(
      size: size, isPacked: accepted(VirtioLayout.Feature.ringPacked), skew: skew)
    let ring = ram.makeRing(queue, size: size, places, features: features)
    try function.write(.queueSize, UInt64(size))
    try program(ring.places)
    try learnDoorbell(queue)
    try function.write(.queueEnable, 1)
    return ring
  }

  private func enableContiguous(_ queue: UInt16, size: Int, _ alignment: Int) throws -> any DriverRing {
    let places = try allocateContiguous(size: size, alignment: alignment)
    let ring = ram.makeRing(queue, size: size, places, features: features)
    try learnDoorbell(queue)
    let file = try ContiguousRingRegisters(machine, function.inventory)
    guard try file.enable(queue: queue, size: size, alignment: alignment, at: places.descriptorTable) else {
      throw DriverError.deviceFault(
        "queue \(queue) of \(size) entries is refused with alignment \(alignment)")
    }
    return ring
  }

  private func enableLegacy(_ queue: UInt16, size: Int) throws -> any DriverRing {
    let places = try allocateContiguous(size: size, alignment: LegacyFunction.ringAlignment)
    let ring = ram.makeRing(queue, size: size, places, features: features)
    try legacy.write(.queueAddress, places.descriptorTable / UInt64(LegacyFunction.ringAlignment))
    return ring
  }

  /// Memory for a split ring in one piece (virtio 1.4 §2.7.2).
  package func allocateContiguous(size: Int, alignment: Int) throws -> RingPlaces {
    let counts = RingPlaces.byteCounts(size: size)
    let front = counts.descriptorTable + counts.available
    let start = (front + alignment - 1) / alignment * alignment
    let base = try ram.allocate(start + counts.used, alignment: max(alignment, 16))
    return RingPlaces(
      descriptorTable: base, available: base + UInt64(counts.descriptorTable), used: base + UInt64(start))
  }

  /// How the selected queue's doorbell is rung.
  private func learnDoorbell(_ queue: UInt16) throws {
    notifyOffsets[Int(queue)] = UInt16(truncatingIfNeeded: try function.read(.queueNotifyOffset))
    notifyNames[Int(queue)] =
      accepted(VirtioLayout.Feature.notificationConfigData)
      ? UInt16(truncatingIfNeeded: try function.read(.queueNotifyData)) : queue
  }

  /// Writes the three addresses of the selected queue.
  package func program(_ places: RingPlaces) throws {
    try function.write(.queueDescriptorArea, places.descriptorTable)
    try function.write(.queueDriverArea, places.available)
    try function.write(.queueDeviceArea, places.used)
  }
}
