import GuestDriver

/// What the driver has written into the registers, whatever the device made of it.
struct ProgrammedState {
  struct Queue {
    var size = 0
    var descriptorArea: UInt64 = 0
    var driverArea: UInt64 = 0
    var deviceArea: UInt64 = 0
    var vector: UInt16 = VirtioLayout.noVector
    var isEnabled = false

    // How far the rings have been looked at: free-running indices, or places in a packed ring.
    var nextOffered = 0
    var offeredWrap = true
    var nextUsed = 0
    var outstanding: [OfferedChain] = []

    /// Where an entry of the descriptor table or ring is.
    func descriptor(_ index: Int) -> UInt64 { descriptorArea + UInt64(16 * index) }

    /// A ring in one piece at a page's number (virtio 1.4 §2.7.2); of the device's own size.
    mutating func placeLegacy(page: UInt64) {
      guard page != 0 else { return isEnabled = false }
      let counts = RingPlaces.byteCounts(size: size), alignment = LegacyFunction.ringAlignment
      descriptorArea = page * UInt64(alignment)
      driverArea = descriptorArea + UInt64(counts.descriptorTable)
      let front = (counts.descriptorTable + counts.available + alignment - 1) / alignment * alignment
      deviceArea = descriptorArea + UInt64(front)
      enable()
    }

    /// A ring that begins.
    mutating func enable() {
      (isEnabled, nextOffered, offeredWrap, nextUsed, outstanding) = (true, 0, true, 0, [])
    }
  }

  private(set) var status: UInt8 = 0
  private(set) var features: UInt64 = 0
  private(set) var queueSelect = 0
  var queues: [Int: Queue] = [:]
  private var featureSelect: UInt64 = 0

  /// VIRTIO_F_RING_PACKED was accepted.
  var isPacked: Bool { accepts(VirtioLayout.Feature.ringPacked) }

  func accepts(_ feature: Int) -> Bool { features >> UInt64(feature) & 1 != 0 }

  /// The selected queue.
  private var queue: Queue {
    get { queues[queueSelect] ?? Queue() }
    set { queues[queueSelect] = newValue }
  }

  mutating func note(_ access: FaultAccess, _ value: UInt64) {
    switch access.region {
    case .bar(4): noteModern(access, value)
    case .bar(0): noteLegacy(access, value)
    default: break
    }
  }

  private mutating func noteModern(_ access: FaultAccess, _ value: UInt64) {
    switch access {
    case .modern(CommonRegister.deviceStatus.offset, 1):
      status = UInt8(truncatingIfNeeded: value)
      if value == 0 { self = ProgrammedState() }
    case .modern(CommonRegister.driverFeatureSelect.offset, 4): featureSelect = value
    case .modern(CommonRegister.driverFeature.offset, 4) where featureSelect < 2:
      let shift = 32 * featureSelect
      features = features & ~(0xffff_ffff << shift) | (value << shift)
    case .modern(CommonRegister.queueSelect.offset, 2): queueSelect = Int(value)
    case .modern(CommonRegister.queueSize.offset, 2): queue.size = Int(value)
    case .modern(CommonRegister.queueVector.offset, 2): queue.vector = UInt16(truncatingIfNeeded: value)
    case .modern(CommonRegister.queueEnable.offset, 2): if value == 1 { queue.enable() }
    case .modern(CommonRegister.queueReset.offset, 2): queue.isEnabled = false
    default:
      noteHalf(access, .queueDescriptorArea, \.descriptorArea, value)
      noteHalf(access, .queueDriverArea, \.driverArea, value)
      noteHalf(access, .queueDeviceArea, \.deviceArea, value)
    }
  }

  private mutating func noteHalf(
    _ access: FaultAccess, _ register: CommonRegister, _ area: WritableKeyPath<Queue, UInt64>, _ value: UInt64
  ) {
    if access == .modern(register.offset, 4) {
      queue[keyPath: area] = queue[keyPath: area] & ~0xffff_ffff | value
    } else if access == .modern(register.offset + 4, 4) {
      queue[keyPath: area] = queue[keyPath: area] & 0xffff_ffff | value << 32
    }
  }

  private mutating func noteLegacy(_ access: FaultAccess, _ value: UInt64) {
    switch access {
    case .legacy(LegacyRegister.deviceStatus.offset, 1):
      status = UInt8(truncatingIfNeeded: value)
      if value == 0 { self = ProgrammedState() }
    case .legacy(LegacyRegister.driverFeatures.offset, 4): features = value
    case .legacy(LegacyRegister.queueSelect.offset, 2): queueSelect = Int(value)
    case .legacy(LegacyRegister.queueSize.offset, 2): queue.size = Int(value)
    case .legacy(LegacyRegister.queueAddress.offset, 4): queue.placeLegacy(page: value)
    default: break
    }
  }
}
