/// The rules of split rings (virtio 1.4 §2.7) restated for one world, with none of the device's code.
struct SplitOracle {
  /// The descriptor table.
  let table: [Cell]
  /// INDIRECT_DESC was negotiated.
  let hasIndirect: Bool
  /// The table that a descriptor of this index names.
  let indirectTables: [[Cell]]

  /// The chain that begins at a head.
  func chain(from head: UInt16) throws(Refusal) -> SeenChain {
    var seen = SeenChain()
    var hasWritable = false
    try visit(Int(head), of: table, stepsLeft: table.count, isTable: false, &seen, &hasWritable)
    return seen
  }

  /// One descriptor and everything behind it.
  private func visit(
    _ index: Int, of cells: [Cell], stepsLeft: Int, isTable: Bool, _ seen: inout SeenChain,
    _ hasWritable: inout Bool
  ) throws(Refusal) {
    // A chain is at most as long as what it lies in, so there are no loops (§2.7.5.2, §2.7.5.3.1).
    if stepsLeft == 0 { throw .chainTooLong }
    if index >= cells.count { throw .descriptorIndex }
    let cell = cells[index]
    if !isTable { seen.descriptors += 1 }
    if cell.has(Cell.indirect) {
      // Negotiated, not nested, not with NEXT (§2.7.5.3.1), and a table is a number of whole descriptors.
      if !hasIndirect || isTable || cell.has(Cell.next) { throw .indirect }
      if cell.length == 0 || cell.length % 16 != 0 { throw .indirect }
      let entries = Array(indirectTables[index].prefix(Int(cell.length) / 16))
      return try visit(0, of: entries, stepsLeft: entries.count, isTable: true, &seen, &hasWritable)
    }
    if cell.has(Cell.write) {
      hasWritable = true
      seen.writable += Int(cell.length)
    } else {
      // Readable ones come first (§2.7.4.2).
      if hasWritable { throw .order }
      seen.readable += Int(cell.length)
    }
    if cell.has(Cell.next) {
      try visit(
        Int(cell.link), of: cells, stepsLeft: stepsLeft - 1, isTable: isTable, &seen, &hasWritable)
    }
  }
}
