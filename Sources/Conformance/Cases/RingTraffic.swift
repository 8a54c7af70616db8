import GuestDriver

/// Many requests, in both formats: sizes, rounds, batches, full rings, several queues (virtio 1.4 §2.7, §2.8).
extension ConformanceSuite {
  private typealias Feature = VirtioLayout.Feature

  static let ringTraffic: [ConformanceCase] = RingFormat.allCases.flatMap { format in
    traffic(format) + notifications(format) + inOrder(format)
  }

  private static func traffic(_ format: RingFormat) -> [ConformanceCase] {
    let rounds = format.clauses(split: ["2.7.6-1", "2.7.8-1"], packed: ["2.8.1-1", "2.8.6-1"])
    return [
      ConformanceCase(
        "\(format).sizes", format.clauses(split: ["2.7-1"], packed: ["2.8.10.1-2"]), needs: format.needs(),
        tried: format == .split
          ? "use queues of every power of two up to the maximum, three rounds each"
          : "use queues of 1 to 17 descriptors and around the maximum, three rounds each",
        expected: "all requests are answered"
      ) { bench in try sizes(bench, format) },

      ConformanceCase(
        "\(format).rounds", rounds, needs: format.needs(),
        tried: "send single requests of one to four descriptors many times round small rings",
        expected: "each is used once, in the next place"
      ) { bench in
        for size in [2, 4, 8, 16] {
          let driver = try format.driver(bench, queueSize: size), ring = driver.queues[0]
          let layouts = ChainLayout.variety.filter { driver.descriptorCount($0) <= ring.size }
          guard !layouts.isEmpty else { continue }
          for turn in 0..<8 * size { try driver.roundTrip(layouts[turn % layouts.count]) }
        }
        return "used once each"
      },

      ConformanceCase(
        "\(format).full-ring", rounds, needs: format.needs(),
        tried: "fill every descriptor of the queue before one notification, six times",
        expected: "each request is used once"
      ) { bench in
        var counts: [Int] = []
        for size in [8, 32768] {
          let driver = try format.driver(bench, queueSize: size)
          for _ in 0..<6 { try driver.exchange(driver.fullRing) }
          counts.append(driver.fullRing.count)
        }
        return "\(counts[0]) and \(counts[1]) requests at once"
      },

      ConformanceCase(
        "\(format).batches", rounds, needs: format.needs(),
        tried: "send 80 batches of different lengths, each with one notification",
        expected: "each request is used once"
      ) { bench in
        var numbers = RepeatableNumbers(seed: 7), count = 0
        let driver = try format.driver(bench, queueSize: 16)
        for _ in 0..<80 {
          let batch = driver.batch(of: 16, ChainLayout.variety, &numbers)
          try driver.exchange(batch)
          count += batch.count
        }
        return "\(count) requests used"
      },

      ConformanceCase(
        "\(format).stream", rounds, needs: format.needs(),
        tried: "send 400 requests, some while others are outstanding", expected: "each request is used once"
      ) { bench in
        for size in [8, 64] { _ = try format.driver(bench, queueSize: size).stream(400) }
        return "used once each"
      },

      ConformanceCase(
        "\(format).several-queues", rounds, needs: format.needs(),
        tried: "have requests outstanding on all queues at once, twenty times",
        expected: "each queue uses its own"
      ) { bench in
        let driver = try format.driver(bench, queueSize: 16)
        let queues = driver.queues.indices.map { UInt16($0) }
        guard queues.count > 1 else { throw NotApplicable("the device has one queue") }
        for _ in 0..<20 {
          let mark = bench.ram.mark
          var outstanding = queues.map { _ in [UInt32: LaidOutChain]() }
          for queue in queues {
            for _ in 0..<3 {
              let chain = try driver.layOutRequest(queue: queue)
              let name = try driver.queues[Int(queue)].offer(chain.descriptors)
              outstanding[Int(queue)][UInt32(name)] = chain
            }
          }
          for queue in queues.reversed() { try driver.kick(queue) }
          for queue in queues {
            while !outstanding[Int(queue)].isEmpty {
              try driver.takeAnswer(of: &outstanding[Int(queue)], on: queue)
            }
          }
          bench.ram.release(to: mark)
        }
        return "\(queues.count) queues"
      },
    ]
  }

