import GuestDriver

/// Mapping of events to MSI-X vectors (virtio 1.4 §4.1.5.1.2).
extension ConformanceSuite {
  private static let noVector = UInt64(VirtioLayout.noVector)

  static let vectorMapping: [ConformanceCase] = [
    ConformanceCase(
      "interrupts.table-size", ["4.1.5.1.2.1-1"], needs: [.modern, .vectors],
      tried: "read Table Size of the MSI-X capability", expected: "2 to 0x800 vectors"
    ) { bench in
      try expect((2...0x800).contains(bench.profile.vectorCount), came: "\(bench.profile.vectorCount)")
      return "\(bench.profile.vectorCount)"
    },

    ConformanceCase(
      "interrupts.table-inside-region", ["4.1.1-1", "4.1.5.1.2.1-2"], needs: [.vectors],
      tried: "compare table and pending bits of all vectors with their regions",
      expected: "both inside memory regions, apart from each other"
    ) { bench in
      guard let table = bench.inventory.vectorTable else { throw Deviation("no MSI-X capability") }
      let tableSize = UInt64(table.vectorCount * PCILayout.MSIX.entrySize)
      let pendingSize = UInt64((table.vectorCount + 63) / 64 * 8)
      for (name, bar, offset, size) in [
        ("the table", table.tableBAR, table.tableOffset, tableSize),
        ("the pending bits", table.pendingBAR, table.pendingOffset, pendingSize),
      ] {
        guard let region = bench.inventory.baseAddresses.first(where: { $0.index == bar && !$0.isIO }) else {
          throw Deviation("\(name) in BAR\(bar), which is no memory region")
        }
        try expect(
          offset <= region.size && size <= region.size - offset,
          came: "\(name): \(hex(size)) bytes at \(hex(offset)) of \(hex(region.size))")
      }
      let areApart =
        table.tableBAR != table.pendingBAR || table.tableOffset + tableSize <= table.pendingOffset
        || table.pendingOffset + pendingSize <= table.tableOffset
      try expect(areApart, came: "the table overlaps the pending bits")
      return "\(table.vectorCount) vectors in BAR\(table.tableBAR)"
    },

    ConformanceCase(
      "interrupts.any-event-to-any-vector", ["4.1.5.1.2.1-4", "4.1.5.1.2.1-6", "4.1.5.1.2.1-8"],
      needs: [.modern, .vectors], tried: "map the configuration and each queue to each vector",
      expected: "each is read back"
    ) { bench in
      let function = try start(bench)
      // All of a small table, the ends of a large one.
      let last = UInt64(bench.profile.vectorCount - 1)
      for vector in Set((0...min(last, 31)) + [last]).sorted() {
        for event in try events(function) {
          try event.select()
          try function.write(event.register, vector)
          try expect("\(event.name)'s vector", try function.read(event.register), is: vector)
        }
      }
      return "vectors 0 to \(last)"
    },

    ConformanceCase(
      "interrupts.unmapping", ["4.1.5.1.2.1-5", "4.1.5.1.2.1-6"], needs: [.modern, .vectors],
      tried: "map each event to vector 0, then write VIRTIO_MSI_NO_VECTOR", expected: "0xffff is read back"
    ) { bench in
      let function = try start(bench)
      for event in try events(function) {
        try event.select()
        try function.write(event.register, 0)
        try function.write(event.register, noVector)
        try expect("\(event.name)'s vector", try function.read(event.register), is: noVector)
      }
      return "0xffff"
    },

    ConformanceCase(
      "interrupts.unmapped-after-reset", ["4.1.5.1.2.1-7"], needs: [.modern, .vectors],
      tried: "map each event to vector 0, then write 0 to device_status", expected: "nothing is mapped"
    ) { bench in
      let function = try start(bench)
      for event in try events(function) {
        try event.select()
        try function.write(event.register, 0)
      }
      try bench.resetDevice()
      for event in try events(function) {
        try event.select()
        try expect("\(event.name)'s vector", try function.read(event.register), is: noVector)
      }
      return "0xffff"
    },

    ConformanceCase(
      "interrupts.vector-that-does-not-exist", ["4.1.5.1.2.1-9"], needs: [.modern, .vectors],
      tried: "map each event to vectors past the table", expected: "VIRTIO_MSI_NO_VECTOR is read back"
    ) { bench in
      let function = try start(bench), count = UInt64(bench.profile.vectorCount)
      for event in try events(function) {
        try event.select()
        for vector in [count, 0x7ff, 0x800, 0xfffe] where vector >= count {
          try function.write(event.register, 0)
          try function.write(event.register, vector)
          try expect(
            "\(event.name)'s vector after \(hex(vector))", try function.read(event.register), is: noVector)
        }
      }
      return "0xffff"
    },
  ]

  /// Something that a vector can be given to.
  private struct Event {
    let name: String
    let register: CommonRegister
    /// Selects the queue, if it is one's.
    let select: () throws -> Void
  }

  /// The configuration and at most 16 queues.
  private static func events(_ function: VirtioFunction) throws -> [Event] {
    let configuration = Event(name: "the configuration", register: .configVector, select: {})
    let queues = (0..<min(try function.read(.queueCount), 16)).map { queue in
      Event(name: "queue \(queue)", register: .queueVector) { try function.write(.queueSelect, queue) }
    }
    return [configuration] + queues
  }

  /// Turns MSI-X on and negotiates, as a driver has when it maps vectors.
  private static func start(_ bench: ConformanceBench) throws -> VirtioFunction {
    let function = try bench.function
    try function.setVectorControl(PCILayout.MSIX.controlEnable)
    try bench.negotiate()
    return function
  }
}
