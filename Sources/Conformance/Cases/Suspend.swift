import GuestDriver

/// Suspension of the device, with VIRTIO_F_SUSPEND (virtio 1.4 §3.4.2).
extension ConformanceSuite {
  private typealias Status = VirtioLayout.Status

  static let suspension: [ConformanceCase] = [
    ConformanceCase(
      "reset.suspend-before-driver-ok", ["3.4.2-1"], needs: [.modern, suspend],
      tried: "set SUSPEND before DRIVER_OK", expected: "it is ignored, and the device comes up as ever"
    ) { bench in
      var options = PlainDriver.Options()
      options.features = [VirtioLayout.Feature.suspend]
      options.startsDevice = false
      let driver = try PlainDriver(bench, options), function = driver.function
      try function.setStatus(try function.status | Status.suspend)
      try expect("device_status", UInt64(try function.status), is: 11)
      try function.setStatus(try function.status | Status.driverOK)
      try driver.roundTrip()
      return "ignored"
    },

    ConformanceCase(
      "reset.suspend-and-resume", ["3.4-1", "3.4.2-6", "3.4.2-7"], needs: [.modern, suspend],
      tried: "set SUSPEND, later DRIVER_OK",
      expected: "SUSPEND without DRIVER_OK, then the reverse and a device that works; or DEVICE_NEEDS_RESET"
    ) { bench in
      let driver = try start(bench)
      try driver.roundTrip()
      try suspendNow(driver)
      try resume(driver)
      try driver.roundTrip()
      return "suspended and resumed"
    },

    ConformanceCase(
      "reset.suspended-queues-are-quiet", ["3.4.2-3"], needs: [.modern, suspend],
      tried: "offer a request to a suspended device and ring the doorbell",
      expected: "it is not used, no interrupt comes, and the configuration stays"
    ) { bench in
      let driver = try start(bench), function = driver.function
      try suspendNow(driver)
      try driver.drainInterrupts()
      let generation = try function.read(.configGeneration)
      try driver.post()
      try driver.kick()
      try expect(try driver.staysUnused(), came: "the request was used")
      if let line = try driver.anyInterrupt(withinMilliseconds: bench.patience.quietInMilliseconds) {
        throw Deviation("an interrupt on \(line)")
      }
      try expect("config_generation", try function.read(.configGeneration), is: generation)
      return "quiet"
    },

    ConformanceCase(
      "reset.suspend-finishes-buffers", ["3.4.2-8"], needs: [.modern, suspend],
      tried: "suspend a device with requests in its queue",
      expected: "once SUSPEND shows, the requests taken are used and notified, and no more are taken"
    ) { bench in
      let driver = try start(bench), ring = driver.rings[0]
      let count = try driver.postMany()
      try driver.kick()
      try suspendNow(driver)
      let used = ring.usedIndex
      if used > 0, let line = driver.line(of: 0), bench.shows(.interrupts) {
        let hasCome = try bench.machine.waitForInterrupt(line, timeoutInMilliseconds: 0)
        try expect(hasCome, came: "\(used) requests used, no interrupt before SUSPEND shows")
      }
      try wait(bench)
      try expect(ring.usedIndex == used, came: "\(used) requests used, then \(ring.usedIndex)")
      return "\(used) of \(count) used"
    },

    ConformanceCase(
      "reset.suspend-keeps-configuration", ["3.4.2-2"],
      needs: [.modern, .kind(.gpu), suspend, .observable(.configurationChange)],
      tried: "write events_clear of a suspended device that has an event pending",
      expected: "the event is still there after the device resumes"
    ) { bench in
      let driver = try start(bench), function = driver.function
      try bench.changeConfiguration()
      func hasEvent() throws -> Bool {
        try function.readDevice(GPULayout.Config.eventsRead, width: 4) & UInt64(GPULayout.displayEvent) != 0
      }
      try expect(try bench.eventually(hasEvent), came: "no event after a change")
      try suspendNow(driver)
      try function.writeDevice(GPULayout.Config.eventsClear, width: 4, UInt64(GPULayout.displayEvent))
      try resume(driver)
      try expect(try hasEvent(), came: "the event was cleared")
      return "kept"
    },

    ConformanceCase(
      "reset.suspended-change-is-kept", ["3.4.2-4", "3.4.2-5"],
      needs: [.modern, suspend, .observable(.interrupts), .observable(.configurationChange)],
      tried: "let the configuration change while the device is suspended, then resume it",
      expected: "no interrupt before, one after"
    ) { bench in
      let driver = try start(bench)
      guard let line = driver.configurationLine else { preconditionFailure("mapped by the driver") }
      try suspendNow(driver)
      try driver.drainInterrupts()
      try bench.changeConfiguration()
      let isEarly = try bench.machine.waitForInterrupt(
        line, timeoutInMilliseconds: bench.patience.quietInMilliseconds)
      try expect(!isEarly, came: "an interrupt while suspended")
      try resume(driver)
      let hasCome = try bench.machine.waitForInterrupt(
        line, timeoutInMilliseconds: bench.patience.answerInMilliseconds)
      try expect(hasCome, came: "no interrupt after the device has resumed")
      return "one after it has resumed"
    },
  ]

  private static let suspend = Requirement.feature(VirtioLayout.Feature.suspend)

  private static func start(_ bench: ConformanceBench) throws -> PlainDriver {
    var options = PlainDriver.Options()
    options.features = [VirtioLayout.Feature.suspend]
    return try PlainDriver(bench, options)
  }

  /// Suspends a live device; one that cannot sets DEVICE_NEEDS_RESET and has nothing more to show.
  private static func suspendNow(_ driver: PlainDriver) throws {
    try driver.function.setStatus(try driver.function.status | Status.suspend)
    try awaitStatus(driver, set: Status.suspend, clear: Status.driverOK)
  }

  private static func resume(_ driver: PlainDriver) throws {
    try driver.function.setStatus(try driver.function.status | Status.driverOK)
    try awaitStatus(driver, set: Status.driverOK, clear: Status.suspend)
  }

  private static func awaitStatus(_ driver: PlainDriver, set: UInt8, clear: UInt8) throws {
    var status: UInt8 = 0
    let isThere = try driver.bench.eventually {
      status = try driver.function.status
      return status & Status.needsReset != 0 || status & set == set && status & clear == 0
    }
    try expect(isThere, came: "device_status stays \(hex(status))")
    guard status & Status.needsReset == 0 else {
      throw NotApplicable("the device sets DEVICE_NEEDS_RESET instead, which it may")
    }
  }
}
