import Atomics

/// A 16-bit field of a ring that driver and device write and read at the same time.
///
/// Little-endian in guest memory (virtio 1.4 §2.7: rings are little-endian for a modern driver, and x86 and the other
/// hosts this runs on are too). Indices are published and taken with release and acquire order, so that what they
/// announce is seen no later than they are.
@usableFromInline
package struct SharedField {
  @usableFromInline let slice: GuestSlice
  @usableFromInline let offset: Int

  /// The field at an even byte `offset` of a piece of guest memory that starts at an even address.
  @inlinable
  package init(_ slice: GuestSlice, at offset: Int) {
    self.slice = slice
    self.offset = offset
  }

  @inlinable
  func atomic(in access: borrowing GuestAccess) -> UnsafeAtomic<UInt16> {
    let address = unsafe slice.address(of: offset, count: 2, in: access)
    precondition(UInt(bitPattern: address) % 2 == 0, "ring fields are aligned")
    // Two aligned bytes inside the checked piece, for as long as the access is held.
    return unsafe UnsafeAtomic(at: address.assumingMemoryBound(to: UnsafeAtomic<UInt16>.Storage.self))
  }

  /// The value, and after it everything that was written before it (acquire).
  @inlinable
  package func loadAcquiring(in access: borrowing GuestAccess) -> UInt16 {
    UInt16(littleEndian: atomic(in: access).load(ordering: .acquiring))
  }

  /// The value alone.
  @inlinable
  package func loadRelaxed(in access: borrowing GuestAccess) -> UInt16 {
    UInt16(littleEndian: atomic(in: access).load(ordering: .relaxed))
  }

  /// Publishes a value, and with it everything that was written before (release).
  @inlinable
  package func storeReleasing(_ value: UInt16, in access: borrowing GuestAccess) {
    atomic(in: access).store(value.littleEndian, ordering: .releasing)
  }

  /// Writes a value alone.
  @inlinable
  package func storeRelaxed(_ value: UInt16, in access: borrowing GuestAccess) {
    atomic(in: access).store(value.littleEndian, ordering: .relaxed)
  }
}

/// Orders everything before it against everything after it, both ways: between publishing an index and re-reading
/// the other side's event index (virtio 1.4 §2.7.7.2, §2.7.10).
@inlinable
package func fullFence() { atomicMemoryFence(ordering: .sequentiallyConsistent) }