  private static func notifications(_ format: RingFormat) -> [ConformanceCase] {
    [
      ConformanceCase(
        "\(format).notified-only-when-wanted", format.clauses(split: ["2.7.10-1"], packed: ["2.8.10-2"]),
        needs: format.needs(),
        tried: "send 1000 requests and ring the doorbell only when the device does not suppress it",
        expected: "all are used"
      ) { bench in
        let kicks = try format.driver(bench).stream(1000, kicksAlways: false)
        return "all used after \(kicks) notifications"
      },

      ConformanceCase(
        "\(format).notification-data", ["2.9-1", "4.1.5.2-2"], needs: format.needs(Feature.notificationData),
        tried: "ring doorbells with the next place in the ring, each twice, for many rounds",
        expected: "requests are used once each"
      ) { bench in
        let driver = try format.driver(bench, [Feature.notificationData], queueSize: 4)
        for _ in 0..<40 {
          try driver.roundTrip()
          try driver.kick()
        }
        try expect(try driver.staysUnused(), came: "a buffer was used that nobody offered")
        return "used once each"
      },
    ]
  }

  private static func inOrder(_ format: RingFormat) -> [ConformanceCase] {
    let clauses = ["6.2-3"] + format.clauses(split: ["2.7.9-1"], packed: ["2.8.8-1"])
    return [
      ConformanceCase(
        "\(format).in-order", clauses, needs: format.needs(Feature.inOrder),
        tried: "negotiate VIRTIO_F_IN_ORDER, send full rings, batches and single requests",
        expected: "used in the order offered, each by itself or by a later one of its batch"
      ) { bench in
        var numbers = RepeatableNumbers(seed: 3)
        let driver = try format.driver(bench, [Feature.inOrder], queueSize: 16), ring = driver.queues[0]
        for turn in 0..<60 {
          let layouts = turn % 3 == 0 ? driver.fullRing : driver.batch(of: 5, ChainLayout.variety, &numbers)
          let mark = bench.ram.mark
          let chains = try layouts.map { try driver.layOutRequest($0) }
          let names = try chains.map { try ring.offer($0.descriptors) }
          try driver.kick()
          for (name, chain) in zip(names, chains) {
            // The driver's ring has resolved batches: one of them covers all buffers before its last.
            let element = try driver.awaitUsed()
            try expect(element.head == UInt32(name), came: "buffer \(element.head) before \(name)")
            try driver.checkAnswer(chain, element)
          }
          bench.ram.release(to: mark)
        }
        return "in order"
      }
    ]
  }

  private static func sizes(_ bench: ConformanceBench, _ format: RingFormat) throws -> String {
    let function = try bench.function
    try bench.negotiate(bench.plainFeatures | (format == .packed ? 1 << UInt64(Feature.ringPacked) : 0))
    try function.write(.queueSelect, 0)
    let maximum = Int(try function.read(.queueSize))
    let wanted =
      format == .split
      ? (0..<16).map { 1 << $0 } : Array(1...17) + [maximum / 2 + 1, maximum - 1, maximum]
    let hasIndirect = bench.profile.offers(Feature.indirectDescriptors)
    var used: [Int] = []
    for size in Set(wanted.filter { (1...max(1, maximum)).contains($0) }).sorted() {
      let driver = try format.driver(
        bench, hasIndirect ? [Feature.indirectDescriptors] : [], queueSize: size)
      var layout = ChainLayout()
      if size < driver.requestDescriptorCount {
        // One descriptor is enough for a request with an indirect table.
        guard hasIndirect else { continue }
        layout.indirection = .all
      }
      let batch = Array(repeating: layout, count: size / driver.descriptorCount(layout))
      for _ in 0..<3 { try driver.exchange(batch) }
      // Once more from another place.
      try driver.roundTrip(layout)
      try driver.exchange(batch)
      used.append(size)
    }
    return "sizes \(used.map { "\($0)" }.joined(separator: ", "))"
  }
}
