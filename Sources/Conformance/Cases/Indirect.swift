import GuestDriver

/// Indirect descriptors (virtio 1.4 §2.7.5.3, §2.8.7).
extension ConformanceSuite {
  private typealias Feature = VirtioLayout.Feature

  static let indirectTables: [ConformanceCase] =
    RingFormat.allCases.flatMap { bothFormats($0) } + splitTables + packedTables

  private static let inTable = ChainLayout(indirection: .all)
  private static let cutInTable: [ChainLayout] = [
    inTable, ChainLayout(request: .pieces(3), response: .pieces(4), indirection: .all),
    ChainLayout(response: .pieces(2), indirection: .all, skew: 1),
  ]

  private static func bothFormats(_ format: RingFormat) -> [ConformanceCase] {
    let needs = format.needs(Feature.indirectDescriptors)
    let walk = format.clauses(split: ["2.7.5.3-1"], packed: ["2.8.7-3"])
    return [
      ConformanceCase(
        "indirect.\(format)-table", walk, needs: needs,
        tried: "put all of a request into a table, readable and writable parts, cut and at odd addresses",
        expected: "the same answer as to a direct request"
      ) { bench in
        let driver = try format.driver(bench, [Feature.indirectDescriptors])
        try driver.roundTrip()
        for layout in cutInTable { for _ in 0..<3 { try driver.roundTrip(layout) } }
        return "the same answer"
      },

      ConformanceCase(
        "indirect.\(format)-longest-table", walk, needs: needs,
        tried: "put as many descriptors in a table as the queue has, up to 64",
        expected: "the same answer"
      ) { bench in
        let driver = try format.driver(bench, [Feature.indirectDescriptors])
        try driver.roundTrip()
        let size = driver.queues[0].size
        let readable = driver.requestDescriptorCount == 1 ? 0 : min(size / 2, GPULayout.headerSize)
        try driver.roundTrip(
          ChainLayout(
            request: .pieces(readable), response: .pieces(size - readable), indirection: .all))
        return "\(size) descriptors"
      },

      ConformanceCase(
        "indirect.\(format)-full-ring", walk, needs: needs,
        tried: "fill every descriptor of the ring with a table of its own, six times",
        expected: "each request is used once"
      ) { bench in
        let driver = try format.driver(bench, [Feature.indirectDescriptors], queueSize: 256)
        let batch = Array(repeating: inTable, count: driver.queues[0].size)
        for _ in 0..<6 { try driver.exchange(batch) }
        return "\(batch.count) requests at once"
      },

      ConformanceCase(
        "indirect.\(format)-beside-direct", walk + format.clauses(split: [], packed: ["2.8.5-2"]),
        needs: needs, tried: "mix requests with and without table in a ring of seven or eight, 400 of them",
        expected: "each request is used once"
      ) { bench in
        let driver = try format.driver(
          bench, [Feature.indirectDescriptors], queueSize: format == .packed ? 7 : 8)
        _ = try driver.stream(400, ChainLayout.variety + cutInTable)
        return "used once each"
      },

      ConformanceCase(
        "indirect.\(format)-write-flag-of-the-table",
        format.clauses(split: ["2.7.5.3.2-1"], packed: ["2.8.7-2"]), needs: needs,
        tried: "set the write flag of the descriptor that refers to a table", expected: "the same answer"
      ) { bench in
        let driver = try format.driver(bench, [Feature.indirectDescriptors])
        for var layout in cutInTable {
          try driver.roundTrip(layout)
          layout.marksIndirectWritable = true
          try driver.roundTrip(layout)
        }
        return "the same answer"
      },

      ConformanceCase(
        "indirect.\(format)-table-is-kept", format.clauses(split: ["2.7.5.1-3"], packed: ["2.8.7-3"]),
        needs: needs, tried: "compare the table before and after", expected: "every byte is kept"
      ) { bench in
        let driver = try format.driver(bench, [Feature.indirectDescriptors])
        for layout in cutInTable {
          let chain = try driver.layOutRequest(layout)
          guard let table = chain.indirectTable else { preconditionFailure("the layout has a table") }
          let before = bench.ram.read(table.address, count: table.count)
          _ = try driver.queues[0].offer(chain.descriptors)
          try driver.kick()
          try driver.checkAnswer(chain, try driver.awaitUsed())
          try expect(
            bench.ram.read(table.address, count: table.count) == before, came: "the table was written")
        }
        return "kept"
      },
    ]
  }

