import GuestDriver

/// Where buffers may be and how they may be cut, in both formats (virtio 1.4 §2.7.4, §2.7.5, §2.8).
extension ConformanceSuite {
  static let ringFraming: [ConformanceCase] = RingFormat.allCases.flatMap { format in
    framing(format) + placement(format)
  }

  private static func framing(_ format: RingFormat) -> [ConformanceCase] {
    let clauses = format.clauses(split: ["2.7.4.1-1"], packed: ["2.8-1"])
    return [
      ConformanceCase(
        "\(format).request-cut-in-pieces", clauses, needs: format.needs(),
        tried: "cut the device-readable part in two to twenty-four descriptors",
        expected: "the same answer as to a request in one"
      ) { bench in try framed(bench, format, ChainLayout.requestCuts) },

      ConformanceCase(
        "\(format).answer-cut-in-pieces", clauses, needs: format.needs(),
        tried: "cut the device-writable part in pieces of many sizes, 1 byte among them",
        expected: "the same answer, over all pieces in their order"
      ) { bench in try framed(bench, format, ChainLayout.responseCuts) },

      ConformanceCase(
        "\(format).pieces-apart", clauses + format.clauses(split: [], packed: ["2.8.18-1"]),
        needs: format.needs(), tried: "put the pieces of both parts at odd addresses, apart from each other",
        expected: "the same answer, over all pieces in their order"
      ) { bench in try framed(bench, format, ChainLayout.scatteredCuts) },

      ConformanceCase(
        "\(format).pieces-in-falling-order", clauses + format.clauses(split: [], packed: ["2.8.18-1"]),
        needs: format.needs(), tried: "put each piece of both parts below the one before it in memory",
        expected: "the same answer, over all pieces in the order of the descriptors"
      ) { bench in try fallingPieces(bench, format) },

      ConformanceCase(
        "\(format).room-for-more", clauses, needs: format.needs() + [.kind(.gpu)],
        tried: "give the answer ten times the room that it takes", expected: "the same answer at its start"
      ) { bench in
        let driver = try format.driver(bench), ram = bench.ram
        try driver.roundTrip()
        for cut in [ChainLayout.Cut.whole, .pieces(4)] {
          let chain = try ram.layOut(
            request: GPUCommand.getDisplayInfo.encoded(), responseRoom: 10 * GPULayout.displayInfoSize,
            ChainLayout(response: cut))
          _ = try driver.queues[0].offer(chain.descriptors)
          try driver.kick()
          try driver.checkAnswer(chain, try driver.awaitUsed())
        }
        return "the same answer"
      },
    ]
  }

  private static func placement(_ format: RingFormat) -> [ConformanceCase] {
    [
      ConformanceCase(
        "\(format).longest-chain", format.clauses(split: ["2.7.5-1"], packed: ["2.8.5-1"]),
        needs: format.needs(),
        tried: "make a chain of as many descriptors as the queue has, up to 64, three times",
        expected: "it is used, with its answer"
      ) { bench in
        var sizes: [Int] = []
        for wanted in [4, 16, 64] {
          let driver = try format.driver(bench, queueSize: wanted)
          let size = driver.queues[0].size
          let readable = driver.requestDescriptorCount == 1 ? 0 : min(size / 2, GPULayout.headerSize)
          let layout = ChainLayout(request: .pieces(readable), response: .pieces(size - readable))
          for _ in 0..<3 { try driver.roundTrip(layout) }
          sizes.append(size)
        }
        return "chains of \(sizes.map { "\($0)" }.joined(separator: ", ")) descriptors"
      },

      ConformanceCase(
        "\(format).readable-buffers-are-kept",
        format.clauses(split: ["2.7.5.1-1"], packed: ["2.8.15-1"]), needs: format.needs() + [.kind(.gpu)],
        tried: "put the room for the answer between device-readable buffers, without a gap",
        expected: "the device-readable bytes are what they were"
      ) { bench in
        let driver = try format.driver(bench), ram = bench.ram
        let request = GPUCommand.getDisplayInfo.encoded(), room = GPULayout.displayInfoSize
        for front in [12, 1, 23] {
          let base = try ram.allocate(request.count + room, skew: 5)
          let behind = base + UInt64(front + room)
          ram.write(Array(request[..<front]), at: base)
          ram.write(Array(request[front...]), at: behind)
          let readable = [
            GuestExtent(address: base, count: front),
            GuestExtent(address: behind, count: request.count - front),
          ]
          let chain = try ram.describe(
            request: readable, response: [GuestExtent(address: base + UInt64(front), count: room)])
          _ = try driver.queues[0].offer(chain.descriptors)
          try driver.kick()
          try driver.checkAnswer(chain, try driver.awaitUsed())
          let after = readable.flatMap { ram.read($0.address, count: $0.count) }
          try expect(after == request, came: "a device-readable buffer was written")
        }
        return "kept"
      },

      ConformanceCase(
        "\(format).buffer-across-blocks", format.clauses(split: ["2.7.4.1-1"], packed: ["2.8-1"]),
        needs: format.needs(), tried: "lay the answer's room over the border of two blocks of guest memory",
        expected: "the same answer, over both"
      ) { bench in
        let driver = try format.driver(bench), ram = bench.ram
        guard let border = ram.blocks.first?.end, ram.block(at: border) != nil else {
          throw NotObservable("guest memory is one block")
        }
        try driver.roundTrip()
        let whole = try driver.layOutRequest()
        let count = whole.responseExtents[0].count
        for before in [1, count / 2, count - 1] {
          let room = GuestExtent(address: border - UInt64(before), count: count)
          ram.fill(room.address, count: count, with: 0xa5)
          let chain = try ram.describe(request: whole.requestExtents, response: [room])
          _ = try driver.queues[0].offer(chain.descriptors)
          try driver.kick()
          try driver.checkAnswer(chain, try driver.awaitUsed())
        }
        return "the same answer"
      },

      ConformanceCase(
        "\(format).least-alignment", format.clauses(split: ["2.7-2"], packed: ["2.8.10.1-1"]),
        needs: format.needs(), tried: "align each part of the ring as little as its rule allows",
        expected: "requests are answered"
      ) { bench in
        for skew in [1, 3, 7] {
          let driver = try format.driver(bench, queueSize: 8, skew: skew)
          for _ in 0..<20 { try driver.roundTrip() }
        }
        return "answered"
      },

      ConformanceCase(
        "\(format).parts-at-the-end-of-memory", format.clauses(split: ["2.7-2"], packed: ["2.8.10.1-1"]),
        needs: format.needs(), tried: "end each part of the ring in turn where guest memory ends",
        expected: "requests are answered"
      ) { bench in try partsAtTheEnd(bench, format) },
    ]
  }

