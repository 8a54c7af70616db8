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
  let head: UInt16
  let slot: Int

  init(head: UInt16, slot: Int, readableCount: Int, writableCount: Int) {
    self.head = head
    self.slot = slot
    self.readableCount = readableCount
    self.writableCount = writableCount
  }

  /// Ends the chain's life in an orderly way; only the queue does this.
  consuming func take() -> (head: UInt16, slot: Int, writableCount: Int) {
    let result = (head, slot, writableCount)
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
  var readable: [GuestSlice] = []
  var writable: [GuestSlice] = []
  var generation: UInt64 = 0

  mutating func clear() {
    readable.removeAll(keepingCapacity: true)
    writable.removeAll(keepingCapacity: true)
  }
}
