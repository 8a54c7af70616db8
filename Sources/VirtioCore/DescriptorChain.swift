import GuestRAM

/// One buffer of a driver's: its readable part and its writable part, checked and translated.
///
/// Move-only, and completed exactly once by handing it to `Virtqueue.complete`. Dropping one is a broken promise
/// inside the package, since the driver would wait for it forever.
package struct DescriptorChain: ~Copyable {
  /// Bytes that the device may read; a driver can name the same memory more than once.
  package let readableCount: Int
  /// Bytes that the device may write.
  package let writableCount: Int
  /// Descriptors of the ring that make up the chain; an indirect table counts as the one that names it.
  package let descriptorCount: Int
  let slot: Int

  init(slot: Int, taken: TakenChain, pieces: borrowing ChainPieces) {
    self.slot = slot
    descriptorCount = taken.descriptorCount
    readableCount = pieces.readableCount
    writableCount = pieces.writableCount
  }

  /// Ends the chain's life in an orderly way; only the queue does this.
  consuming func take() -> (slot: Int, writableCount: Int) {
    let result = (slot, writableCount)
    discard self
    return result
  }

  deinit { Self.wasDropped() }

  private static func wasDropped() {
    preconditionFailure("a descriptor chain was dropped without being completed")
  }
}

/// The pieces of guest memory behind one chain; kept by the queue and used again.
struct ChainPieces {
  private(set) var readable: [GuestSlice] = []
  private(set) var writable: [GuestSlice] = []
  private(set) var generation: UInt64 = 0
  private(set) var readableCount = 0
  private(set) var writableCount = 0
  /// Whether a device-writable descriptor, of any length, was met.
  private var hasWritable = false

  /// The most runs of host addresses in one chain: a descriptor has one for each region of guest memory that it
  /// crosses, and a VMM may map thousands.
  static let most = 8192

  /// Forgets the last chain.
  mutating func clear() {
    readable.removeAll(keepingCapacity: true)
    writable.removeAll(keepingCapacity: true)
    readableCount = 0
    writableCount = 0
    hasWritable = false
  }

  /// Starts a chain that is translated under this map.
  mutating func begin(in access: borrowing GuestAccess) {
    clear()
    generation = access.generation
  }

  /// Checks one descriptor's direction, size and range, and translates it.
  mutating func append(_ descriptor: Descriptor, in access: borrowing GuestAccess) throws(RingFault) {
    // All device-writable descriptors stand behind all device-readable ones (virtio 1.4 §2.7.4.2, §2.8.17).
    guard descriptor.isWritable || !hasWritable else { throw .order }
    hasWritable = descriptor.isWritable
    guard let range = GuestRange(start: GuestAddress(descriptor.address), count: UInt64(descriptor.length))
    else { throw .buffer(.unmapped(GuestAddress(descriptor.address))) }
    let total = readableCount + writableCount + Int(descriptor.length)  // each at most 2^32
    guard total <= 1 << 32 else { throw .chainTooLarge }
    do {
      if descriptor.isWritable {
        try access.translate(range, writable: true, into: &writable)
        writableCount += Int(descriptor.length)
      } else {
        try access.translate(range, writable: false, into: &readable)
        readableCount += Int(descriptor.length)
      }
    } catch {
      throw .buffer(error)
    }
    guard readable.count + writable.count <= Self.most else { throw .chainTooLong }
  }
}
