/// A descriptor of the packed virtqueue (virtio 1.4 §2.8.13), any bits whatever.
package struct PackedDescriptor: Hashable, Sendable {
  package static let size = 16
  /// VIRTQ_DESC_F_AVAIL
  package static let available: UInt16 = 1 << 7
  /// VIRTQ_DESC_F_USED
  package static let used: UInt16 = 1 << 15

  package var address: UInt64
  /// In bytes.
  package var length: UInt32
  /// The buffer ID.
  package var id: UInt16
  /// NEXT, WRITE and INDIRECT are those of `RingDescriptor`.
  package var flags: UInt16

  package init(address: UInt64, length: UInt32, id: UInt16 = 0, flags: UInt16 = 0) {
    self.address = address
    self.length = length
    self.id = id
    self.flags = flags
  }

  /// The 16 bytes in the ring.
  package var encoded: [UInt8] {
    var bytes: [UInt8] = []
    bytes.append64(address)
    bytes.append32(length)
    bytes.append16(id)
    bytes.append16(flags)
    return bytes
  }
}

/// The driver's side of one packed virtqueue (virtio 1.4 §2.8).
///
/// `offer` keeps the rules; everything below it writes single fields, for whoever wants to break them.
package final class PackedRing: DriverRing {
  /// Values of an event suppression structure's flags (§2.8.10).
  package enum EventFlags {
    package static let enable: UInt16 = 0
    package static let disable: UInt16 = 1
    /// For one descriptor, with EVENT_IDX only.
    package static let descriptor: UInt16 = 2
  }

  /// A place in the ring and the wrap counter there (§2.8.1).
  package struct Position: Hashable, Sendable {
    package var offset = 0
    package var wrap = true

    package init(offset: Int = 0, wrap: Bool = true) {
      self.offset = offset
      self.wrap = wrap
    }

    /// The 15 bits of an offset with the wrap counter above them (§2.8.14, §2.9).
    package var encoded: UInt16 { UInt16(truncatingIfNeeded: offset) & 0x7fff | (wrap ? 0x8000 : 0) }

    /// Goes on by at most a ring's length.
    package mutating func advance(by count: Int, in size: Int) {
      offset += count
      if offset >= size {
        offset -= size
        wrap.toggle()
      }
    }
  }

  package let queue: UInt16
  package let size: Int
  package let places: RingPlaces
  /// VIRTIO_F_EVENT_IDX was negotiated.
  package let usesEventIndex: Bool
  package let ram: GuestRAMImage

  /// Where the next descriptor goes; whoever writes descriptors by hand may set it.
  package var nextAvailable = Position()
  /// Where the next used descriptor is looked for.
  package private(set) var nextUsed = Position()
  package private(set) var availableIndex: UInt16 = 0
  package private(set) var freeDescriptorCount: Int
  private var freeIDs: [UInt16]
  private var countOfID: [UInt16: Int] = [:]
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
    freeDescriptorCount = size
    freeIDs = (0..<size).reversed().map { UInt16($0) }
    let counts = RingPlaces.packedByteCounts(size: size)
    ram.fill(places.descriptorTable, count: counts.descriptorTable, with: 0)
    ram.fill(places.available, count: counts.available, with: 0)
    ram.fill(places.used, count: counts.used, with: 0)
  }

  // MARK: Keeping the rules

  /// A chain whose descriptors are all written, but for the flags of the first.
  package struct PlacedChain: Hashable, Sendable {
    package var id: UInt16
    package var first: Int
    package var flagsOfFirst: UInt16
  }

  /// Writes a chain into the ring with its first descriptor not yet available (§2.8.21.1).
  package func place(_ chain: [RingDescriptor]) throws -> PlacedChain {
    guard !chain.isEmpty, chain.count <= freeDescriptorCount, let id = freeIDs.popLast() else {
      throw DriverError.outOfMemory
    }
    var placed = PlacedChain(id: id, first: nextAvailable.offset, flagsOfFirst: 0)
    for (index, part) in chain.enumerated() {
      let isLast = index == chain.count - 1
      var flags = part.flags | (isLast ? 0 : RingDescriptor.next)
      flags |= nextAvailable.wrap ? PackedDescriptor.available : PackedDescriptor.used
      let descriptor = PackedDescriptor(address: part.address, length: part.length, id: id, flags: flags)
      if index == 0 {
        placed.flagsOfFirst = flags
        setDescriptorExceptFlags(nextAvailable.offset, descriptor)
      } else {
        setDescriptor(nextAvailable.offset, descriptor)
      }
      nextAvailable.advance(by: 1, in: size)
    }
    freeDescriptorCount -= chain.count
    countOfID[id] = chain.count
    ordered?.add(id, chain)
    return placed
  }

  /// Makes a chain available, after everything written before (§2.8.21.1.1).
  package func publish(_ placed: PlacedChain) {
    setFlags(placed.first, placed.flagsOfFirst)
    availableIndex &+= UInt16(truncatingIfNeeded: countOfID[placed.id] ?? 0)
  }

  package func offer(_ chain: [RingDescriptor]) throws -> UInt16 {
    let placed = try place(chain)
    publish(placed)
    return placed.id
  }

  package var notificationData: UInt16 { nextAvailable.encoded }

  package var hasUsed: Bool { usedFlagsAreSet(at: nextUsed) && !countOfID.isEmpty }

  package func wantsKick(since old: UInt16) -> Bool {
    RAMBlock.fullFence()
    let (flags, place) = deviceEvents
    switch flags & 3 {
    case EventFlags.disable: return false
    case EventFlags.descriptor where usesEventIndex:
      // How far behind the next position the descriptor lies; in the other round, one ring further.
      var behind = nextAvailable.offset - Int(place & 0x7fff)
      if (place & 0x8000 != 0) != nextAvailable.wrap { behind += size }
      return behind > 0 && behind <= Int(availableIndex &- old)
    default: return true
    }
  }

  package func takeUsed() throws -> UsedElement? {
    let element =
      ordered != nil ? try ordered?.next { try readUsed() } : try readUsed()
    guard let element else { return nil }
    guard let id = UInt16(exactly: element.head), let count = countOfID.removeValue(forKey: id) else {
      throw DriverError.deviceFault("used buffer \(element.head) is not outstanding")
    }
    nextUsed.advance(by: count, in: size)
    freeDescriptorCount += count
    freeIDs.append(id)
    if wantsInterrupts && usesEventIndex { requestInterrupts() }
    return element
  }

  /// The used descriptor at `nextUsed`, if the device has written one there (§2.8.22).
  private func readUsed() throws -> UsedElement? {
    guard hasUsed else { return nil }
    let used = descriptor(nextUsed.offset)
    return UsedElement(head: UInt32(used.id), length: used.length)
  }

  /// Whether both flags of a descriptor are as a used one has them in this round (§2.8.1).
  private func usedFlagsAreSet(at position: Position) -> Bool {
    let flags = ram.loadAcquire16(address(position.offset) + 14)
    return (flags & PackedDescriptor.available != 0) == position.wrap
      && (flags & PackedDescriptor.used != 0) == position.wrap
  }

  package func suppressInterrupts() {
    wantsInterrupts = false
    setDriverEvents(EventFlags.disable, nextUsed.encoded)
  }

  package func requestInterrupts() {
    wantsInterrupts = true
    setDriverEvents(usesEventIndex ? EventFlags.descriptor : EventFlags.enable, nextUsed.encoded)
    RAMBlock.fullFence()
  }

  // MARK: Single fields

  /// Where a descriptor lies.
  package func address(_ index: Int) -> UInt64 {
    places.descriptorTable + UInt64(index) * UInt64(PackedDescriptor.size)
  }

  /// Writes a descriptor, its flags last and in order.
  package func setDescriptor(_ index: Int, _ descriptor: PackedDescriptor) {
    setDescriptorExceptFlags(index, descriptor)
    setFlags(index, descriptor.flags)
  }

  /// Writes a descriptor but for its flags.
  package func setDescriptorExceptFlags(_ index: Int, _ descriptor: PackedDescriptor) {
    ram.write(Array(descriptor.encoded.prefix(14)), at: address(index))
  }

  /// Writes a descriptor's flags, after everything written before.
  package func setFlags(_ index: Int, _ flags: UInt16) { ram.storeRelease16(address(index) + 14, flags) }

  /// Reads a descriptor.
  package func descriptor(_ index: Int) -> PackedDescriptor {
    let bytes = ram.read(address(index), count: PackedDescriptor.size)
    return PackedDescriptor(
      address: bytes.field64(at: 0), length: bytes.field32(at: 8), id: bytes.field16(at: 12),
      flags: bytes.field16(at: 14))
  }

  /// Writes the driver event suppression structure: the place, then the flags that make it count (§2.8.14).
  package func setDriverEvents(_ flags: UInt16, _ place: UInt16 = 0) {
    ram.store(UInt64(place), width: 2, at: places.available)
    ram.storeRelease16(places.available + 2, flags)
  }

  /// Reads the device event suppression structure.
  package var deviceEvents: (flags: UInt16, place: UInt16) {
    let flags = ram.loadAcquire16(places.used + 2)
    return (flags, UInt16(truncatingIfNeeded: ram.load(places.used, width: 2)))
  }
}
