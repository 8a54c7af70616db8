/// The rules of packed rings (virtio 1.4 §2.8) restated for one world, with none of the device's code.
///
/// Places are counted from the ring's first round on and never go back: the place in the ring is the remainder, the
/// wrap counter is 1 in even rounds.
struct PackedOracle {
  /// The ring, which the device's used descriptors change.
  private(set) var ring: [Cell]
  /// INDIRECT_DESC was negotiated.
  let hasIndirect: Bool
  /// The table that a descriptor of this index names.
  let indirectTables: [[Cell]]
  /// Descriptors taken since the queue was set up.
  private(set) var taken: Int
  /// Descriptors used since.
  private(set) var used: Int

  /// A ring whose queue has used `used` descriptors, and `taken` of which were taken.
  init(ring: [Cell], hasIndirect: Bool, indirectTables: [[Cell]], taken: Int, used: Int) {
    self.ring = ring
    self.hasIndirect = hasIndirect
    self.indirectTables = indirectTables
    self.taken = taken
    self.used = used
  }

  private func wrap(_ place: Int) -> Bool { place / ring.count % 2 == 0 }

  /// AVAIL is the wrap counter, USED its inverse (§2.8.1).
  private func isAvailable(_ place: Int) -> Bool {
    let cell = ring[place % ring.count]
    return cell.has(Cell.available) == wrap(place) && cell.has(Cell.used) != wrap(place)
  }

  /// The next chain, completed at once; nil when none is available.
  mutating func next() throws(Refusal) -> SeenChain? {
    guard isAvailable(taken) else { return nil }
    var seen = SeenChain()
    var hasWritable = false
    var last: Cell
    repeat {
      let place = taken + seen.descriptors
      if seen.descriptors == ring.count { throw .chainTooLong }
      if !isAvailable(place) { throw .unavailable }
      // All descriptors in flight and this one have to fit into the ring.
      if place - used == ring.count { throw .descriptorInUse }
      last = ring[place % ring.count]
      seen.descriptors += 1
      if last.has(Cell.indirect) {
        // Negotiated, and neither behind another nor before one (§2.8.5, §2.8.19).
        if !hasIndirect || seen.descriptors > 1 || last.has(Cell.next) { throw .indirect }
        if last.length == 0 || last.length % 16 != 0 { throw .indirect }
        // All entries in sequence; of their flags only WRITE counts (§2.8.7).
        for entry in indirectTables[place % ring.count].prefix(Int(last.length) / 16) {
          try add(entry, to: &seen, &hasWritable)
        }
      } else {
        try add(last, to: &seen, &hasWritable)
      }
    } while last.has(Cell.next)
    taken += seen.descriptors
    complete(id: last.link, descriptors: seen.descriptors)
    return seen
  }

  /// Readable ones come first (§2.8.17).
  private func add(
    _ cell: Cell, to seen: inout SeenChain, _ hasWritable: inout Bool
  ) throws(Refusal) {
    if cell.has(Cell.write) {
      hasWritable = true
      seen.writable += Int(cell.length)
    } else {
      if hasWritable { throw .order }
      seen.readable += Int(cell.length)
    }
  }

  /// One used descriptor for the whole chain, at the first place that is not used (§2.8.2, §2.8.6); nothing was
  /// written into the buffer, so it has no WRITE (§2.8.3). The address is left as it is.
  mutating func complete(id: UInt16, descriptors: Int) {
    let flags = wrap(used) ? Cell.available | Cell.used : 0
    ring[used % ring.count].length = 0
    ring[used % ring.count].link = id
    ring[used % ring.count].flags = flags
    used += descriptors
  }
}
