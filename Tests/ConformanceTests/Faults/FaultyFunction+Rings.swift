import GuestDriver

/// A chain that the driver made available, as it lies in guest memory.
struct OfferedChain {
  /// A descriptor that says where a buffer is.
  struct Entry {
    /// Where the descriptor itself is.
    var place: UInt64
    var address: UInt64
    var length: Int
    var isWritable: Bool
  }

  let queue: Int
  /// The head of a split chain, the place in the ring of a packed one.
  let head: Int
  /// Without the one that refers to an indirect table.
  var entries: [Entry] = []
  /// Where the descriptor is that refers to an indirect table.
  var tableEntry: UInt64?
  /// Descriptors in the ring itself.
  var ringCount = 0
  let ram: GuestRAMImage

  private func extents(isWritable: Bool) -> [Entry] { entries.filter { $0.isWritable == isWritable } }

  private func bytes(_ extents: [Entry]) -> [UInt8] {
    extents.flatMap { ram.read($0.address, count: $0.length) }
  }

  private func write(_ bytes: [UInt8], _ extents: [Entry]) {
    var rest = bytes[...]
    for extent in extents {
      ram.write(Array(rest.prefix(extent.length)), at: extent.address)
      rest = rest.dropFirst(extent.length)
    }
  }

  /// What the device reads.
  var request: [UInt8] {
    get { bytes(extents(isWritable: false)) }
    nonmutating set { write(newValue, extents(isWritable: false)) }
  }

  /// What the device writes.
  var response: [UInt8] {
    get { bytes(extents(isWritable: true)) }
    nonmutating set { write(newValue, extents(isWritable: true)) }
  }
}

/// A buffer that the device has used.
struct UsedBuffer {
  let queue: Int
  /// What was offered, if it can be told.
  let chain: OfferedChain?
  /// Where the used element or the used descriptor is.
  let place: UInt64
  /// Where the available ring or the driver's event structure is.
  let driverArea: UInt64
  /// Where the used index or, in a packed ring, the device's event structure is.
  let deviceArea: UInt64
  let isPacked: Bool
  let ram: GuestRAMImage

  /// The head or the buffer id.
  var name: UInt64 {
    get { isPacked ? ram.load(place + 12, width: 2) : ram.load(place, width: 4) }
    nonmutating set {
      if isPacked {
        ram.store(newValue, width: 2, at: place + 12)
      } else {
        ram.store(newValue, width: 4, at: place)
      }
    }
  }

  var length: UInt64 {
    get { ram.load(place + (isPacked ? 8 : 4), width: 4) }
    nonmutating set { ram.store(newValue, width: 4, at: place + (isPacked ? 8 : 4)) }
  }

  /// Of a packed ring's descriptor.
  var flags: UInt16 {
    get { UInt16(ram.load(place + 14, width: 2)) }
    nonmutating set { ram.store(UInt64(newValue), width: 2, at: place + 14) }
  }

  /// Of a split ring.
  var usedIndex: UInt16 {
    get { ram.loadAcquire16(deviceArea + 2) }
    nonmutating set { ram.storeRelease16(deviceArea + 2, newValue) }
  }
}

extension FaultyFunction {
  private var hasRingEffects: Bool {
    effects.contains {
      switch $0 {
      case .offered, .used: true
      default: false
      }
    }
  }

  /// Lets the effects change what the driver has made available since the last doorbell.
  func changeOffered() {
    guard hasRingEffects, let ram else { return }
    for number in driver.queues.keys.sorted() {
      while var chain = nextOffered(number, ram) {
        for case .offered(let change) in effects { change(self, &chain) }
        driver.queues[number]?.outstanding.append(chain)
      }
    }
  }

  /// Does `work`, and lets the effects change what the device has used in it.
  func changeUsed(in work: () -> Void) {
    guard hasRingEffects, let ram else { return work() }
    let before = driver.queues.mapValues { usedIndex($0, ram) }
    work()
    for number in driver.queues.keys.sorted() {
      // An index that an effect has changed stands there until the device writes its own again.
      guard driver.isPacked || driver.queues[number].map({ usedIndex($0, ram) }) != before[number] else {
        continue
      }
      var buffers: [UsedBuffer] = []
      while let buffer = nextUsed(number, ram) { buffers.append(buffer) }
      for buffer in buffers {
        for case .used(let change) in effects { change(self, buffer) }
      }
    }
  }

  private func usedIndex(_ queue: ProgrammedState.Queue, _ ram: GuestRAMImage) -> UInt16? {
    queue.isEnabled ? ram.loadAcquire16(queue.deviceArea + 2) : nil
  }

