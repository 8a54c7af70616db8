import GuestDriver

/// What only split virtqueues have: a descriptor table and two rings (virtio 1.4 §2.7).
extension ConformanceSuite {
  static let splitQueues: [ConformanceCase] = [
    ConformanceCase(
      "split.used-length", ["2.7.8.2-2"], tried: "let the device write the same answer over two fillings",
      expected: "len is no more than the room, and so many bytes are written"
    ) { bench in
      try PlainDriver(bench).writtenLength()
    },

    ConformanceCase(
      "split.driver-parts-are-kept", ["2.7.5.1-3", "2.7.6-1"],
      tried: "compare descriptor table and available ring before and after each of 40 requests",
      expected: "every byte is as the driver wrote it"
    ) { bench in
      let driver = try RingFormat.split.driver(bench, queueSize: 8)
      let ring = driver.rings[0], counts = RingPlaces.byteCounts(size: driver.rings[0].size)
      func bytes() -> [UInt8] {
        bench.ram.read(ring.places.descriptorTable, count: counts.descriptorTable)
          + bench.ram.read(ring.places.available, count: counts.available)
      }
      for _ in 0..<40 {
        try driver.post()
        let before = bytes()
        try driver.kick()
        _ = try driver.awaitUsed()
        try expect(bytes() == before, came: "the device wrote to a part that is the driver's")
      }
      return "kept"
    },

    ConformanceCase(
      "split.chains-anywhere-in-the-table", ["2.7.5-1", "2.7.8-1"],
      tried: "link chains by next through the table forth and back, over its end, 12 tables full",
      expected: "used elements name the heads; the used index counts them"
    ) { bench in
      let driver = try RingFormat.split.driver(bench, queueSize: 32)
      let ring = driver.rings[0], count = driver.requestDescriptorCount
      var numbers = RepeatableNumbers(seed: 5)
      for turn in 0..<12 {
        let mark = bench.ram.mark
        // A turn in falling order, so that chains go backwards and from entry 0 to the last; then shuffled ones.
        let order =
          turn == 0
          ? (1..<ring.size).reversed() + [0]
          : Array(0..<ring.size).shuffled(using: &numbers)
        var outstanding: [UInt32: LaidOutChain] = [:]
        for first in stride(from: 0, to: ring.size / count * count, by: count) {
          let entries = order[first..<first + count].map { UInt16($0) }
          let chain = try driver.layOutRequest()
          ring.write(chain.descriptors, into: entries)
          ring.publish(head: entries[0])
          outstanding[UInt32(entries[0])] = chain
        }
        try driver.kick()
        while !outstanding.isEmpty { try driver.takeAnswer(of: &outstanding) }
        try expect(
          "used.idx", UInt64(ring.usedIndex), is: UInt64(UInt16((turn + 1) * (ring.size / count))))
        bench.ram.release(to: mark)
      }
      return "the heads, in \(ring.usedIndex) elements"
    },

    ConformanceCase(
      "split.used-index-starts-at-zero", ["2.7.8-1"],
      tried: "use requests, reset the device, set the queue up anew; twice",
      expected: "the used index counts from 0 each time"
    ) { bench in
      for _ in 0..<3 {
        let driver = try PlainDriver(bench)
        for turn in 1...5 {
          try driver.roundTrip()
          try expect("used.idx", UInt64(driver.rings[0].usedIndex), is: UInt64(turn))
        }
      }
      return "from 0"
    },

    ConformanceCase(
      "split.index-wraps", ["2.7.6-1", "2.7.8-1"], tried: "send more than 65536 requests",
      expected: "both indices wrap at 65536, and requests are answered after that"
    ) { bench in
      let driver = try RingFormat.split.driver(bench, queueSize: 32768)
      let chains = try StandingChains(driver)
      try chains.advance(by: 65536 + 3 * chains.count)
      return "\(65536 + 3 * chains.count) requests"
    },

    ConformanceCase(
      "split.used-flags", ["2.7.10.2-1"], tried: "read the used ring's flags while 200 requests are worked",
      expected: "0 or 1"
    ) { bench in
      let driver = try PlainDriver(bench), ring = driver.rings[0]
      var seen: Set<UInt16> = []
      for _ in 0..<200 {
        try driver.post()
        try driver.kick()
        _ = try bench.eventually {
          seen.insert(ring.usedFlags)
          _ = try driver.function.status
          return ring.hasUsed
        }
        _ = try driver.awaitUsed()
        seen.insert(ring.usedFlags)
      }
      try expect(seen.isSubset(of: [0, 1]), came: "flags \(seen.sorted().map { hex($0) })")
      return "flags \(seen.sorted())"
    },
  ]
}

extension SplitRing {
  /// Writes a chain into these entries of the table.
  func write(_ chain: [RingDescriptor], into entries: [UInt16]) {
    for (position, entry) in entries.enumerated() {
      var descriptor = chain[position]
      if position + 1 < entries.count {
        descriptor.flags |= RingDescriptor.next
        descriptor.nextIndex = entries[position + 1]
      }
      setDescriptor(entry, descriptor)
    }
  }
}

/// Requests written once into the table and all slots of a split ring, to be offered many thousand times.
///
/// It is the last queue: a GPU's cursor queue, whose requests are cheap.
struct StandingChains {
  let driver: PlainDriver
  let ring: SplitRing
  /// How many may be outstanding at once.
  let count: Int

  init(_ driver: PlainDriver) throws {
    self.driver = driver
    ring = driver.rings[driver.rings.count - 1]
    let queue = ring.queue
    let length = try driver.layOutRequest(queue: queue).descriptors.count
    count = ring.size / length
    for index in 0..<count {
      let entries = (0..<length).map { UInt16(index * length + $0) }
      ring.write(try driver.layOutRequest(queue: queue).descriptors, into: entries)
      for slot in stride(from: index, to: ring.size, by: count) { ring.setAvailableEntry(slot, entries[0]) }
    }
  }

  /// Offers so many requests, as many together as fit, and waits for all.
  ///
  /// - Throws: `NotObservable` when the device is too slow for that in the time of a case.
  func advance(by total: Int) throws {
    let end = ContinuousClock.now + .seconds(20)
    var done = 0
    while done < total {
      guard ContinuousClock.now < end else {
        throw NotObservable("the device used no more than \(done) requests in 20 seconds")
      }
      let step = min(count, total - done)
      ring.setAvailableIndex(ring.availableIndex &+ UInt16(step))
      try driver.kick(ring.queue)
      let isUsed = try driver.bench.eventually {
        _ = try driver.function.status
        return ring.usedIndex == ring.availableIndex
      }
      try expect(isUsed, came: "used.idx stays \(ring.usedIndex), available is \(ring.availableIndex)")
      done += step
    }
  }
}
