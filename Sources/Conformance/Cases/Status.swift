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
      _ = try PlainDriver(bench)
      try expect("device_status", UInt64(try bench.function.status), is: 15)
      return "0xf"
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
      if bench.shows(.interrupts) {
        let hasCome = try bench.machine.waitForInterrupt(driver.line(of: 0), timeoutInMilliseconds: 0)
        try expect(!hasCome, came: "an interrupt without DRIVER_OK")
      }
      return "nothing"
    },
  ]
}
