import GuestRAM

/// A split virtqueue in guest memory (virtio 1.4 §2.7): descriptor table, available ring, used ring.
///
/// Every field is read once into a private copy, and every descriptor is checked before it is followed. What the
/// guest changes meanwhile changes what is drawn, never what is checked.
struct SplitQueue {
  private let layout: SplitLayout
  private let size: UInt16
  private let hasEventIndex: Bool
  private let hasIndirect: Bool
  private var areas: Areas
  /// The available index up to which buffers were taken.
  private var nextAvailable: UInt16 = 0
  /// The used index as published.
  private var nextUsed: UInt16 = 0
  /// The used index at the last decision about an interrupt.
  private var decidedUsed: UInt16 = 0
  /// A private copy of the indirect table in hand.
  private var table: [SplitDescriptor] = []
  private var tablePieces: [GuestSlice] = []

  /// The longest indirect table that is followed.
  ///
  /// A chain should not be longer than the queue (§2.7.5.3.1), but Linux makes longer indirect tables on short
  /// queues, and other devices take up to 1024 entries, so this one does.
  static let longestTable = 1024

  /// The most runs of host addresses in one chain: a descriptor has one for each region of guest memory that it
  /// crosses, and a VMM may map thousands.
  static let mostPieces = 8192

  /// The three areas as pieces of guest memory, valid for one generation of the map.
  private struct Areas {
    let descriptors: GuestSlice
    let available: GuestSlice
    let used: GuestSlice
    let generation: UInt64

    init(_ layout: SplitLayout, in access: borrowing GuestAccess) throws(RingFault) {
      do {
        descriptors = try access.window(layout.descriptors, writable: false)
        available = try access.window(layout.available, writable: false)
        used = try access.window(layout.used, writable: true)
      } catch {
        throw .area(error)
      }
      generation = access.generation
    }

    var availableFlags: SharedField { SharedField(available, at: 0) }
    var availableIndex: SharedField { SharedField(available, at: 2) }
    var usedFlags: SharedField { SharedField(used, at: 0) }
    var usedIndex: SharedField { SharedField(used, at: 2) }
  }

  /// A chain that was taken: its head, and how many bytes each way.
  struct Taken {
    let head: UInt16
    var readableCount = 0
    var writableCount = 0
    /// Whether a device-writable descriptor, of any length, was met.
    var hasWritable = false
  }

  /// Takes the ring over as the driver set it up; it must have been seen to be well-formed.
  init(_ setup: QueueSetup, features: FeatureSet, in access: borrowing GuestAccess) throws(RingFault) {
    guard let layout = SplitLayout(setup) else {
      throw .area(.unmapped(GuestAddress(setup.descriptorArea)))
    }
    self.layout = layout
    size = setup.size
    hasEventIndex = features.contains(.eventIndex)
    hasIndirect = features.contains(.indirectDescriptors)
    areas = try Areas(layout, in: access)
    // Room for what a driver usually sends, so that the steady state allocates nothing.
    table.reserveCapacity(64)
    tablePieces.reserveCapacity(4)
  }

  /// Translates the areas again if the map has changed.
  private mutating func refresh(in access: borrowing GuestAccess) throws(RingFault) {
    if areas.generation != access.generation { areas = try Areas(layout, in: access) }
  }

  /// Takes the next available chain and translates its descriptors into `pieces`; nil when there is none.
  mutating func next(
    into pieces: inout ChainPieces, inFlight: Int, in access: borrowing GuestAccess
  ) throws(RingFault) -> Taken? {
    try refresh(in: access)
    let available = areas.availableIndex.loadAcquiring(in: access)
    let waiting = available &- nextAvailable
    guard waiting > 0 else { return nil }
    // More in flight than the queue has descriptors cannot be honest (§2.7.6, CVE-2016-5403).
    guard waiting <= size, inFlight < Int(size) else { throw .availableIndex }
    let entry = 4 + 2 * Int(nextAvailable & (size - 1))
    let head = UInt16(littleEndian: areas.available.load(UInt16.self, at: entry, in: access))
    var taken = Taken(head: head)
    pieces.clear()
    pieces.generation = access.generation
    try follow(head, into: &pieces, &taken, in: access)
    nextAvailable &+= 1
    return taken
  }

  /// Follows a chain through the descriptor table; at most as many descriptors as the queue has.
  private mutating func follow(
    _ head: UInt16, into pieces: inout ChainPieces, _ taken: inout Taken, in access: borrowing GuestAccess
  ) throws(RingFault) {
    var index = head
    for _ in 0..<size {
      guard index < size else { throw .descriptorIndex }
      let descriptor = SplitDescriptor(areas.descriptors, at: Int(index) * 16, in: access)
      if descriptor.isIndirect {
        // An indirect descriptor ends its chain, and its WRITE flag says nothing (§2.7.5.3.1, §2.7.5.3.2).
        guard hasIndirect, !descriptor.hasNext else { throw .indirect }
        return try followTable(descriptor, into: &pieces, &taken, in: access)
      }
      try append(descriptor, to: &pieces, &taken, in: access)
      guard descriptor.hasNext else { return }
      index = descriptor.next
    }
    throw .chainTooLong
  }

  /// Follows a chain through an indirect table (§2.7.5.3), which is copied first.
  private mutating func followTable(
    _ indirect: SplitDescriptor, into pieces: inout ChainPieces, _ taken: inout Taken,
    in access: borrowing GuestAccess
  ) throws(RingFault) {
    let count = Int(indirect.length / 16)
    guard count > 0, indirect.length % 16 == 0 else { throw .indirect }
    guard count <= Self.longestTable else { throw .chainTooLong }
    try copyTable(at: indirect.address, count: count, in: access)
    var index = 0
    for _ in 0..<count {
      guard index < count else { throw .descriptorIndex }
      let descriptor = table[index]
      guard !descriptor.isIndirect else { throw .indirect }
      try append(descriptor, to: &pieces, &taken, in: access)
      guard descriptor.hasNext else { return }
      index = Int(descriptor.next)
    }
    throw .chainTooLong
  }

