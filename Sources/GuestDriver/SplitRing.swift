/// A descriptor of the split virtqueue (virtio 1.4 §2.7.5), any bits whatever.
package struct RingDescriptor: Hashable, Sendable {
  package static let size = 16
  /// VIRTQ_DESC_F_NEXT
  package static let next: UInt16 = 1
  /// VIRTQ_DESC_F_WRITE
  package static let write: UInt16 = 2
  /// VIRTQ_DESC_F_INDIRECT
  package static let indirect: UInt16 = 4

  package var address: UInt64
  /// In bytes.
  package var length: UInt32
  package var flags: UInt16
  package var nextIndex: UInt16

  package init(address: UInt64, length: UInt32, flags: UInt16 = 0, nextIndex: UInt16 = 0) {
    self.address = address
    self.length = length
    self.flags = flags
    self.nextIndex = nextIndex
  }

  /// The 16 bytes of a table entry.
  package var encoded: [UInt8] {
    var bytes: [UInt8] = []
    bytes.append64(address)
    bytes.append32(length)
    bytes.append16(flags)
    bytes.append16(nextIndex)
    return bytes
  }
}

/// The driver's side of one split virtqueue (virtio 1.4 §2.7).
///
/// `offer` keeps the rules; everything below it writes single fields, for whoever wants to break them.
package final class SplitRing: DriverRing {
  /// The queue's number in the device.
  package let queue: UInt16
  package let size: Int
  package let places: RingPlaces
  /// VIRTIO_F_EVENT_IDX was negotiated.
  package let usesEventIndex: Bool
  package let ram: GuestRAMImage

  /// Where the next chain's head goes; free-running.
  package private(set) var availableIndex: UInt16 = 0
  /// The first used element not yet taken; free-running.
  package private(set) var seenUsedIndex: UInt16 = 0
  /// The last one is taken next.
  private var freeDescriptors: [UInt16]
  private var descriptorsOfHead: [UInt16: [UInt16]] = [:]
  private var ordered: OrderedBuffers?
  private var wantsInterrupts = true

  package init(
    queue: UInt16, size: Int, places: RingPlaces, usesEventIndex: Bool, usesInOrder: Bool = false,
    ram: GuestRAMImage
  ) {
    self.queue = queue
    self.size = size
    self.places = places
    self.usesEventIndex = usesEventIndex
    self.ram = ram
    ordered = usesInOrder ? OrderedBuffers() : nil
    freeDescriptors = (0..<UInt16(size)).reversed()
    let counts = RingPlaces.byteCounts(size: size)
    ram.fill(places.descriptorTable, count: counts.descriptorTable, with: 0)
    ram.fill(places.available, count: counts.available, with: 0)
    ram.fill(places.used, count: counts.used, with: 0)
  }

  /// Descriptors that no chain uses.
  package var freeDescriptorCount: Int { freeDescriptors.count }

  // MARK: Keeping the rules

  /// Links descriptors into a chain, sets the NEXT flags and indices, and returns its head.
  ///
  /// Flags given are kept; the chain is not yet available to the device.
  package func link(_ chain: [RingDescriptor]) throws -> UInt16 {
    guard !chain.isEmpty, chain.count <= freeDescriptors.count else { throw DriverError.outOfMemory }
    let indices = (0..<chain.count).map { _ in freeDescriptors.removeLast() }
    for (position, index) in indices.enumerated() {
      var descriptor = chain[position]
      if position + 1 < indices.count {
        descriptor.flags |= RingDescriptor.next
        descriptor.nextIndex = indices[position + 1]
      }
      setDescriptor(index, descriptor)
    }
    descriptorsOfHead[indices[0]] = indices
    ordered?.add(indices[0], chain)
    return indices[0]
  }

  /// Makes a chain available: the ring entry first, then the index (§2.7.13).
  package func publish(head: UInt16) {
    setAvailableEntry(Int(availableIndex) % size, head)
    setAvailableIndex(availableIndex &+ 1)
  }

  /// Links and publishes a chain; returns its head.
  package func offer(_ chain: [RingDescriptor]) throws -> UInt16 {
    let head = try link(chain)
    publish(head: head)
    return head
  }

  /// Whether the device wants to be told of what was published since `old` (§2.7.10).
  package func wantsKick(since old: UInt16) -> Bool {
    RAMBlock.fullFence()
    guard usesEventIndex else { return usedFlags & 1 == 0 }
    return availableIndex &- availableEvent &- 1 < availableIndex &- old
  }

  package var notificationData: UInt16 { availableIndex }

  package var hasUsed: Bool { usedIndex != seenUsedIndex }

  package func takeUsed() throws -> UsedElement? {
    let element = ordered != nil ? try ordered?.next { try readUsed() } : try readUsed()
    guard let element else { return nil }
    seenUsedIndex &+= 1
    if let head = UInt16(exactly: element.head), let descriptors = descriptorsOfHead.removeValue(forKey: head)
    {
      // With IN_ORDER the table is used from its start to its end and round again (§2.7.5).
      freeDescriptors.insert(
        contentsOf: descriptors.reversed(), at: ordered != nil ? 0 : freeDescriptors.count)
    }
    if usesEventIndex && wantsInterrupts { setUsedEvent(seenUsedIndex) }
    return element
  }

  /// The used element at `seenUsedIndex`, if the device has put one there.
  private func readUsed() throws -> UsedElement? {
    guard usedIndex != seenUsedIndex else { return nil }
    guard usedIndex &- seenUsedIndex <= UInt16(size) else {
      throw DriverError.deviceFault("used.idx ran ahead: \(usedIndex) after \(seenUsedIndex)")
    }
    return usedElement(Int(seenUsedIndex) % size)
  }

  package func suppressInterrupts() {
    wantsInterrupts = false
    // With event indices the flags stay 0 (§2.7.7.1), and an index just passed is the furthest away.
    if usesEventIndex { setUsedEvent(seenUsedIndex &- 1) } else { setAvailableFlags(1) }
  }

  package func requestInterrupts() {
    wantsInterrupts = true
    if usesEventIndex { setUsedEvent(seenUsedIndex) } else { setAvailableFlags(0) }
    RAMBlock.fullFence()
  }

  // MARK: Single fields

  /// Writes an entry of the descriptor table.
  package func setDescriptor(_ index: UInt16, _ descriptor: RingDescriptor) {
    ram.write(descriptor.encoded, at: places.descriptorTable + UInt64(index) * UInt64(RingDescriptor.size))
  }

  /// Writes an entry of the available ring.
  package func setAvailableEntry(_ slot: Int, _ head: UInt16) {
    ram.store(UInt64(head), width: 2, at: places.available + 4 + 2 * UInt64(slot))
  }

  /// Writes `avail.idx`, whatever it was, after everything written before.
  package func setAvailableIndex(_ index: UInt16) {
    availableIndex = index
    ram.storeRelease16(places.available + 2, index)
  }

  /// Writes `avail.flags`; 1 asks for no interrupts (§2.7.7).
  package func setAvailableFlags(_ flags: UInt16) { ram.store(UInt64(flags), width: 2, at: places.available) }

  /// Writes `avail.used_event` (§2.7.7).
  package func setUsedEvent(_ index: UInt16) {
    ram.store(UInt64(index), width: 2, at: places.available + 4 + 2 * UInt64(size))
  }

  package var usedFlags: UInt16 { UInt16(ram.load(places.used, width: 2)) }

  package var usedIndex: UInt16 { ram.loadAcquire16(places.used + 2) }

  /// Reads an element of the used ring.
  package func usedElement(_ slot: Int) -> UsedElement {
    let at = places.used + 4 + 8 * UInt64(slot)
    return UsedElement(
      head: UInt32(ram.load(at, width: 4)), length: UInt32(ram.load(at + 4, width: 4)))
  }

  /// Reads `used.avail_event` (§2.7.10).
  package var availableEvent: UInt16 {
    UInt16(ram.load(places.used + 4 + 8 * UInt64(size), width: 2))
  }
}
