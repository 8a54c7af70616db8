import GuestDriver

/// Delivery of messages (virtio 1.4 §4.1.5.3, §4.1.5.4; PCI 3.0 §6.8.2).
extension ConformanceSuite {
  private typealias Control = PCILayout.MSIX

  static let messages: [ConformanceCase] = [
    ConformanceCase(
      "interrupts.each-queue-its-vector", ["4.1.5.1.2-1", "4.1.5.3-1"],
      needs: [.modern, .vectors, .observable(.interrupts)],
      tried: "give each event a vector and make a request on queue 0", expected: "queue 0's vector, no other"
    ) { bench in
      let driver = try PlainDriver(bench)
      guard bench.profile.vectorCount > 2 else { throw NotApplicable("there are no three vectors") }
      try driver.roundTrip()
      try expectInterrupt(bench, .vector(1))
      if let line = try driver.anyInterrupt(withinMilliseconds: bench.patience.quietInMilliseconds) {
        throw Deviation("an interrupt on \(line) too")
      }
      return "vector 1"
    },

    ConformanceCase(
      "interrupts.shared-vector", ["4.1.5.1.2-1"], needs: [.modern, .vectors, .observable(.interrupts)],
      tried: "map every event to vector 0 and make a request", expected: "an interrupt on vector 0"
    ) { bench in
      let driver = try PlainDriver(bench, options(.oneVector))
      try driver.roundTrip()
      try expectInterrupt(bench, .vector(0))
      return "vector 0"
    },

    ConformanceCase(
      "interrupts.queue-without-vector", ["4.1.5.3.1-1"],
      needs: [.modern, .vectors, .observable(.interrupts)],
      tried: "make a request with MSI-X on and no vector mapped", expected: "it is used without an interrupt"
    ) { bench in
      let driver = try PlainDriver(bench, options(.unmapped))
      try driver.roundTrip()
      if let line = try driver.anyInterrupt(withinMilliseconds: bench.patience.quietInMilliseconds) {
        throw Deviation("an interrupt on \(line)")
      }
      return "no interrupt"
    },

    ConformanceCase(
      "interrupts.configuration-without-vector", ["4.1.5.4.1-1"],
      needs: [.modern, .vectors, .observable(.interrupts)],
      tried: "cause a configuration change notification with MSI-X on and no vector mapped",
      expected: "no interrupt"
    ) { bench in
      let driver = try PlainDriver(bench, options(.unmapped))
      try bench.provokeConfigurationNotification(driver)
      if let line = try driver.anyInterrupt(withinMilliseconds: bench.patience.quietInMilliseconds) {
        throw Deviation("an interrupt on \(line)")
      }
      return "no interrupt"
    },

    ConformanceCase(
      "interrupts.masked-vector", ["4.1.1-1"],
      needs: [.modern, .vectors, .observable(.interrupts), .observable(.vectorTable)],
      tried: "mask the queue's vector, make a request, and unmask it",
      expected: "a pending bit instead of the message, and the message in the end"
    ) { bench in
      let driver = try PlainDriver(bench)
      guard let table = bench.inventory.vectorTable, case .vector(let vector) = driver.line(of: 0) else {
        throw Deviation("queue 0 has no vector")
      }
      let control = table.tableOffset + UInt64(vector * Control.entrySize + Control.entryControl)
      func mask(_ mask: UInt32) throws {
        try bench.machine.writeBAR(table.tableBAR, at: control, width: 4, UInt64(mask))
      }
      try mask(Control.entryMasked)
      try driver.roundTrip()
      try expectPending(bench, table, vector)
      try mask(0)
      try expectInterrupt(bench, .vector(vector))
      return "pending, then the message"
    },

    ConformanceCase(
      "interrupts.masked-function", ["4.1.1-1"],
      needs: [.modern, .vectors, .observable(.interrupts), .observable(.vectorTable)],
      tried: "set Function Mask, make a request, and clear it",
      expected: "a pending bit instead of the message, and the message in the end"
    ) { bench in
      let driver = try PlainDriver(bench)
      guard let table = bench.inventory.vectorTable, case .vector(let vector) = driver.line(of: 0) else {
        throw Deviation("queue 0 has no vector")
      }
      try driver.function.setVectorControl(Control.controlEnable | Control.controlFunctionMask)
      try driver.roundTrip()
      try expectPending(bench, table, vector)
      try driver.function.setVectorControl(Control.controlEnable)
      try expectInterrupt(bench, .vector(vector))
      return "pending, then the message"
    },
  ]

  /// Fails unless an interrupt comes.
  private static func expectInterrupt(_ bench: ConformanceBench, _ line: InterruptLine) throws {
    let hasCome = try bench.machine.waitForInterrupt(
      line, timeoutInMilliseconds: bench.patience.answerInMilliseconds)
    try expect(hasCome, came: "no interrupt on \(line) in time")
  }

  /// Fails unless a vector's message waits behind its mask.
  private static func expectPending(
    _ bench: ConformanceBench, _ table: PCIInventory.VectorTable, _ vector: Int
  ) throws {
    let place = table.pendingOffset + UInt64(vector / 32 * 4), bit = UInt64(1) << UInt64(vector % 32)
    let isPending = try bench.eventually {
      try bench.machine.readBAR(table.pendingBAR, at: place, width: 4) & bit != 0
    }
    try expect(isPending, came: "the pending bit of vector \(vector) is not set")
    let hasCome = try bench.machine.waitForInterrupt(
      .vector(vector), timeoutInMilliseconds: bench.patience.quietInMilliseconds)
    try expect(!hasCome, came: "the message came in spite of the mask")
  }

  private static func options(_ interrupts: PlainDriver.Interrupts) -> PlainDriver.Options {
    var options = PlainDriver.Options()
    options.interrupts = interrupts
    return options
  }
}
