import GuestDriver

/// Notifications by event index, in both formats (virtio 1.4 §2.7.7, §2.7.10, §2.8.10).
extension ConformanceSuite {
  private typealias Feature = VirtioLayout.Feature
  private typealias EventFlags = PackedRing.EventFlags

  static let eventIndices: [ConformanceCase] =
    RingFormat.allCases.flatMap { bothFormats($0) } + splitEvents + packedEvents

  private static func bothFormats(_ format: RingFormat) -> [ConformanceCase] {
    let named = format.clauses(split: ["2.7.7.2-5"], packed: ["2.8.10-1"])
    let others = format.clauses(split: ["2.7.7.2-6"], packed: ["2.8.10-1"])
    let needs = format.needs(Feature.eventIndex, observable: .interrupts)
    return [
      ConformanceCase(
        "event-index.\(format)-next-buffer", named, needs: needs,
        tried: "name the next buffer, send single requests, 3 rounds", expected: "an interrupt for each"
      ) { bench in
        let driver = try format.driver(bench, [Feature.eventIndex], queueSize: 8)
        for turn in 0..<24 {
          driver.queues[0].requestInterrupts()
          try interruptFollows(driver, came: "no interrupt for request \(turn)")
        }
        return "24 requests, each with an interrupt"
      },

      ConformanceCase(
        "event-index.\(format)-later-buffer", named, needs: needs,
        tried: "name a buffer some places on, over the ring's end too, and send requests up to it",
        expected: "an interrupt when it is used"
      ) { bench in
        let driver = try format.driver(bench, [Feature.eventIndex], queueSize: 16)
        for distance in [0, 1, 2, 3, 5, 6, 7, 4, 7, 6] {
          try driver.settleInterrupts(quietMilliseconds: 2)
          driver.awaitEvent(after: distance)
          for _ in 0..<distance { try driver.roundTrip() }
          // An interrupt before the named buffer is not wanted, and forbidden to nobody.
          try interruptFollows(driver, came: "no interrupt for the buffer named, \(distance) places on")
        }
        return "an interrupt each time"
      },

      ConformanceCase(
        "event-index.\(format)-batch-past-the-buffer", named, needs: needs,
        tried: "name one of six buffers that are made available together", expected: "an interrupt"
      ) { bench in
        let driver = try format.driver(bench, [Feature.eventIndex], queueSize: 16)
        let limit = bench.patience.answerInMilliseconds
        for distance in [0, 3, 5, 2, 4, 1, 5, 0] {
          try driver.settleInterrupts(quietMilliseconds: 2)
          driver.awaitEvent(after: distance)
          for _ in 0..<6 { try driver.post() }
          try driver.kick()
          let hasCome = try driver.interruptComes(withinMilliseconds: limit)
          try expect(hasCome, came: "no interrupt for buffer \(distance) of six")
          for _ in 0..<6 { _ = try driver.awaitUsed() }
        }
        return "an interrupt each time"
      },

      ConformanceCase(
        "event-index.\(format)-other-buffers", others, needs: needs,
        tried: "name a buffer that is not reached, and the one just passed; send five requests each",
        expected: "no interrupt"
      ) { bench in
        let driver = try format.driver(bench, [Feature.eventIndex], queueSize: 16)
        // Whatever came before is past.
        driver.queues[0].requestInterrupts()
        try interruptFollows(driver, came: "no interrupt for the first request")
        for distance in [-1, 6, -1, 7] {
          driver.awaitEvent(after: distance)
          try driver.settleInterrupts()
          for _ in 0..<5 { try driver.roundTrip() }
          let hasCome = try driver.interruptComes(withinMilliseconds: bench.patience.quietInMilliseconds)
          try expect(!hasCome, came: "an interrupt with the buffer named \(distance) places on")
        }
        return "none"
      },

      ConformanceCase(
        "event-index.\(format)-interrupts-lose-nothing", named, needs: needs,
        tried: "send 400 requests, look for used buffers after interrupts only", expected: "all are seen"
      ) { bench in
        _ = try format.driver(bench, [Feature.eventIndex], queueSize: 16).stream(400, waking: .interrupts)
        return "all seen"
      },

      ConformanceCase(
        "event-index.\(format)-notified-only-when-wanted",
        format.clauses(split: ["2.7.10-1"], packed: ["2.8.10-2"]), needs: format.needs(Feature.eventIndex),
        tried: "send 1000 requests and ring the doorbell only when the device's event is passed",
        expected: "all are used"
      ) { bench in
        let driver = try format.driver(bench, [Feature.eventIndex], queueSize: 16)
        let kicks = try driver.stream(1000, kicksAlways: false)
        return "all used after \(kicks) notifications"
      },
    ]
  }

