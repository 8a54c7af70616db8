import GuestDriver

/// Used buffer notifications without event indices, in both formats (virtio 1.4 §2.7.7, §2.8.10).
extension ConformanceSuite {
  static let ringInterrupts: [ConformanceCase] = RingFormat.allCases.flatMap { format in
    [
      ConformanceCase(
        "\(format).interrupt-for-each-buffer", format.clauses(split: ["2.7.7.2-3"], packed: ["2.8.10-1"]),
        needs: format.needs(observable: .interrupts),
        tried: "ask for notifications and send single requests", expected: "an interrupt for each"
      ) { bench in
        let driver = try format.driver(bench)
        for turn in 0..<20 { try interruptFollows(driver, came: "no interrupt for request \(turn)") }
        return "20 requests, each with an interrupt"
      },

      ConformanceCase(
        "\(format).interrupts-lose-nothing", format.clauses(split: ["2.7.7.2-3"], packed: ["2.8.10-1"]),
        needs: format.needs(observable: .interrupts),
        tried: "send 300 requests, look for used buffers after interrupts only", expected: "all are seen"
      ) { bench in
        _ = try format.driver(bench).stream(300, waking: .interrupts)
        return "all seen"
      },

      ConformanceCase(
        "\(format).interrupts-suppressed", format.clauses(split: ["2.7.7.2-2"], packed: ["2.8.10-1"]),
        needs: format.needs(observable: .interrupts),
        tried: "advise against notifications before each of 10 requests, then ask for them again",
        expected: "no interrupt for the ten, one for the next"
      ) { bench in
        let driver = try format.driver(bench)
        try interruptFollows(driver, came: "no interrupt for the first request")
        driver.queues[0].suppressInterrupts()
        try driver.settleInterrupts()
        for _ in 0..<10 { try driver.roundTrip() }
        let hasCome = try driver.interruptComes(withinMilliseconds: bench.patience.quietInMilliseconds)
        try expect(!hasCome, came: "an interrupt although the driver advised against it")
        driver.queues[0].requestInterrupts()
        try interruptFollows(driver, came: "no interrupt after the driver asked for it again")
        return "none, then one"
      },
    ]
  }

  /// Sends a request on queue 0, waits for its interrupt and for nothing else, and takes what was used.
  static func interruptFollows(_ driver: PlainDriver, came: @autoclosure () -> String) throws {
    // One that is still under way would be taken for this request's: the device's luck, nothing worse.
    try driver.settleInterrupts(quietMilliseconds: 1)
    try driver.post()
    try driver.kick()
    let limit = driver.bench.patience.answerInMilliseconds
    try expect(try driver.interruptComes(withinMilliseconds: limit), came: came())
    _ = try driver.awaitUsed()
  }
}