  private func nextOffered(_ number: Int, _ ram: GuestRAMImage) -> OfferedChain? {
    guard var queue = driver.queues[number], queue.isEnabled, queue.size > 0 else { return nil }
    defer { driver.queues[number] = queue }
    guard driver.isPacked else {
      guard ram.loadAcquire16(queue.driverArea + 2) != UInt16(truncatingIfNeeded: queue.nextOffered)
      else { return nil }
      let slot = queue.nextOffered % queue.size
      queue.nextOffered = (queue.nextOffered + 1) & 0xffff
      let head = Int(ram.load(queue.driverArea + 4 + UInt64(2 * slot), width: 2))
      return splitChain(number, head, queue, ram)
    }
    let flags = UInt16(ram.load(queue.descriptor(queue.nextOffered) + 14, width: 2))
    let isAvailable = flags & PackedDescriptor.available != 0, isUsed = flags & PackedDescriptor.used != 0
    guard isAvailable == queue.offeredWrap, isUsed != queue.offeredWrap else { return nil }
    let chain = packedChain(number, queue.nextOffered, queue, ram)
    queue.nextOffered += chain.ringCount
    if queue.nextOffered >= queue.size {
      queue.nextOffered -= queue.size
      queue.offeredWrap.toggle()
    }
    return chain
  }

  private func nextUsed(_ number: Int, _ ram: GuestRAMImage) -> UsedBuffer? {
    guard var queue = driver.queues[number], queue.isEnabled, queue.size > 0 else { return nil }
    defer { driver.queues[number] = queue }
    guard driver.isPacked else {
      guard ram.loadAcquire16(queue.deviceArea + 2) != UInt16(truncatingIfNeeded: queue.nextUsed) else {
        return nil
      }
      let place = queue.deviceArea + 4 + UInt64(8 * (queue.nextUsed % queue.size))
      queue.nextUsed = (queue.nextUsed + 1) & 0xffff
      let head = Int(ram.load(place, width: 4))
      let index = queue.outstanding.firstIndex { $0.head == head }
      return UsedBuffer(
        queue: number, chain: index.map { queue.outstanding.remove(at: $0) }, place: place,
        driverArea: queue.driverArea, deviceArea: queue.deviceArea, isPacked: false, ram: ram)
    }
    // The device works in order, so the oldest list's own first descriptor is the next that is used.
    guard let chain = queue.outstanding.first else { return nil }
    let place = queue.descriptor(chain.head), flags = UInt16(ram.load(place + 14, width: 2))
    let isAvailable = flags & PackedDescriptor.available != 0, isUsed = flags & PackedDescriptor.used != 0
    guard isAvailable == isUsed else { return nil }
    queue.outstanding.removeFirst()
    return UsedBuffer(
      queue: number, chain: chain, place: place, driverArea: queue.driverArea, deviceArea: queue.deviceArea,
      isPacked: true, ram: ram)
  }

  private func splitChain(
    _ number: Int, _ head: Int, _ queue: ProgrammedState.Queue, _ ram: GuestRAMImage
  ) -> OfferedChain {
    var chain = OfferedChain(queue: number, head: head, ram: ram)
    var table = queue.descriptorArea, count = queue.size, index = head
    for _ in 0..<65536 where index < count {
      let place = table + UInt64(16 * index)
      guard ram.block(at: place) != nil else { return chain }
      if table == queue.descriptorArea { chain.ringCount += 1 }
      let flags = UInt16(ram.load(place + 12, width: 2))
      let address = ram.load(place, width: 8), length = Int(ram.load(place + 8, width: 4))
      if flags & RingDescriptor.indirect != 0, chain.tableEntry == nil {
        chain.tableEntry = place
        (table, count, index) = (address, length / 16, 0)
        continue
      }
      chain.entries.append(
        .init(place: place, address: address, length: length, isWritable: flags & RingDescriptor.write != 0))
      guard flags & RingDescriptor.next != 0 else { break }
      index = Int(ram.load(place + 14, width: 2))
    }
    return chain
  }

  private func packedChain(
    _ number: Int, _ first: Int, _ queue: ProgrammedState.Queue, _ ram: GuestRAMImage
  ) -> OfferedChain {
    var chain = OfferedChain(queue: number, head: first, ram: ram)
    func add(_ place: UInt64) -> UInt16 {
      let flags = UInt16(ram.load(place + 14, width: 2))
      let address = ram.load(place, width: 8), length = Int(ram.load(place + 8, width: 4))
      if flags & RingDescriptor.indirect != 0, chain.tableEntry == nil {
        chain.tableEntry = place
        for entry in 0..<length / 16 { _ = add(address + UInt64(16 * entry)) }
      } else {
        chain.entries.append(
          .init(place: place, address: address, length: length, isWritable: flags & RingDescriptor.write != 0)
        )
      }
      return flags
    }
    while chain.ringCount < queue.size {
      let flags = add(queue.descriptor((first + chain.ringCount) % queue.size))
      chain.ringCount += 1
      guard flags & RingDescriptor.next != 0 else { break }
    }
    return chain
  }
}
