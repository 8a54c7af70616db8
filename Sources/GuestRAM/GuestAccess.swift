/// The map of guest memory while it stands still. Whoever can borrow one may touch guest memory.
///
/// Guest memory is shared with a running guest: what is read twice may differ. So everything here copies, once.
@usableFromInline
package struct GuestAccess: ~Copyable {
  /// Sorted by address, never overlapping.
  var regions: [Region] = []
  /// Changes with every change of the map, so that what was translated before can be seen to be old.
  @usableFromInline package internal(set) var generation: UInt64 = 1
  private var nextID: UInt64 = 1

  init() {}

  /// One region of the map.
  @safe
  struct Region {
    let range: GuestRange
    let owner: Owner
    let base: UnsafeMutableRawPointer
    let isWritable: Bool
    /// Never used twice, so a region that comes back at the same place is another one.
    var id: UInt64 = 0

    init(range: GuestRange, owner: Owner) {
      self.range = range
      self.owner = owner
      unsafe base = owner.mapping.base
      isWritable = owner.mapping.isWritable
    }
  }

  /// Keeps the mapping of a region alive.
  final class Owner: Sendable {
    let mapping: MappedRegion
    init(_ mapping: consuming MappedRegion) { self.mapping = mapping }
  }

  mutating func insert(_ region: Region) throws(GuestMemoryError) {
    let place = regions.firstIndex { $0.range.start > region.range.start } ?? regions.count
    if place > 0, regions[place - 1].range.overlaps(region.range) { throw .overlap }
    if place < regions.count, regions[place].range.overlaps(region.range) { throw .overlap }
    var region = region
    region.id = nextID
    nextID += 1
    regions.insert(region, at: place)
    generation += 1
  }

  mutating func remove(_ range: GuestRange) throws(GuestMemoryError) {
    let touched = regions.filter { $0.range.overlaps(range) }
    guard !touched.isEmpty else { throw .notFound }
    guard touched.allSatisfy({ range.contains($0.range) }) else { throw .partial }
    regions.removeAll { $0.range.overlaps(range) }
    generation += 1
  }

  mutating func removeAll() {
    regions.removeAll()
    generation += 1
  }

  /// The region that holds `address`, found by halving.
  @inline(__always)
  borrowing func region(holding address: GuestAddress) -> Region? {
    var low = 0
    var high = regions.count
    while low < high {
      let middle = (low + high) / 2
      if regions[middle].range.end <= address { low = middle + 1 } else { high = middle }
    }
    guard low < regions.count, regions[low].range.start <= address else { return nil }
    return regions[low]
  }

  borrowing func holdsRegion(id: UInt64) -> Bool { regions.contains { $0.id == id } }

  /// Appends the host's pieces of `range`, in order; one for each region that it crosses, none when it is empty.
  ///
  /// - Throws: `.unmapped`, or `.readOnly` when `writable` is asked of read-only memory; `pieces` may then have grown.
  package borrowing func translate(
    _ range: GuestRange, writable: Bool, into pieces: inout [GuestSlice]
  ) throws(GuestFault) {
    var address = range.start
    while address < range.end {
      guard let region = region(holding: address) else { throw .unmapped(address) }
      guard region.isWritable || !writable else { throw .readOnly(address) }
      let end = min(range.end, region.range.end)
      let offset = Int(address.value - region.range.start.value)  // inside a mapping, whose size is an Int
      let count = Int(end.value - address.value)
      // offset + count is at most the region's size: `end` is not behind the region's end.
      unsafe pieces.append(
        GuestSlice(base: region.base + offset, count: count, generation: generation, regionID: region.id))
      address = end
    }
  }

  /// The whole of `range` as one piece.
  ///
  /// - Throws: `.unmapped` also when the range crosses from one region into the next.
  package borrowing func window(_ range: GuestRange, writable: Bool) throws(GuestFault) -> GuestSlice {
    guard let region = region(holding: range.start), region.range.contains(range) else {
      throw .unmapped(range.start)
    }
    guard region.isWritable || !writable else { throw .readOnly(range.start) }
    let offset = Int(range.start.value - region.range.start.value)
    // The range is inside the region, and the region's mapping has its size.
    return unsafe GuestSlice(
      base: region.base + offset, count: Int(range.count), generation: generation, regionID: region.id)
  }
}
