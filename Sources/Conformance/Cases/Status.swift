import GuestDriver

/// The device status field (virtio 1.4 §2.1).
extension ConformanceSuite {
  private typealias Status = VirtioLayout.Status

  static let statusField: [ConformanceCase] = [
    ConformanceCase(
      "status.zero-after-function-reset", ["2.1-1"], needs: [.modern, .observable(.functionReset)],
      tried: "set ACKNOWLEDGE and DRIVER, then reset the function", expected: "device_status reads 0"
    ) { bench in
      try bench.function.setStatus(Status.acknowledge)
      try bench.function.setStatus(Status.acknowledge | Status.driver)
      try bench.machine.resetFunction()
      let again = try PCIInventory(probing: bench.machine)
      let function = try VirtioFunction(bench.machine, again)
      try function.setCommand(PCILayout.Command.memorySpace | PCILayout.Command.busMaster)
      try expect("device_status", try function.read(.deviceStatus), is: 0)
      return "0"
    },

    ConformanceCase(
      "status.steps-read-back", ["2.1-2"], tried: "set the bits up to DRIVER_OK one after the other",
      expected: "each is read back"
    ) { bench in
      let function = try bench.function
      try bench.resetDevice()
      var read: [UInt8] = []
      func step(_ status: UInt8) throws {
        try function.setStatus(status)
        read.append(try function.status)
        try expect("device_status", UInt64(read.last ?? 0), is: UInt64(status))
      }
      try step(Status.acknowledge)
      try step(Status.acknowledge | Status.driver)
      try function.acceptFeatures(bench.plainFeatures)
      try step(Status.acknowledge | Status.driver | Status.featuresOK)
      try step(Status.acknowledge | Status.driver | Status.featuresOK | Status.driverOK)
      return read.map { hex($0) }.joined(separator: ", ")
    },

    ConformanceCase(
      "status.no-buffers-before-driver-ok", ["2.1.2-1"],
      tried: "make a buffer available and ring the doorbell before DRIVER_OK",
      expected: "nothing is used and no interrupt comes"
    ) { bench in
      var options = PlainDriver.Options()
      options.startsDevice = false
      let driver = try PlainDriver(bench, options)
      try driver.post()
      try driver.kick()
      try expect(try driver.staysUnused(), came: "the buffer was used without DRIVER_OK")
      if let line = try driver.anyInterrupt(withinMilliseconds: 0) {
        throw Deviation("an interrupt without DRIVER_OK: \(line)")
      }
      return "nothing"
    },

    ConformanceCase(
      "status.needs-reset", ["2.1.2-2"], tried: "offer a descriptor that the ring does not have",
      expected: "DEVICE_NEEDS_RESET, or later requests are answered all the same"
    ) { bench in
      try PlainDriver(bench).breakRing() ? "DEVICE_NEEDS_RESET" : "the next request was answered"
    },

    ConformanceCase(
      "status.needs-reset-notifies", ["2.1.2-3"], needs: [.modern, .observable(.interrupts)],
      tried: "break a ring so that DEVICE_NEEDS_RESET is set while DRIVER_OK is",
      expected: "the interrupt of configuration changes"
    ) { bench in
      let driver = try PlainDriver(bench)
      guard try driver.breakRing() else {
        throw NotObservable("the device goes on working, nothing here makes it need a reset")
      }
      guard let line = driver.configurationLine else { preconditionFailure("mapped by the driver") }
      let hasCome = try bench.machine.waitForInterrupt(
        line, timeoutInMilliseconds: bench.patience.answerInMilliseconds)
      try expect(hasCome, came: "no interrupt on \(line) in time")
      return "an interrupt on \(line)"
    },

    ConformanceCase(
      "status.configuration-before-features-ok", ["2.5.2-1"], needs: [.modern, .kind(.gpu), .configuration],
      tried: "read the configuration before any status bit, before FEATURES_OK, and after it",
      expected: "the same values"
    ) { bench in
      let function = try bench.function
      func values() throws -> [UInt64] {
        var fields = [GPULayout.Config.scanoutCount, GPULayout.Config.capsetCount]
        if bench.profile.offers(GPULayout.Feature.blobAlignment) {
          fields.append(GPULayout.Config.blobAlignment)
        }
        return try fields.map { try function.readDevice($0, width: 4) }
      }
      let first = try values()
      try function.setStatus(Status.acknowledge)
      try function.setStatus(Status.acknowledge | Status.driver)
      let second = try values()
      try bench.negotiate(bench.profile.offeredFeatures)
      let third = try values()
      try expect(first == third && second == third, came: "\(first), \(second), then \(third)")
      return "\(first)"
    },
  ]
}
