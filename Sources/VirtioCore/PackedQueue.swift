import GuestRAM

/// A packed virtqueue in guest memory (virtio 1.4 §2.8): one ring of descriptors that driver and device both write,
/// and an event suppression structure for each side.
///
/// Every descriptor is read once into a private copy, its flags first, and checked before it is followed.
final class PackedQueue: Ring {
  private let layout: PackedLayout
  private let size: Int
  private let hasEventIndex: Bool
  private let hasIndirect: Bool
  private var areas: Areas
  /// The descriptor that is looked at for the next chain.
  private var nextAvailable = PackedPosition()
  /// The descriptor that the next used one is written over.
  private var nextUsed = PackedPosition()
  /// Descriptors taken and not yet used; `nextUsed` follows `nextAvailable` at this distance.
  private var inFlight = 0
  /// Descriptors used since the last decision about an interrupt.
  private var undecided = 0
  private var table = IndirectTable(.packed)

  /// The three areas as pieces of guest memory, valid for one generation of the map.
  private struct Areas {
    let descriptors: GuestSlice
    let driverEvents: GuestSlice
    let deviceEvents: GuestSlice
    let generation: UInt64

    init(_ layout: PackedLayout, in access: borrowing GuestAccess) throws(RingFault) {
      do {
        // Used descriptors are written over available ones.
        descriptors = try access.window(layout.descriptors, writable: true)
        driverEvents = try access.window(layout.driverEvents, writable: false)
        deviceEvents = try access.window(layout.deviceEvents, writable: true)
      } catch {
        throw .area(error)
      }
      generation = access.generation
    }

    func flags(_ position: PackedPosition) -> SharedField {
      SharedField(descriptors, at: position.offset * Descriptor.size + 14)
    }
  }

  /// Takes the ring over as the driver set it up; it must have been seen to be well-formed.
  init(_ setup: QueueSetup, features: FeatureSet, in access: borrowing GuestAccess) throws(RingFault) {
    guard let layout = PackedLayout(setup) else {
      throw .area(.unmapped(GuestAddress(setup.descriptorArea)))
    }
    self.layout = layout
    size = Int(setup.size)
    hasEventIndex = features.contains(.eventIndex)
    hasIndirect = features.contains(.indirectDescriptors)
    areas = try Areas(layout, in: access)
  }

  /// Translates the areas again if the map has changed.
  private func refresh(in access: borrowing GuestAccess) throws(RingFault) {
    if areas.generation != access.generation { areas = try Areas(layout, in: access) }
  }

  /// The descriptor at a position if the driver has made it available, else nil.
  private func available(_ position: PackedPosition, in access: borrowing GuestAccess) -> Descriptor? {
    // What stands before the flags was written before them (§2.8.21.1.1).
    let flags = areas.flags(position).loadAcquiring(in: access)
    guard position.isAvailable(flags) else { return nil }
    return Descriptor(
      packed: areas.descriptors, at: position.offset * Descriptor.size, flags: flags, in: access)
  }

  func next(
    into pieces: inout ChainPieces, in access: borrowing GuestAccess
  ) throws(RingFault) -> TakenChain? {
    try refresh(in: access)
    guard let first = available(nextAvailable, in: access) else { return nil }
    pieces.begin(in: access)
    let taken = try follow(first, into: &pieces, in: access)
    nextAvailable.advance(by: taken.descriptorCount, in: size)
    inFlight += taken.descriptorCount
    return taken
  }

  /// Follows a chain along the ring, over its end if need be; at most as many descriptors as are the driver's.
  private func follow(
    _ first: Descriptor, into pieces: inout ChainPieces, in access: borrowing GuestAccess
  ) throws(RingFault) -> TakenChain {
    var descriptor = first
    var position = nextAvailable
    var count = 1
    while true {
      // What is in flight is not the driver's to make available again (§2.8.16).
      guard count <= size - inFlight else { throw .descriptorInUse }
      if descriptor.isIndirect {
        // A list is all of one kind, so an indirect descriptor stands alone (§2.8.5, §2.8.19).
        guard hasIndirect, count == 1, !descriptor.hasNext else { throw .indirect }
        try followTable(descriptor, into: &pieces, in: access)
        break
      }
      try pieces.append(descriptor, in: access)
      guard descriptor.hasNext else { break }
      guard count < size else { throw .chainTooLong }
      position.advance(by: 1, in: size)
      // The first descriptor is made available after all others (§2.8.17), so this one is or never will be.
      guard let following = available(position, in: access) else { throw .unavailable }
      descriptor = following
      count += 1
    }
    // The last descriptor has the buffer's ID (§2.8.6).
    return TakenChain(name: descriptor.link, descriptorCount: count)
  }

