/// The common configuration of a device with two queues, restated from `spec/pci-function.md` and virtio 1.4 §2.1,
/// §2.6.1, §3.1.1, §3.4 and §4.1.4.3: what every register reads after any writes.
///
/// It shares nothing with the device but the numbers of `RegisterBench`.
struct RegisterModel: Hashable {
  struct Queue: Hashable {
    var size: UInt16
    var vector: UInt16 = 0xffff
    var isEnabled = false
    var descriptors: UInt64 = 0
    var driver: UInt64 = 0
    var device: UInt64 = 0
  }

  var deviceSelect: UInt32 = 0
  var driverSelect: UInt32 = 0
  var queueSelect: UInt16 = 0
  var accepted: [UInt32] = [0, 0]
  var configVector: UInt16 = 0xffff
  var status: UInt8 = 0
  /// What the status reads once more after a reset of a device at work.
  var lingering: UInt8 = 0
  var queues = RegisterBench.queueSizes.map { Queue(size: $0) }

  private enum Bit {
    static let driverOK: UInt8 = 4, featuresOK: UInt8 = 8, suspend: UInt8 = 16, needsReset: UInt8 = 64
    static let failed: UInt8 = 128
    /// What a driver may set.
    static let drivers: UInt8 = 1 | 2 | 4 | 8 | 128
  }

  private func has(_ feature: Int) -> Bool { accepted[feature / 32] >> UInt32(feature % 32) & 1 != 0 }

  private var queue: Queue? { queueSelect < 2 ? queues[Int(queueSelect)] : nil }

  // MARK: Writes

  /// A driver's write of a whole register.
  mutating func write(_ register: RegisterAction.Register, _ value: UInt64) {
    switch register {
    case .deviceSelect: deviceSelect = UInt32(truncatingIfNeeded: value)
    case .driverSelect: driverSelect = UInt32(truncatingIfNeeded: value)
    case .driverFeature:
      if status & Bit.featuresOK == 0, driverSelect < 2 {
        accepted[Int(driverSelect)] = UInt32(truncatingIfNeeded: value)
      }
    case .configVector: configVector = vector(value)
    case .status: writeStatus(UInt8(truncatingIfNeeded: value))
    case .queueSelect: queueSelect = UInt16(truncatingIfNeeded: value)
    default: writeQueue(register, value)
    }
    goLive()
  }

  private func vector(_ value: UInt64) -> UInt16 {
    value < UInt64(RegisterBench.vectorCount) ? UInt16(value) : 0xffff
  }

  private mutating func writeQueue(_ register: RegisterAction.Register, _ value: UInt64) {
    guard var queue else { return }
    let isFree = !queue.isEnabled
    switch register {
    case .queueVector: queue.vector = vector(value)
    case .queueSize:
      let most = UInt64(RegisterBench.queueSizes[Int(queueSelect)])
      if isFree, value > 0, value <= most, value & (value - 1) == 0 || has(34) { queue.size = UInt16(value) }
    case .queueEnable:
      if value == 1, isFree, status & Bit.featuresOK != 0, isWellFormed(queue) { queue.isEnabled = true }
    case .queueReset:
      if value == 1, status & Bit.featuresOK != 0, has(40) {
        queue = Queue(size: RegisterBench.queueSizes[Int(queueSelect)])
      }
    case .descriptors: if isFree { queue.descriptors = value }
    case .descriptorsHigh: if isFree { queue.descriptors = queue.descriptors & 0xffff_ffff | value << 32 }
    case .driver: if isFree { queue.driver = value }
    case .device: if isFree { queue.device = value }
    default: break  // read-only
    }
    queues[Int(queueSelect)] = queue
  }