  private static let splitEvents: [ConformanceCase] = [
    ConformanceCase(
      "event-index.used-event-without-feature", ["2.7.7.2-1"],
      needs: RingFormat.split.needs(observable: .interrupts),
      tried: "without VIRTIO_F_EVENT_IDX, name buffers far away in used_event",
      expected: "an interrupt for each request all the same"
    ) { bench in
      let driver = try PlainDriver(bench), ring = driver.rings[0]
      for distance: UInt16 in [1, 5, 1000, 0x8000, 0xffff] {
        ring.setUsedEvent(ring.seenUsedIndex &+ distance)
        try interruptFollows(driver, came: "none, with used_event \(distance) entries on")
      }
      return "an interrupt each time"
    },

    ConformanceCase(
      "event-index.flags-ignored", ["2.7.7.2-4"],
      needs: RingFormat.split.needs(Feature.eventIndex, observable: .interrupts),
      tried: "with VIRTIO_F_EVENT_IDX, set the lower bit of the available ring's flags",
      expected: "an interrupt for the buffer that used_event names"
    ) { bench in
      let driver = try RingFormat.split.driver(bench, [Feature.eventIndex])
      driver.rings[0].setAvailableFlags(1)
      for _ in 0..<5 {
        driver.rings[0].requestInterrupts()
        try interruptFollows(driver, came: "none: the flag was obeyed")
      }
      return "an interrupt each time"
    },

    ConformanceCase(
      "event-index.used-flags", ["2.7.10.2-2"], needs: RingFormat.split.needs(Feature.eventIndex),
      tried: "read the used ring's flags while 200 requests are worked", expected: "0"
    ) { bench in
      let driver = try RingFormat.split.driver(bench, [Feature.eventIndex]), ring = driver.rings[0]
      for _ in 0..<200 {
        try driver.post()
        try driver.kick()
        _ = try bench.eventually {
          try expect("the used ring's flags", UInt64(ring.usedFlags), is: 0)
          _ = try driver.function.status
          return ring.hasUsed
        }
        _ = try driver.awaitUsed()
        try expect("the used ring's flags", UInt64(ring.usedFlags), is: 0)
      }
      return "0"
    },

    ConformanceCase(
      "event-index.over-the-index-wrap", ["2.7.7.2-5", "2.7.6-1"],
      needs: RingFormat.split.needs(Feature.eventIndex, observable: .interrupts),
      tried: "name the buffers around the used index's wrap at 65536, one after the other",
      expected: "an interrupt for each"
    ) { bench in
      let driver = try RingFormat.split.driver(bench, [Feature.eventIndex], queueSize: 32768)
      let chains = try StandingChains(driver), ring = chains.ring
      ring.setUsedEvent(65533)
      try chains.advance(by: 65533)
      for index in 65533...65538 {
        try driver.settleInterrupts(chains.ring.queue, quietMilliseconds: 2)
        ring.setUsedEvent(UInt16(truncatingIfNeeded: index))
        try chains.advance(by: 1)
        let hasCome = try driver.interruptComes(
          ring.queue, withinMilliseconds: bench.patience.answerInMilliseconds)
        try expect(hasCome, came: "none for index \(index % 65536)")
      }
      return "an interrupt for each"
    },
  ]

