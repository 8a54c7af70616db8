import GuestDriver

/// ISR status and the interrupt pin (virtio 1.4 §4.1.4.5).
extension ConformanceSuite {
  private typealias Status = VirtioLayout.InterruptStatus

  static let pinInterrupts: [ConformanceCase] = [
    ConformanceCase(
      "interrupts.queue-bit", ["4.1.4.5.1-3", "4.1.5.3-1"],
      tried: "make a request with MSI-X off and read ISR status",
      expected: "the queue bit, and an interrupt if there is a pin"
    ) { bench in
      let driver = try withPin(bench)
      try driver.roundTrip()
      if bench.profile.hasPin, bench.shows(.interrupts) {
        let hasCome = try bench.machine.waitForInterrupt(
          .pin, timeoutInMilliseconds: bench.patience.answerInMilliseconds)
        try expect(hasCome, came: "no interrupt in time")
      }
      let isr = try readWhenSet(bench, driver.function)
      try expect(isr & Status.queue != 0, came: "ISR status \(hex(isr))")
      return "ISR status \(hex(isr))"
    },

    ConformanceCase(
      "interrupts.configuration-bit", ["4.1.4.5.1-2"],
      tried: "cause a configuration change notification with MSI-X off and read ISR status",
      expected: "the configuration bit"
    ) { bench in
      let driver = try withPin(bench)
      try bench.provokeConfigurationNotification(driver)
      var seen: UInt8 = 0
      _ = try bench.eventually {
        seen |= try driver.function.readInterruptStatus()
        return seen & Status.configuration != 0
      }
      try expect(seen & Status.configuration != 0, came: "ISR status \(hex(seen))")
      return "ISR status \(hex(seen))"
    },

    ConformanceCase(
      "interrupts.read-clears", ["4.1.4.5.1-5"], tried: "read ISR status twice after a request, MSI-X off",
      expected: "not 0, then 0"
    ) { bench in
      let driver = try withPin(bench)
      try driver.roundTrip()
      let first = try readWhenSet(bench, driver.function), second = try driver.function.readInterruptStatus()
      try expect(first != 0 && second == 0, came: "\(hex(first)), then \(hex(second))")
      return "\(hex(first)), then 0x0"
    },

    ConformanceCase(
      "interrupts.pci-status-bit", ["4.1.4.5.1-4"], needs: [.modern, .observable(.configurationSpace)],
      tried: "read the PCI status register before and after ISR status was read, MSI-X off",
      expected: "the interrupt status bit is set, then clear"
    ) { bench in
      let driver = try withPin(bench)
      func isSet() throws -> Bool {
        let status = try bench.machine.readConfig(PCILayout.status, width: 2)
        return UInt16(truncatingIfNeeded: status) & PCILayout.Status.interrupt != 0
      }
      try expect(try !isSet(), came: "set before any request")
      try driver.roundTrip()
      try expect(try bench.eventually(isSet), came: "clear while ISR status is not 0")
      _ = try driver.function.readInterruptStatus()
      try expect(try !isSet(), came: "still set after ISR status was read")
      return "set, then clear"
    },

    ConformanceCase(
      "interrupts.pin-falls-on-read", ["4.1.4.5-1"],
      needs: [.modern, .pin, .observable(.interrupts), .observable(.pin)],
      tried: "leave ISR status unread after an interrupt, then read it",
      expected: "the pin stays up, then falls"
    ) { bench in
      let driver = try withPin(bench)
      try driver.roundTrip()
      for _ in 0..<2 {
        let hasCome = try bench.machine.waitForInterrupt(
          .pin, timeoutInMilliseconds: bench.patience.answerInMilliseconds)
        try expect(hasCome, came: "the pin is down though ISR status was not read")
        try bench.machine.acknowledgeInterrupt(.pin)
      }
      _ = try driver.function.readInterruptStatus()
      // The last acknowledgement may have let one through while the pin was still up.
      _ = try bench.machine.waitForInterrupt(.pin, timeoutInMilliseconds: 0)
      try bench.machine.acknowledgeInterrupt(.pin)
      let isUp = try bench.machine.waitForInterrupt(
        .pin, timeoutInMilliseconds: bench.patience.quietInMilliseconds)
      try expect(!isUp, came: "the pin is up though ISR status was read")
      return "up, then down"
    },

    ConformanceCase(
      "interrupts.pin-disabled", ["4.1.1-1"],
      needs: [
        .modern, .pin, .observable(.interrupts), .observable(.pin), .observable(.configurationSpace),
      ],
      tried: "set Interrupt Disable, make a request, and clear it", expected: "no interrupt, then one"
    ) { bench in
      let driver = try withPin(bench)
      let command = PCILayout.Command.memorySpace | PCILayout.Command.ioSpace | PCILayout.Command.busMaster
      try driver.function.setCommand(command | PCILayout.Command.interruptDisable)
      try driver.roundTrip()
      let isEarly = try bench.machine.waitForInterrupt(
        .pin, timeoutInMilliseconds: bench.patience.quietInMilliseconds)
      try expect(!isEarly, came: "an interrupt in spite of Interrupt Disable")
      try driver.function.setCommand(command)
      let hasCome = try bench.machine.waitForInterrupt(
        .pin, timeoutInMilliseconds: bench.patience.answerInMilliseconds)
      try expect(hasCome, came: "no interrupt after Interrupt Disable was cleared")
      return "none, then one"
    },
  ]

  private static func withPin(_ bench: ConformanceBench) throws -> PlainDriver {
    var options = PlainDriver.Options()
    options.interrupts = .pin
    return try PlainDriver(bench, options)
  }

  /// ISR status once it is not 0: the used index may be seen before the bits are.
  private static func readWhenSet(_ bench: ConformanceBench, _ function: VirtioFunction) throws -> UInt8 {
    var isr: UInt8 = 0
    _ = try bench.eventually {
      isr = try function.readInterruptStatus()
      return isr != 0
    }
    return isr
  }
}
