import GuestRAM
import Synchronization

/// A queue at work: takes the driver's buffers and gives them back. Confined to the device's thread.
///
/// Between two calls the map of guest memory may change; what was translated before is then translated again.
package final class Virtqueue {
  /// The queue's number.
  package let index: Int
  /// What the driver accepted: a device has to refuse requests of features that it did not.
  package let features: FeatureSet
  private(set) var vector: UInt16
  private let ring: any Ring
  private var slots: [Slot] = []
  private var freeSlots: [Int] = []
  /// With IN_ORDER, the slots of the buffers taken and not yet given back; else unused.
  private var line: SlotLine?
  /// Entries of the ring.
  let size: UInt16
  /// Resets carried out before the queue was set up; a later forced one makes completions void.
  private let era: UInt64
  private let resets: HostResets
  private var isDetached = false
  /// A buffer that is done and that the driver is to have later; while there is one, no other is taken.
  private var held: Held?
  /// Since the queue was enabled.
  private var counts = Counts()

  private struct Counts {
    var buffers: UInt64 = 0
    var notifications: UInt64 = 0
    var interrupts: UInt64 = 0
  }

  /// What a buffer needs while the device has it; used again for another.
  private struct Slot {
    var pieces = ChainPieces()
    var taken = TakenChain(name: 0, descriptorCount: 0)
    /// Set once the device has completed the buffer, when its turn has not come yet.
    var written: UInt32?
  }

  private struct Held {
    let slot: Int
    let written: UInt32
    let until: ContinuousClock.Instant
  }

  /// The last reset after which no ring may be touched, among all resets: the host's, or a legacy driver's.
  package final class HostResets: Sendable {
    let forced = Atomic<UInt64>(0)

    package init() {}
  }

  /// Takes over a queue that was seen to be well-formed, with the ring format that the driver accepted.
  package init(
    index: Int, setup: QueueSetup, features: FeatureSet, era: UInt64, resets: HostResets,
    in access: borrowing GuestAccess
  ) throws(RingFault) {
    self.index = index
    self.features = features
    vector = setup.vector
    self.resets = resets
    self.era = era
    size = setup.size
    if features.contains(.ringPacked) {
      ring = try PackedQueue(setup, features: features, in: access)
    } else {
      ring = try SplitQueue(setup, features: features, in: access)
    }
    if features.contains(.inOrder) { line = SlotLine(capacity: Int(size)) }
  }

  func update(_ setup: QueueSetup) { vector = setup.vector }

  /// The driver has reset the queue (virtio 1.4 §2.6.1): from now on the ring is not touched, and what is in flight can
  /// only be completed into nothing.
  package func detach() { isDetached = true }

  /// Whether the ring is still the device's to write.
  private var isAttached: Bool { !isDetached && resets.forced.load(ordering: .acquiring) <= era }

  /// The next buffer, or nil when the driver has made none available.
  package func next(in access: borrowing GuestAccess) throws(RingFault) -> DescriptorChain? {
    guard !isDetached, held == nil else { return nil }
    let slot: Int
    if let free = freeSlots.popLast() {
      slot = free
    } else {
      slot = slots.count
      slots.append(Slot())
    }
    var taken: TakenChain?
    do {
      taken = try ring.next(into: &slots[slot].pieces, in: access)
    } catch {
      freeSlots.append(slot)
      throw error
    }
    guard let taken else {
      freeSlots.append(slot)
      return nil
    }
    slots[slot].taken = taken
    counts.buffers &+= 1
    line?.append(slot)
    return DescriptorChain(slot: slot, taken: taken, pieces: slots[slot].pieces)
  }

  /// Copies from the chain's device-readable part, from byte `offset`; as much as there is, and says how much.
  ///
  /// 0 when the memory was unmapped since the chain was taken.
  package func read(
    _ chain: borrowing DescriptorChain, at offset: Int, into destination: inout MutableRawSpan,
    in access: borrowing GuestAccess
  ) -> Int {
    guard slots[chain.slot].pieces.generation == access.generation else { return 0 }
    var skip = offset
    var done = 0
    for piece in slots[chain.slot].pieces.readable {
      if skip >= piece.count {
        skip -= piece.count
        continue
      }
      let count = min(piece.count - skip, destination.byteCount - done)
      guard count > 0 else { break }
      var part = destination._mutatingExtracting(done..<done + count)
      piece.copyOut(from: skip, into: &part, in: access)
      done += count
      skip = 0
    }
    return done
  }

  /// Copies into the chain's device-writable part, from byte `offset`; as much as fits, and says how much.
  ///
  /// 0 when the memory was unmapped since the chain was taken.
  package func write(
    _ chain: borrowing DescriptorChain, at offset: Int, _ source: RawSpan, in access: borrowing GuestAccess
  ) -> Int {
    guard slots[chain.slot].pieces.generation == access.generation else { return 0 }
    var skip = offset
    var done = 0
    for piece in slots[chain.slot].pieces.writable {
      if skip >= piece.count {
        skip -= piece.count
        continue
      }
      let count = min(piece.count - skip, source.byteCount - done)
      guard count > 0 else { break }
      piece.copyIn(source.extracting(done..<done + count), at: skip, in: access)
      done += count
      skip = 0
    }
    return done
  }

  /// Gives the buffer back to the driver; with IN_ORDER not before those taken earlier (virtio 1.4 §2.7.9, §2.8.8).
  ///
  /// After a forced reset, or when the driver has reset the queue, nothing is written any more: the ring is not the
  /// device's.
  ///
  /// - Parameters:
  ///   - written: bytes written from the start of the device-writable part (virtio 1.4 §2.7.8.2).
  ///   - instant: when the driver may have it; nil: at once. Until then the queue rests, and all that is left to do is to
  ///     publish the buffer in the ring: its memory is not touched any more.
  package func complete(
    _ chain: consuming DescriptorChain, written: Int, notBefore instant: ContinuousClock.Instant? = nil,
    in access: borrowing GuestAccess
  ) {
    let (slot, writableCount) = chain.take()
    precondition(written >= 0 && written <= writableCount, "more written than the driver gave room for")
    guard isAttached else { return }
    slots[slot].pieces.clear()
    if let instant {
      precondition(held == nil, "the queue rests")
      held = Held(slot: slot, written: UInt32(clamping: written), until: instant)
      return
    }
    finish(slot, written: UInt32(clamping: written), in: access)
  }

  /// Until when the queue rests, with a buffer that is done; nil: it does not.
  package var restsUntil: ContinuousClock.Instant? { held?.until }

  /// Ends the queue's rest, if it has one: the driver gets the buffer, unless the ring is not the device's any more.
  package func release(in access: borrowing GuestAccess) {
    guard let held, isAttached else { return }
    self.held = nil
    finish(held.slot, written: held.written, in: access)
  }

  private func finish(_ slot: Int, written: UInt32, in access: borrowing GuestAccess) {
    guard line != nil else { return giveBack(slot, written: written, in: access) }
    slots[slot].written = written
    while let first = line?.first, let written = slots[first].written {
      line?.removeFirst()
      slots[first].written = nil
      giveBack(first, written: written, in: access)
    }
  }

  private func giveBack(_ slot: Int, written: UInt32, in access: borrowing GuestAccess) {
    ring.complete(slots[slot].taken, written: written, in: access)
    freeSlots.append(slot)
  }

  /// Whether the driver wants an interrupt for what was completed since the last call.
  package func takeInterruptDecision(in access: borrowing GuestAccess) -> Bool {
    !isDetached && ring.takeInterruptDecision(in: access)
  }

  /// Asks the driver not to ring the doorbell while the queue is being worked.
  func suppressDoorbell(in access: borrowing GuestAccess) {
    if !isDetached { ring.suppressDoorbell(in: access) }
  }

  /// Asks the driver to ring again; true when it has made buffers available meanwhile, so look once more.
  func requestDoorbell(in access: borrowing GuestAccess) throws(RingFault) -> Bool {
    guard !isDetached else { return false }
    return try ring.requestDoorbell(in: access)
  }

  // MARK: For whoever inspects

  func countNotification() { counts.notifications &+= 1 }
  func countInterrupt() { counts.interrupts &+= 1 }

  /// How far it has come; nothing changes by it.
  func snapshot(in access: borrowing GuestAccess) -> RingSnapshot {
    var snapshot = ring.snapshot(in: access)
    snapshot.buffers = counts.buffers
    snapshot.notifications = counts.notifications
    snapshot.interrupts = counts.interrupts
    return snapshot
  }
}

/// Slots in the order in which their buffers were taken; as many as the ring has entries, kept in a circle.
private struct SlotLine {
  private var slots: [Int]
  private var start = 0
  private var count = 0

  init(capacity: Int) { slots = Array(repeating: 0, count: capacity) }

  var first: Int? { count > 0 ? slots[start] : nil }

  /// The ring never has more chains in flight than it has entries.
  mutating func append(_ slot: Int) {
    slots[(start + count) % slots.count] = slot
    count += 1
  }

  mutating func removeFirst() {
    start = (start + 1) % slots.count
    count -= 1
  }
}
