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
  private var ring: SplitQueue
  private var chains: [ChainPieces] = []
  private var freeSlots: [Int] = []
  /// Buffers taken and not yet given back.
  private var inFlight = 0
  /// Entries of the ring.
  let size: UInt16
  /// Resets carried out before the queue was set up; a later one of the host makes completions void.
  private let era: UInt64
  private let resets: HostResets

  /// The last reset that the host asked for, among all resets.
  final class HostResets: Sendable {
    let forced = Atomic<UInt64>(0)
  }

  init(
    index: Int, setup: QueueSetup, features: FeatureSet, era: UInt64, resets: HostResets,
    in access: borrowing GuestAccess
  ) throws(RingFault) {
    self.index = index
    self.features = features
    vector = setup.vector
    self.resets = resets
    self.era = era
    size = setup.size
    ring = try SplitQueue(setup, features: features, in: access)
  }

  func update(_ setup: QueueSetup) { vector = setup.vector }

  /// The next buffer, or nil when the driver has made none available.
  func next(in access: borrowing GuestAccess) throws(RingFault) -> DescriptorChain? {
    let slot: Int
    if let free = freeSlots.popLast() {
      slot = free
    } else {
      slot = chains.count
      chains.append(ChainPieces())
    }
    var taken: SplitQueue.Taken?
    do {
      taken = try ring.next(into: &chains[slot], inFlight: inFlight, in: access)
    } catch {
      freeSlots.append(slot)
      throw error
    }
    guard let taken else {
      freeSlots.append(slot)
      return nil
    }
    inFlight += 1
    return DescriptorChain(
      head: taken.head, slot: slot, readableCount: taken.readableCount, writableCount: taken.writableCount)
  }

  /// Copies from the chain's device-readable part, from byte `offset`; as much as there is, and says how much.
  ///
  /// 0 when the memory was unmapped since the chain was taken.
  package func read(
    _ chain: borrowing DescriptorChain, at offset: Int, into destination: inout MutableRawSpan,
    in access: borrowing GuestAccess
  ) -> Int {
    guard chains[chain.slot].generation == access.generation else { return 0 }
    var skip = offset
    var done = 0
    for piece in chains[chain.slot].readable {
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
    guard chains[chain.slot].generation == access.generation else { return 0 }
    var skip = offset
    var done = 0
    for piece in chains[chain.slot].writable {
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

  /// Gives the buffer back to the driver.
  ///
  /// After the host asked for a reset nothing is written any more: the ring is not the device's.
  ///
  /// - Parameter written: bytes written from the start of the device-writable part (virtio 1.4 §2.7.8.2).
  package func complete(_ chain: consuming DescriptorChain, written: Int, in access: borrowing GuestAccess) {
    let (head, slot, writableCount) = chain.take()
    precondition(written >= 0 && written <= writableCount, "more written than the driver gave room for")
    chains[slot].clear()
    freeSlots.append(slot)
    inFlight -= 1
    guard resets.forced.load(ordering: .acquiring) <= era else { return }
    ring.complete(head: head, written: UInt32(clamping: written), in: access)
  }

  /// Whether the driver wants an interrupt for what was completed since the last call.
  func takeInterruptDecision(in access: borrowing GuestAccess) -> Bool {
    ring.takeInterruptDecision(in: access)
  }

  /// Asks the driver not to ring the doorbell while the queue is being worked.
  func suppressDoorbell(in access: borrowing GuestAccess) { ring.suppressDoorbell(in: access) }

  /// Asks the driver to ring again; true when it has made buffers available meanwhile, so look once more.
  func requestDoorbell(in access: borrowing GuestAccess) throws(RingFault) -> Bool {
    try ring.requestDoorbell(in: access)
  }
}
