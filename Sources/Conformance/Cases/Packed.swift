import GuestDriver

/// What only packed virtqueues have: one ring that both sides write (virtio 1.4 §2.8).
extension ConformanceSuite {
  private typealias Flags = PackedDescriptor

  static let packedQueues: [ConformanceCase] = [
    ConformanceCase(
      "packed.used-flags", ["2.8.1-1"], needs: RingFormat.packed.needs(),
      tried: "read the available and the used bit of used descriptors over nine rounds of a ring of five",
      expected: "both equal, and turning with each round"
    ) { bench in
      let driver = try RingFormat.packed.driver(bench, queueSize: 5), ring = driver.packedRings[0]
      for _ in 0..<9 * 5 {
        let place = ring.nextUsed
        try driver.roundTrip()
        let flags = ring.descriptor(place.offset).flags & (Flags.available | Flags.used)
        try expect(
          "AVAIL and USED at \(place.offset)", UInt64(flags),
          is: place.wrap ? UInt64(Flags.available | Flags.used) : 0)
      }
      return "equal, and turning"
    },

    ConformanceCase(
      "packed.used-length", ["2.8.4-1"], needs: RingFormat.packed.needs(),
      tried: "let the device write the same answer over two fillings",
      expected: "len is no more than the room, and so many bytes are written"
    ) { bench in
      try RingFormat.packed.driver(bench).writtenLength()
    },

    ConformanceCase(
      "packed.write-flag", ["2.8.3-1"], needs: RingFormat.packed.needs(),
      tried: "read the write flag of a used descriptor after an answer was written",
      expected: "set, since something was written"
    ) { bench in
      let driver = try RingFormat.packed.driver(bench), ring = driver.packedRings[0]
      for _ in 0..<3 {
        let place = ring.nextUsed.offset
        try driver.roundTrip()
        try expect(ring.descriptor(place).flags & RingDescriptor.write != 0, came: "clear")
      }
      return "set"
    },

    ConformanceCase(
      "packed.write-flag-of-readable-buffer", ["2.8.3-1"], needs: RingFormat.packed.needs() + [.kind(.gpu)],
      tried: "read the write flag of a used descriptor after a cursor movement without room for an answer",
      expected: "clear, since nothing could be written"
    ) { bench in
      let driver = try RingFormat.packed.driver(bench, queueSize: 3)
      let queue = GPULayout.cursorQueue, ring = driver.packedRings[Int(queue)]
      for _ in 0..<7 {
        let place = ring.nextUsed.offset
        try driver.roundTrip(on: queue)
        try expect(ring.descriptor(place).flags & RingDescriptor.write == 0, came: "set")
      }
      return "clear"
    },

    ConformanceCase(
      "packed.buffer-id-of-the-last-descriptor", ["2.8.6-1"],
      needs: RingFormat.packed.needs() + [.kind(.gpu)],
      tried: "give the descriptors of a list different buffer ids, of any 16 bits",
      expected: "the used descriptor has the last one's"
    ) { bench in
      let driver = try RingFormat.packed.driver(bench, queueSize: 8), ring = driver.packedRings[0]
      var place = PackedRing.Position()
      for id: UInt16 in [0, 7, 8, 0x1234, 0x8000, 0xffff, 0xfffe, 1, 2] {
        let chain = try driver.layOutRequest(ChainLayout(response: .pieces(2))).descriptors
        let first = place
        var flagsOfFirst: UInt16 = 0
        for (index, part) in chain.enumerated() {
          let isLast = index == chain.count - 1
          let flags = part.flags | place.availableFlags | (isLast ? 0 : RingDescriptor.next)
          let one = PackedDescriptor(
            address: part.address, length: part.length, id: isLast ? id : ~id, flags: flags)
          if index == 0 {
            flagsOfFirst = flags
            ring.setDescriptorExceptFlags(place.offset, one)
          } else {
            ring.setDescriptor(place.offset, one)
          }
          place.advance(by: 1, in: ring.size)
        }
        ring.setFlags(first.offset, flagsOfFirst)
        ring.nextAvailable = place
        try driver.kick()
        try awaitUsed(driver, at: first)
        try expect("the buffer id", UInt64(ring.descriptor(first.offset).id), is: UInt64(id))
      }
      return "the last one's"
    },

    ConformanceCase(
      "packed.unavailable-is-not-used", ["2.8.15-3"], needs: RingFormat.packed.needs(),
      tried:
        "write a request but for the bits that make it available, notify; then set them; for four rounds",
      expected: "not used before, used after"
    ) { bench in
      let driver = try RingFormat.packed.driver(bench, queueSize: 4), ring = driver.packedRings[0]
      for _ in 0..<8 {
        let chain = try driver.layOutRequest()
        let before = ring.nextUsed, place = ring.nextAvailable.offset
        let placed = try ring.place(chain.descriptors)
        // The other round's bits: what a descriptor looks like that was used one round ago.
        let old = before.wrap ? 0 : Flags.available | Flags.used
        ring.setFlags(place, placed.flagsOfFirst & ~(Flags.available | Flags.used) | old)
        try driver.kick()
        let end = ContinuousClock.now + .milliseconds(15)
        while ContinuousClock.now < end {
          try expect(!ring.hasUsed, came: "used before it was available")
          _ = try driver.function.status
        }
        ring.publish(placed)
        try driver.kick()
        try driver.checkAnswer(chain, try driver.awaitUsed())
      }
      return "used when available"
    },

    ConformanceCase(
      "packed.used-descriptors-stay", ["2.8.15-4"], needs: RingFormat.packed.needs(),
      tried: "compare used descriptors with what they were, while later ones are used, for a round",
      expected: "none changes"
    ) { bench in
      let driver = try RingFormat.packed.driver(bench, queueSize: 16), ring = driver.packedRings[0]
      var used: [Int: PackedDescriptor] = [:]
      for _ in 0..<ring.size / driver.requestDescriptorCount {
        let place = ring.nextUsed.offset
        try driver.roundTrip()
        used[place] = ring.descriptor(place)
        for (place, descriptor) in used {
          try expect(ring.descriptor(place) == descriptor, came: "descriptor \(place) changed after its use")
        }
      }
      _ = try driver.staysUnused()
      for (place, descriptor) in used {
        try expect(ring.descriptor(place) == descriptor, came: "descriptor \(place) changed after its use")
      }
      return "none changed"
    },

    ConformanceCase(
      "packed.used-in-a-row", ["2.8.12-2", "2.8.6-1"], needs: RingFormat.packed.needs(),
      tried: "make lists of two to four descriptors available together, over the ring's end",
      expected: "used descriptors follow each other, each as far on as its list is long"
    ) { bench in
      var numbers = RepeatableNumbers(seed: 9), count = 0
      let driver = try RingFormat.packed.driver(bench, queueSize: 13)
      for _ in 0..<50 {
        // The driver's ring looks for the next used descriptor where the last one's list ends, nowhere else.
        let batch = driver.batch(of: 6, ChainLayout.variety, &numbers)
        try driver.exchange(batch)
        count += batch.count
      }
      return "\(count) lists in a row"
    },

    ConformanceCase(
      "packed.event-structures", ["2.8.10-3", "2.8.14-1"], needs: RingFormat.packed.needs(),
      tried: "look at both event suppression structures while 200 requests are worked",
      expected: "the driver's is kept; the device's has flags 0 or 1 and no reserved bit"
    ) { bench in
      let driver = try RingFormat.packed.driver(bench), ring = driver.packedRings[0]
      ring.setDriverEvents(PackedRing.EventFlags.enable, 0x7abc)
      let before = bench.ram.read(ring.places.available, count: 4)
      var seen: Set<UInt16> = []
      for _ in 0..<200 {
        try driver.roundTrip()
        seen.insert(ring.deviceEvents.flags)
      }
      try expect(seen.isSubset(of: [0, 1]), came: "flags \(seen.sorted().map { hex($0) })")
      try expect(
        bench.ram.read(ring.places.available, count: 4) == before, came: "the driver's structure was written")
      return "flags \(seen.sorted())"
    },
  ]

  /// Waits until the descriptor at a place is marked used there.
  private static func awaitUsed(_ driver: PlainDriver, at place: PackedRing.Position) throws {
    let ring = driver.packedRings[0], wanted = place.wrap ? Flags.available | Flags.used : 0
    let isUsed = try driver.bench.eventually {
      _ = try driver.function.status
      return ring.descriptor(place.offset).flags & (Flags.available | Flags.used) == wanted
    }
    try expect(isUsed, came: "the list at \(place.offset) is not used")
  }
}

extension PackedRing.Position {
  /// The bits that make a descriptor here available (virtio 1.4 §2.8.1).
  var availableFlags: UInt16 { wrap ? PackedDescriptor.available : PackedDescriptor.used }
}