  /// Copies an indirect table out of guest memory; it may cross regions, but then not within a descriptor.
  private mutating func copyTable(
    at address: UInt64, count: Int, in access: borrowing GuestAccess
  ) throws(RingFault) {
    guard let range = GuestRange(start: GuestAddress(address), count: UInt64(count) * 16) else {
      throw .buffer(.unmapped(GuestAddress(address)))
    }
    tablePieces.removeAll(keepingCapacity: true)
    do {
      try access.translate(range, writable: false, into: &tablePieces)
    } catch {
      throw .buffer(error)
    }
    table.removeAll(keepingCapacity: true)
    for piece in tablePieces {
      // Regions are multiples of 4096 bytes; a table that does not start at a multiple of 16 could still be cut
      // within a descriptor at a region's end. No driver does that.
      guard piece.count % 16 == 0 else { throw .indirect }
      for offset in stride(from: 0, to: piece.count, by: 16) {
        table.append(SplitDescriptor(piece, at: offset, in: access))
      }
    }
  }

  /// Checks one descriptor's direction, size and range, and translates it.
  private func append(
    _ descriptor: SplitDescriptor, to pieces: inout ChainPieces, _ taken: inout Taken,
    in access: borrowing GuestAccess
  ) throws(RingFault) {
    // All device-writable descriptors stand behind all device-readable ones (§2.7.4.2).
    guard descriptor.isWritable || !taken.hasWritable else { throw .order }
    taken.hasWritable = descriptor.isWritable
    guard let range = GuestRange(start: GuestAddress(descriptor.address), count: UInt64(descriptor.length))
    else { throw .buffer(.unmapped(GuestAddress(descriptor.address))) }
    let total = taken.readableCount + taken.writableCount + Int(descriptor.length)  // each at most 2^32
    guard total <= 1 << 32 else { throw .chainTooLarge }
    do {
      if descriptor.isWritable {
        try access.translate(range, writable: true, into: &pieces.writable)
        taken.writableCount += Int(descriptor.length)
      } else {
        try access.translate(range, writable: false, into: &pieces.readable)
        taken.readableCount += Int(descriptor.length)
      }
    } catch {
      throw .buffer(error)
    }
    guard pieces.readable.count + pieces.writable.count <= Self.mostPieces else { throw .chainTooLong }
  }

  /// Writes a used element and publishes it (§2.7.8). Nothing is written when the ring's memory has gone.
  mutating func complete(head: UInt16, written: UInt32, in access: borrowing GuestAccess) {
    guard (try? refresh(in: access)) != nil else { return }  // the next `next` reports the fault
    let element = 4 + 8 * Int(nextUsed & (size - 1))
    areas.used.store(UInt32(head).littleEndian, at: element, in: access)
    areas.used.store(written.littleEndian, at: element + 4, in: access)
    nextUsed &+= 1
    areas.usedIndex.storeReleasing(nextUsed, in: access)
  }

  /// Whether the driver wants an interrupt for what was completed since the last decision (§2.7.7).
  mutating func takeInterruptDecision(in access: borrowing GuestAccess) -> Bool {
    guard nextUsed != decidedUsed, (try? refresh(in: access)) != nil else { return false }
    defer { decidedUsed = nextUsed }
    fullFence()
    if hasEventIndex {
      let event = SharedField(areas.available, at: 4 + 2 * Int(size)).loadRelaxed(in: access)
      return NotificationPolicy.crossed(event, from: decidedUsed, to: nextUsed)
    }
    return areas.availableFlags.loadRelaxed(in: access) & NotificationPolicy.noInterrupt == 0
  }

  mutating func suppressDoorbell(in access: borrowing GuestAccess) {
    guard !hasEventIndex, (try? refresh(in: access)) != nil else { return }  // `next` reports the fault
    areas.usedFlags.storeRelaxed(NotificationPolicy.noNotify, in: access)
  }

  mutating func requestDoorbell(in access: borrowing GuestAccess) throws(RingFault) -> Bool {
    try refresh(in: access)
    if hasEventIndex {
      SharedField(areas.used, at: 4 + 8 * Int(size)).storeRelaxed(nextAvailable, in: access)
    } else {
      areas.usedFlags.storeRelaxed(0, in: access)
    }
    // The driver must see the request before the index is read for the last time (§2.7.10).
    fullFence()
    return areas.availableIndex.loadAcquiring(in: access) != nextAvailable
  }
}

/// One descriptor (virtio 1.4 §2.7.5), a private copy.
struct SplitDescriptor {
  let address: UInt64
  let length: UInt32
  private let flags: UInt16
  let next: UInt16

  init(_ slice: GuestSlice, at offset: Int, in access: borrowing GuestAccess) {
    address = UInt64(littleEndian: slice.load(UInt64.self, at: offset, in: access))
    length = UInt32(littleEndian: slice.load(UInt32.self, at: offset + 8, in: access))
    flags = UInt16(littleEndian: slice.load(UInt16.self, at: offset + 12, in: access))
    next = UInt16(littleEndian: slice.load(UInt16.self, at: offset + 14, in: access))
  }

  /// `VIRTQ_DESC_F_NEXT`
  var hasNext: Bool { flags & 1 != 0 }
  /// `VIRTQ_DESC_F_WRITE`
  var isWritable: Bool { flags & 2 != 0 }
  /// `VIRTQ_DESC_F_INDIRECT`
  var isIndirect: Bool { flags & 4 != 0 }
}
