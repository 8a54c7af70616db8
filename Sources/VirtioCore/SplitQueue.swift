import GuestRAM

/// A split virtqueue in guest memory (virtio 1.4 §2.7): descriptor table, available ring, used ring.
///
/// Every field is read once into a private copy, and every descriptor is checked before it is followed. What the
/// guest changes meanwhile changes what is drawn, never what is checked.
final class SplitQueue: Ring {
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
  /// Chains taken and not yet completed.
  private var inFlight = 0
  private var table = IndirectTable(.split)

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
  }

  /// Translates the areas again if the map has changed.
  private func refresh(in access: borrowing GuestAccess) throws(RingFault) {
    if areas.generation != access.generation { areas = try Areas(layout, in: access) }
  }

  func next(
    into pieces: inout ChainPieces, in access: borrowing GuestAccess
  ) throws(RingFault) -> TakenChain? {
    try refresh(in: access)
    let available = areas.availableIndex.loadAcquiring(in: access)
    let waiting = available &- nextAvailable
    guard waiting > 0 else { return nil }
    // More in flight than the queue has descriptors cannot be honest (§2.7.6, CVE-2016-5403).
    guard waiting <= size, inFlight < Int(size) else { throw .availableIndex }
    let entry = 4 + 2 * Int(nextAvailable & (size - 1))
    let head = UInt16(littleEndian: areas.available.load(UInt16.self, at: entry, in: access))
    pieces.begin(in: access)
    let count = try follow(head, into: &pieces, in: access)
    nextAvailable &+= 1
    inFlight += 1
    return TakenChain(name: head, descriptorCount: count)
  }

  /// Follows a chain through the descriptor table; at most as many descriptors as the queue has, and says how many.
  private func follow(
    _ head: UInt16, into pieces: inout ChainPieces, in access: borrowing GuestAccess
  ) throws(RingFault) -> Int {
    var index = head
    for count in 1...Int(size) {
      guard index < size else { throw .descriptorIndex }
      let descriptor = Descriptor(split: areas.descriptors, at: Int(index) * Descriptor.size, in: access)
      if descriptor.isIndirect {
        // An indirect descriptor ends its chain, and its WRITE flag says nothing (§2.7.5.3.1, §2.7.5.3.2).
        guard hasIndirect, !descriptor.hasNext else { throw .indirect }
        try followTable(descriptor, into: &pieces, in: access)
        return count
      }
      try pieces.append(descriptor, in: access)
      guard descriptor.hasNext else { return count }
      index = descriptor.link
    }
    throw .chainTooLong
  }

  /// Follows a chain through an indirect table (§2.7.5.3), which is copied first.
  private func followTable(
    _ indirect: Descriptor, into pieces: inout ChainPieces, in access: borrowing GuestAccess
  ) throws(RingFault) {
    try table.copy(indirect, in: access)
    var index = 0
    for _ in 0..<table.entries.count {
      guard index < table.entries.count else { throw .descriptorIndex }
      let descriptor = table.entries[index]
      guard !descriptor.isIndirect else { throw .indirect }
      try pieces.append(descriptor, in: access)
      guard descriptor.hasNext else { return }
      index = Int(descriptor.link)
    }
    throw .chainTooLong
  }

  /// Writes a used element and publishes it (§2.7.8).
  func complete(_ chain: TakenChain, written: UInt32, in access: borrowing GuestAccess) {
    inFlight -= 1
    guard (try? refresh(in: access)) != nil else { return }  // the next `next` reports the fault
    let element = 4 + 8 * Int(nextUsed & (size - 1))
    areas.used.store(UInt32(chain.name).littleEndian, at: element, in: access)
    areas.used.store(written.littleEndian, at: element + 4, in: access)
    nextUsed &+= 1
    areas.usedIndex.storeReleasing(nextUsed, in: access)
  }

  /// See §2.7.7.
  func takeInterruptDecision(in access: borrowing GuestAccess) -> Bool {
    guard nextUsed != decidedUsed, (try? refresh(in: access)) != nil else { return false }
    defer { decidedUsed = nextUsed }
    fullFence()
    if hasEventIndex {
      let event = SharedField(areas.available, at: 4 + 2 * Int(size)).loadRelaxed(in: access)
      return NotificationPolicy.crossed(event, from: decidedUsed, to: nextUsed)
    }
    return areas.availableFlags.loadRelaxed(in: access) & NotificationPolicy.noInterrupt == 0
  }

  func suppressDoorbell(in access: borrowing GuestAccess) {
    guard !hasEventIndex, (try? refresh(in: access)) != nil else { return }  // `next` reports the fault
    areas.usedFlags.storeRelaxed(NotificationPolicy.noNotify, in: access)
  }

  func requestDoorbell(in access: borrowing GuestAccess) throws(RingFault) -> Bool {
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

  func snapshot(in access: borrowing GuestAccess) -> RingSnapshot {
    var snapshot = RingSnapshot(
      format: .split, availableIndex: nextAvailable, usedIndex: nextUsed, inFlight: inFlight,
      hasEventIndex: hasEventIndex)
    guard (try? refresh(in: access)) != nil else { return snapshot }  // `next` reports the fault
    let driverIndex = areas.availableIndex.loadAcquiring(in: access)
    snapshot.driverIndex = driverIndex
    snapshot.hasBuffers = driverIndex != nextAvailable
    if hasEventIndex {
      snapshot.interruptsWanted = .at(
        SharedField(areas.available, at: 4 + 2 * Int(size)).loadRelaxed(in: access))
      snapshot.notificationsWanted = .at(
        SharedField(areas.used, at: 4 + 8 * Int(size)).loadRelaxed(in: access))
    } else {
      let interrupts = areas.availableFlags.loadRelaxed(in: access) & NotificationPolicy.noInterrupt
      snapshot.interruptsWanted = interrupts == 0 ? .always : .never
      let doorbells = areas.usedFlags.loadRelaxed(in: access) & NotificationPolicy.noNotify
      snapshot.notificationsWanted = doorbells == 0 ? .always : .never
    }
    return snapshot
  }
}
