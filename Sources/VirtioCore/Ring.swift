import GuestRAM

/// A virtqueue's ring in guest memory, split or packed: where chains come from and go back to.
///
/// The areas are translated again when the map of guest memory has changed. Confined to the device's thread.
protocol Ring: AnyObject {
  /// Takes the next available chain and translates its descriptors into `pieces`; nil when there is none.
  func next(into pieces: inout ChainPieces, in access: borrowing GuestAccess) throws(RingFault) -> TakenChain?

  /// Marks a chain used and publishes that. Nothing is written when the ring's memory has gone.
  func complete(_ chain: TakenChain, written: UInt32, in access: borrowing GuestAccess)

  /// Whether the driver wants an interrupt for what was completed since the last decision.
  func takeInterruptDecision(in access: borrowing GuestAccess) -> Bool

  /// Asks the driver not to ring the doorbell; it may all the same.
  func suppressDoorbell(in access: borrowing GuestAccess)

  /// Asks the driver to ring again; true when it has made buffers available meanwhile.
  func requestDoorbell(in access: borrowing GuestAccess) throws(RingFault) -> Bool

  /// How far both sides have come. Reads guest memory alone, and without following anything there; what is not there
  /// (any more) is nil.
  func snapshot(in access: borrowing GuestAccess) -> RingSnapshot
}

/// A chain that was taken, as its ring has to know it again.
struct TakenChain {
  /// What names the buffer when it is used: the head of a split ring's chain (virtio 1.4 §2.7.8), the buffer ID of a
  /// packed one's (§2.8.6). The driver's business, never looked up here.
  let name: UInt16
  /// Descriptors of the ring that the chain has; those of an indirect table do not count.
  let descriptorCount: Int
}
