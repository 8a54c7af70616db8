/// Virtqueues in guest memory, of the format that the accepted features ask for.
extension GuestRAMImage {
  /// Allocates the parts of a ring, each as far from a coarser alignment as `skew` says: a multiple of its own.
  package func allocateRing(size: Int, isPacked: Bool, skew: Int = 0) throws -> RingPlaces {
    let alignment = isPacked ? 4 : 2
    let counts = isPacked ? RingPlaces.packedByteCounts(size: size) : RingPlaces.byteCounts(size: size)
    return RingPlaces(
      descriptorTable: try allocate(counts.descriptorTable, alignment: 16, skew: 16 * skew),
      available: try allocate(counts.available, alignment: alignment, skew: alignment * skew),
      used: try allocate(counts.used, alignment: 4, skew: 4 * skew))
  }

  /// The driver's side of a ring at its start, for these accepted features.
  package func makeRing(
    _ queue: UInt16, size: Int, _ places: RingPlaces, features: UInt64
  ) -> any DriverRing {
    typealias Feature = VirtioLayout.Feature
    func accepted(_ bit: Int) -> Bool { features >> UInt64(bit) & 1 != 0 }
    guard accepted(Feature.ringPacked) else {
      return SplitRing(
        queue: queue, size: size, places: places, usesEventIndex: accepted(Feature.eventIndex),
        usesInOrder: accepted(Feature.inOrder), ram: self)
    }
    return PackedRing(
      queue: queue, size: size, places: places, usesEventIndex: accepted(Feature.eventIndex),
      usesInOrder: accepted(Feature.inOrder), ram: self)
  }
}