  private static let packedEvents: [ConformanceCase] = [
    ConformanceCase(
      "event-index.packed-enable-and-disable", ["2.8.10-1"],
      needs: RingFormat.packed.needs(Feature.eventIndex, observable: .interrupts),
      tried: "with VIRTIO_F_EVENT_IDX, set the driver's event flags to ENABLE, DISABLE and ENABLE again",
      expected: "an interrupt for each request, none, one for each"
    ) { bench in
      let driver = try RingFormat.packed.driver(bench, [Feature.eventIndex]), ring = driver.packedRings[0]
      ring.suppressInterrupts()  // or taking a buffer would name the next
      for _ in 0..<2 {
        ring.setDriverEvents(EventFlags.enable, 0x7fff)
        for _ in 0..<5 { try interruptFollows(driver, came: "none with ENABLE") }
        ring.setDriverEvents(EventFlags.disable)
        try driver.settleInterrupts()
        for _ in 0..<5 { try driver.roundTrip() }
        let hasCome = try driver.interruptComes(withinMilliseconds: bench.patience.quietInMilliseconds)
        try expect(!hasCome, came: "an interrupt with DISABLE")
      }
      return "as asked for"
    },

    ConformanceCase(
      "event-index.packed-other-round", ["2.8.10-1"],
      needs: RingFormat.packed.needs(Feature.eventIndex, observable: .interrupts),
      tried: "name the next buffer's place with the other wrap counter, then with its own",
      expected: "no interrupt, then one"
    ) { bench in
      let driver = try RingFormat.packed.driver(bench, [Feature.eventIndex], queueSize: 7)
      let ring = driver.packedRings[0]
      try interruptFollows(driver, came: "no interrupt for the first request")
      ring.suppressInterrupts()
      for _ in 0..<10 {
        let place = ring.nextUsed
        try driver.settleInterrupts(quietMilliseconds: 10)
        ring.setDriverEvents(EventFlags.descriptor, place.encoded ^ 0x8000)
        try driver.roundTrip()
        let hasCome = try driver.interruptComes(withinMilliseconds: 10)
        try expect(
          !hasCome,
          came: "an interrupt at descriptor \(place.offset) of \(ring.size), named for the other round")
        ring.setDriverEvents(EventFlags.descriptor, ring.nextUsed.encoded)
        try interruptFollows(driver, came: "none for the place in its own round")
      }
      return "none, then one"
    },

    ConformanceCase(
      "event-index.packed-device-structure", ["2.8.10-3", "2.8.14-1"],
      needs: RingFormat.packed.needs(Feature.eventIndex),
      tried: "look at the device's event suppression structure while 200 requests are worked",
      expected: "flags 0 to 2, no reserved bit, and an offset in the ring with flags 2"
    ) { bench in
      let driver = try RingFormat.packed.driver(bench, [Feature.eventIndex], queueSize: 7)
      let ring = driver.packedRings[0]
      var seen: Set<UInt16> = []
      for _ in 0..<200 {
        try driver.roundTrip()
        let events = ring.deviceEvents
        seen.insert(events.flags)
        try expect(events.flags <= 2, came: "flags \(hex(events.flags))")
        if events.flags == EventFlags.descriptor {
          try expect(
            Int(events.place & 0x7fff) < ring.size, came: "offset \(events.place & 0x7fff) in a ring of 7")
        }
      }
      return "flags \(seen.sorted())"
    },
  ]
}

extension PlainDriver {
  /// Asks for an interrupt at the buffer of queue 0 so many whole requests after the next, and at no other.
  func awaitEvent(after requests: Int) {
    let ring = queues[0]
    ring.suppressInterrupts()
    if let split = ring as? SplitRing {
      split.setUsedEvent(split.seenUsedIndex &+ UInt16(truncatingIfNeeded: requests))
    } else if let packed = ring as? PackedRing {
      var place = packed.nextUsed
      // The place just passed is two rounds away, less one.
      let distance = requests * requestDescriptorCount, rounds = 2 * packed.size
      for _ in 0..<(distance + rounds) % rounds { place.advance(by: 1, in: packed.size) }
      packed.setDriverEvents(PackedRing.EventFlags.descriptor, place.encoded)
    }
  }
}