  /// Takes every entry of an indirect table, in sequence; of their flags only WRITE counts, and the descriptor that
  /// names the table has none that does (§2.8.7).
  private func followTable(
    _ indirect: Descriptor, into pieces: inout ChainPieces, in access: borrowing GuestAccess
  ) throws(RingFault) {
    try table.copy(indirect, in: access)
    for index in table.entries.indices { try pieces.append(table.entries[index], in: access) }
  }

  /// Writes a used descriptor over the first that is not used yet, flags last, and skips as many as the chain has
  /// (§2.8.2, §2.8.6).
  func complete(_ chain: TakenChain, written: UInt32, in access: borrowing GuestAccess) {
    inFlight -= chain.descriptorCount
    guard (try? refresh(in: access)) != nil else { return }  // the next `next` reports the fault
    let at = nextUsed.offset * Descriptor.size
    areas.descriptors.store(written.littleEndian, at: at + 8, in: access)
    areas.descriptors.store(chain.name.littleEndian, at: at + 12, in: access)
    // WRITE says that anything was written (§2.8.3).
    let flags = nextUsed.usedFlags | (written > 0 ? Descriptor.write : 0)
    areas.flags(nextUsed).storeReleasing(flags, in: access)
    nextUsed.advance(by: chain.descriptorCount, in: size)
    undecided += chain.descriptorCount
  }

  /// See §2.8.10. What the driver may not ask for is taken as asking for everything: an interrupt too many does no harm.
  func takeInterruptDecision(in access: borrowing GuestAccess) -> Bool {
    guard undecided > 0, (try? refresh(in: access)) != nil else { return false }
    defer { undecided = 0 }
    fullFence()
    // The driver writes the position before the flags that make it count.
    let flags = SharedField(areas.driverEvents, at: 2).loadAcquiring(in: access)
    switch flags & NotificationPolicy.eventFlags {
    case NotificationPolicy.disable: return false
    case NotificationPolicy.oneDescriptor where hasEventIndex:
      let event = PackedPosition(encoded: SharedField(areas.driverEvents, at: 0).loadRelaxed(in: access))
      guard event.offset < size else { return true }
      return nextUsed.hasPassed(event, within: undecided, in: size)
    default: return true
    }
  }

  func suppressDoorbell(in access: borrowing GuestAccess) {
    guard (try? refresh(in: access)) != nil else { return }  // `next` reports the fault
    SharedField(areas.deviceEvents, at: 2).storeRelaxed(NotificationPolicy.disable, in: access)
  }

  func requestDoorbell(in access: borrowing GuestAccess) throws(RingFault) -> Bool {
    try refresh(in: access)
    if hasEventIndex {
      SharedField(areas.deviceEvents, at: 0).storeRelaxed(nextAvailable.encoded, in: access)
      SharedField(areas.deviceEvents, at: 2).storeReleasing(NotificationPolicy.oneDescriptor, in: access)
    } else {
      SharedField(areas.deviceEvents, at: 2).storeRelaxed(NotificationPolicy.enable, in: access)
    }
    // The driver must see the request before the descriptor is looked at for the last time (§2.8.21.3.1).
    fullFence()
    return nextAvailable.isAvailable(areas.flags(nextAvailable).loadAcquiring(in: access))
  }

  func snapshot(in access: borrowing GuestAccess) -> RingSnapshot {
    var snapshot = RingSnapshot(
      format: .packed, availableIndex: nextAvailable.index, usedIndex: nextUsed.index, inFlight: inFlight,
      hasEventIndex: hasEventIndex)
    snapshot.availableWrap = nextAvailable.wrap
    snapshot.usedWrap = nextUsed.wrap
    guard (try? refresh(in: access)) != nil else { return snapshot }  // `next` reports the fault
    snapshot.hasBuffers = nextAvailable.isAvailable(areas.flags(nextAvailable).loadAcquiring(in: access))
    snapshot.interruptsWanted = request(areas.driverEvents, in: access)
    snapshot.notificationsWanted = request(areas.deviceEvents, in: access)
    return snapshot
  }

  /// What an event suppression structure asks for (§2.8.14).
  private func request(_ events: GuestSlice, in access: borrowing GuestAccess) -> RingSnapshot.Request {
    switch SharedField(events, at: 2).loadAcquiring(in: access) & NotificationPolicy.eventFlags {
    case NotificationPolicy.disable: .never
    case NotificationPolicy.oneDescriptor where hasEventIndex:
      .at(PackedPosition(encoded: SharedField(events, at: 0).loadRelaxed(in: access)).index)
    default: .always
    }
  }
}