  /// Sends a request in one piece, and then in each of these layouts that fits into the queue.
  private static func framed(
    _ bench: ConformanceBench, _ format: RingFormat, _ layouts: [ChainLayout]
  ) throws -> String {
    let driver = try format.driver(bench)
    try driver.roundTrip()
    var tried = 0
    for layout in layouts where driver.descriptorCount(layout) <= driver.queues[0].size {
      try driver.roundTrip(layout)
      tried += 1
    }
    return "the same answer in \(tried) layouts"
  }

  private static func fallingPieces(_ bench: ConformanceBench, _ format: RingFormat) throws -> String {
    let driver = try format.driver(bench), ram = bench.ram
    try driver.roundTrip()
    let whole = try driver.layOutRequest()
    let request = whole.requestExtents.flatMap { ram.read($0.address, count: $0.count) }
    let room = whole.responseExtents.map(\.count).reduce(0, +)
    for pieces in [2, 3] {
      func extents(_ count: Int) throws -> [GuestExtent] {
        var end = try ram.allocate(count + 64) + UInt64(count)
        return ChainLayout.sizes(of: count, .pieces(pieces)).map { size in
          end -= UInt64(size)
          return GuestExtent(address: end, count: size)
        }
      }
      let readable = try extents(request.count), writable = try extents(room)
      var done = 0
      for extent in readable {
        ram.write(Array(request[done..<done + extent.count]), at: extent.address)
        done += extent.count
      }
      for extent in writable { ram.fill(extent.address, count: extent.count, with: 0xa5) }
      let chain = try ram.describe(request: readable, response: writable)
      _ = try driver.queues[0].offer(chain.descriptors)
      try driver.kick()
      try driver.checkAnswer(chain, try driver.awaitUsed())
    }
    return "the same answer"
  }

  /// Each part of queue 0 in turn in the last bytes of guest memory that its alignment allows.
  private static func partsAtTheEnd(_ bench: ConformanceBench, _ format: RingFormat) throws -> String {
    let ram = bench.ram, size = 4
    let counts =
      format == .packed ? RingPlaces.packedByteCounts(size: size) : RingPlaces.byteCounts(size: size)
    func last(_ count: Int, _ alignment: Int) -> UInt64 {
      ram.endOfRAM - UInt64((count + alignment - 1) / alignment * alignment)
    }
    let part: [(inout RingPlaces) -> Void] = [
      { $0.descriptorTable = last(counts.descriptorTable, 16) },
      { $0.available = last(counts.available, format == .packed ? 4 : 2) },
      { $0.used = last(counts.used, 4) },
    ]
    for move in part {
      let driver = try format.stoppedDriver(bench, queueSize: size)
      // A queue that is enabled cannot be moved: begin again up to here, with this queue elsewhere.
      var places = try ram.allocateRing(size: size, isPacked: format == .packed)
      move(&places)
      try bench.negotiate(driver.features)
      for queue in driver.queues.indices {
        try driver.setUp(UInt16(queue), size: size, at: queue == 0 ? places : nil)
      }
      try driver.function.setStatus(try driver.function.status | VirtioLayout.Status.driverOK)
      for _ in 0..<3 * size { try driver.roundTrip() }
    }
    return "answered"
  }
}
