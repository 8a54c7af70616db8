import GuestDriver

/// Reset of one queue, with VIRTIO_F_RING_RESET (virtio 1.4 §2.6.1).
extension ConformanceSuite {
  static let queueReset: [ConformanceCase] = [
    ConformanceCase(
      "reset.queue-reset-field", ["4.1.4.3.1-8", "4.1.4.3.1-9", "4.1.4.3.1-12"], needs: [.modern, ringReset],
      tried: "read queue_reset after a reset and after queue_enable, then write 1 to it",
      expected: "0, 0, and in the end 0 in queue_enable too"
    ) { bench in
      try bench.negotiate(bench.plainFeatures | ringResetBit)
      let function = try bench.function
      try function.write(.queueSelect, 0)
      try expect("queue_reset after a reset", try function.read(.queueReset), is: 0)
      let driver = try start(bench)
      try function.write(.queueSelect, 0)
      try expect("queue_reset of an enabled queue", try function.read(.queueReset), is: 0)
      try reset(driver)
      try expect("queue_enable after the queue's reset", try function.read(.queueEnable), is: 0)
      try driver.setUp(0, size: 64)
      try expect("queue_reset of a queue enabled again", try function.read(.queueReset), is: 0)
      return "0"
    },

    ConformanceCase(
      "reset.queue-is-quiet", ["2.6.1.1.1-1", "4.1.4.3.1-10"], needs: [.modern, ringReset],
      tried: "reset queue 0 and offer a request in its old ring",
      expected: "it is not used, and no interrupt comes"
    ) { bench in
      let driver = try start(bench)
      try driver.roundTrip()
      try reset(driver)
      try driver.drainInterrupts()
      try driver.post()
      try driver.kick()
      try expect(try driver.staysUnused(), came: "the request was used")
      if let line = try driver.anyInterrupt(withinMilliseconds: bench.patience.quietInMilliseconds) {
        throw Deviation("an interrupt on \(line)")
      }
      return "quiet"
    },

    ConformanceCase(
      "reset.queue-state", ["2.6.1.1.1-2"], needs: [.modern, ringReset],
      tried: "reset queue 0 after some requests and enable it with a fresh ring",
      expected: "its indices begin at 0 again"
    ) { bench in
      let driver = try start(bench)
      for _ in 0..<5 { try driver.roundTrip() }
      try reset(driver)
      try driver.setUp(0, size: 64)
      try driver.roundTrip()
      try expect("used.idx", UInt64(driver.rings[0].usedIndex), is: 1)
      return "used.idx 1 after the first request"
    },

    ConformanceCase(
      "reset.queue-with-another-size", ["2.6.1.2.1-1"], needs: [.modern, ringReset],
      tried: "enable queue 0 again at another place with a smaller size, and go round the ring",
      expected: "requests are used as before"
    ) { bench in
      let driver = try start(bench)
      try driver.roundTrip()
      try reset(driver)
      try driver.setUp(0, size: 8)
      try expect("queue_size", try driver.function.read(.queueSize), is: UInt64(driver.rings[0].size))
      for _ in 0..<20 { try driver.roundTrip() }
      return "20 requests in a ring of \(driver.rings[0].size)"
    },
  ]

  private static let ringReset = Requirement.feature(VirtioLayout.Feature.ringReset)
  private static let ringResetBit: UInt64 = 1 << UInt64(VirtioLayout.Feature.ringReset)

  private static func start(_ bench: ConformanceBench) throws -> PlainDriver {
    var options = PlainDriver.Options()
    options.features = [VirtioLayout.Feature.ringReset]
    return try PlainDriver(bench, options)
  }

  /// Resets queue 0 and leaves it selected.
  private static func reset(_ driver: PlainDriver) throws {
    try driver.function.write(.queueSelect, 0)
    try driver.function.write(.queueReset, 1)
    let isDone = try driver.bench.eventually { try driver.function.read(.queueReset) == 0 }
    try expect(isDone, came: "queue_reset stays 1")
  }
}