  private mutating func writeStatus(_ value: UInt8) {
    guard value != 0 else {
      let selects = (deviceSelect, driverSelect, queueSelect), last = status
      self = RegisterModel()
      (deviceSelect, driverSelect, queueSelect) = selects
      lingering = last & Bit.driverOK != 0 ? last : 0
      return
    }
    if status & Bit.suspend != 0 {
      status |= value & Bit.failed
      if value & Bit.driverOK != 0 { status = status & ~Bit.suspend | Bit.driverOK }
      return
    }
    var asked = status | value & Bit.drivers
    if status & Bit.featuresOK == 0 {
      let extra = accepted[0] & ~RegisterBench.offered.0 | accepted[1] & ~RegisterBench.offered.1
      if asked & 2 == 0 || extra != 0 || !has(32) { asked &= ~Bit.featuresOK }
    }
    if asked & Bit.featuresOK == 0 { asked &= ~Bit.driverOK }
    if value & Bit.suspend != 0, status & Bit.driverOK != 0, has(43) {
      asked = asked & ~Bit.driverOK | Bit.suspend
    }
    status = asked
    if status != 0 { lingering = 0 }
    guard status & Bit.featuresOK != 0, !has(34) else { return }
    for index in queues.indices where queues[index].size & (queues[index].size - 1) != 0 {
      queues[index].size = RegisterBench.queueSizes[index]
    }
  }

  /// A device at work whose ring lies where no memory is asks for a reset.
  private mutating func goLive() {
    guard status & Bit.driverOK != 0, status & (Bit.failed | Bit.needsReset | Bit.suspend) == 0 else {
      return
    }
    for queue in queues where queue.isEnabled && !parts(of: queue).allSatisfy(RegisterBench.isMemory) {
      status |= Bit.needsReset
    }
  }

  private func parts(of queue: Queue) -> [(start: UInt64, count: UInt64)] {
    let size = UInt64(queue.size), isPacked = has(34)
    return [
      (queue.descriptors, 16 * size), (queue.driver, isPacked ? 4 : 6 + 2 * size),
      (queue.device, isPacked ? 4 : 6 + 8 * size),
    ]
  }

  private func isWellFormed(_ queue: Queue) -> Bool {
    let isPacked = has(34)
    guard isPacked || queue.size & (queue.size - 1) == 0 else { return false }
    guard queue.descriptors % 16 == 0, queue.driver % (isPacked ? 4 : 2) == 0, queue.device % 4 == 0 else {
      return false
    }
    return parts(of: queue).allSatisfy { UInt64.max - $0.start >= $0.count }
  }

  // MARK: Reads

  /// All 64 bytes, with one more look at a status that lingers.
  func bytes(queueSelect select: UInt16, driverSelect driverWord: UInt32, status shown: UInt8) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 64)
    func put(_ value: UInt64, at offset: Int, _ width: Int) {
      for index in 0..<width { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
    }
    put(UInt64(deviceSelect), at: 0x00, 4)
    put(
      UInt64(deviceSelect == 0 ? RegisterBench.offered.0 : deviceSelect == 1 ? RegisterBench.offered.1 : 0),
      at: 4, 4)
    put(UInt64(driverWord), at: 0x08, 4)
    put(driverWord < 2 ? UInt64(accepted[Int(driverWord)]) : 0, at: 0x0c, 4)
    put(UInt64(configVector), at: 0x10, 2)
    put(2, at: 0x12, 2)
    put(UInt64(shown), at: 0x14, 1)
    put(UInt64(select), at: 0x16, 2)
    guard select < 2 else {
      put(0xffff, at: 0x1a, 2)
      return bytes
    }
    let queue = queues[Int(select)]
    put(UInt64(queue.size), at: 0x18, 2)
    put(UInt64(queue.vector), at: 0x1a, 2)
    put(queue.isEnabled ? 1 : 0, at: 0x1c, 2)
    put(UInt64(select), at: 0x1e, 2)
    put(queue.descriptors, at: 0x20, 8)
    put(queue.driver, at: 0x28, 8)
    put(queue.device, at: 0x30, 8)
    put(has(39) ? UInt64(select) : 0, at: 0x38, 2)
    return bytes
  }
}