  private static let splitTables: [ConformanceCase] = [
    ConformanceCase(
      "indirect.after-chained-descriptors", ["2.7.5.3.2-2"],
      needs: [.modern, .feature(Feature.indirectDescriptors)],
      tried: "chain one to eight direct descriptors and then one that refers to a table",
      expected: "the same answer"
    ) { bench in
      let driver = try RingFormat.split.driver(bench, [Feature.indirectDescriptors], queueSize: 16)
      try driver.roundTrip()
      var tried = 0
      for direct in [1, 2, 3, 5, 8] {
        for marks in [false, true] {
          var layout = ChainLayout(
            request: .pieces(4), response: .pieces(6), indirection: .after(direct))
          layout.marksIndirectWritable = marks
          guard driver.descriptorCount(layout) <= driver.rings[0].size else { continue }
          try driver.roundTrip(layout)
          tried += 1
        }
      }
      return "the same answer in \(tried) layouts"
    },

    ConformanceCase(
      "indirect.table-walked-by-next", ["2.7.5.3-1"],
      needs: [.modern, .feature(Feature.indirectDescriptors)],
      tried:
        "link a table's entries by next in mixed order, with entries between them that nothing refers to",
      expected: "the same answer, and the stray entries are not looked at"
    ) { bench in
      let driver = try RingFormat.split.driver(bench, [Feature.indirectDescriptors], queueSize: 16)
      let ring = driver.rings[0], ram = bench.ram
      try driver.roundTrip()
      for order in [[0, 1, 2, 3], [0, 3, 2, 1], [0, 5, 1, 7], [0, 7, 6, 2]] {
        let chain = try driver.layOutRequest(
          bench.profile.kind == .gpu
            ? ChainLayout(request: .pieces(2), response: .pieces(2)) : ChainLayout(response: .pieces(4)))
        let table = try ram.allocate(8 * RingDescriptor.size)
        for stray in 0..<8 {
          // Of no use whatever: memory that is not there, and a table in a table.
          let entry = RingDescriptor(
            address: ram.endOfRAM + 4096, length: 4096, flags: RingDescriptor.indirect, nextIndex: 0xffff)
          ram.write(entry.encoded, at: table + UInt64(stray * RingDescriptor.size))
        }
        for (position, slot) in order.enumerated() {
          var entry = chain.descriptors[position]
          if position + 1 < order.count {
            entry.flags |= RingDescriptor.next
            entry.nextIndex = UInt16(order[position + 1])
          }
          ram.write(entry.encoded, at: table + UInt64(slot * RingDescriptor.size))
        }
        _ = try ring.offer([
          RingDescriptor(
            address: table, length: UInt32(8 * RingDescriptor.size), flags: RingDescriptor.indirect)
        ])
        try driver.kick()
        try driver.checkAnswer(chain, try driver.awaitUsed())
      }
      return "the same answer"
    },
  ]

  private static let packedTables: [ConformanceCase] = [
    ConformanceCase(
      "indirect.packed-reserved-fields", ["2.8.7-1"],
      needs: RingFormat.packed.needs(Feature.indirectDescriptors),
      tried: "set the buffer ids and every flag but the write flag in a table's entries",
      expected: "the same answer, since these are ignored"
    ) { bench in
      let driver = try RingFormat.packed.driver(bench, [Feature.indirectDescriptors], queueSize: 8)
      let ram = bench.ram
      try driver.roundTrip()
      for flags: UInt16 in [
        0, RingDescriptor.next, Packed.available, Packed.used, RingDescriptor.indirect, 0xfff9,
      ] {
        let chain = try driver.layOutRequest(ChainLayout(response: .pieces(3)))
        let table = try ram.allocate(chain.descriptors.count * PackedDescriptor.size)
        for (index, part) in chain.descriptors.enumerated() {
          let entry = PackedDescriptor(
            address: part.address, length: part.length, id: 0xdead, flags: part.flags | flags)
          ram.write(entry.encoded, at: table + UInt64(index * PackedDescriptor.size))
        }
        let length = UInt32(chain.descriptors.count * PackedDescriptor.size)
        let name = try driver.queues[0].offer([
          RingDescriptor(address: table, length: length, flags: RingDescriptor.indirect)
        ])
        try driver.kick()
        let element = try driver.awaitUsed()
        try expect("the buffer id", UInt64(element.head), is: UInt64(name))
        try driver.checkAnswer(chain, element)
      }
      return "ignored"
    }
  ]
  private typealias Packed = PackedDescriptor
}
