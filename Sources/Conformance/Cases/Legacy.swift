import GuestDriver

/// The legacy interface of a transitional device (the specification's "Legacy Interface" sections).
extension ConformanceSuite {
  private static let notifyOnEmpty = 24
  private static let anyLayout = 27

  static let legacyInterface: [ConformanceCase] = [
    ConformanceCase(
      "legacy.revision", ["4.1.2.3-1"], needs: [.legacy], tried: "read the revision id", expected: "0"
    ) { bench in
      try expect("the revision id", UInt64(bench.inventory.revisionID), is: 0)
      return "0"
    },

    ConformanceCase(
      "legacy.subsystem", ["4.1.2.3-2"], needs: [.legacy], tried: "read the subsystem device id",
      expected: "the virtio device id of its PCI device id"
    ) { bench in
      let kind = bench.profile.kind
      guard kind.transitionalPCIDeviceID == bench.inventory.deviceID else {
        throw NotApplicable("\(hex(bench.inventory.deviceID)) is no kind's, only the subsystem id tells")
      }
      try expect("the subsystem id", UInt64(bench.inventory.subsystemID), is: UInt64(kind.deviceID))
      return "\(kind.deviceID)"
    },

    ConformanceCase(
      "legacy.structure", ["4.1.4.10-1", "4.1.5.1.1.1-1"], needs: [.legacy],
      tried: "look for the legacy registers in BAR0",
      expected: "an I/O region with status, features and a queue"
    ) { bench in
      guard let bar = bench.inventory.baseAddresses.first(where: { $0.index == 0 }) else {
        throw Deviation("there is no BAR0")
      }
      try expect(bar.isIO, came: "BAR0 is a memory region")
      try expect(bar.size >= 20, came: "BAR0 has \(bar.size) bytes")
      let driver = try LegacyDriver(bench)
      try driver.function.setStatus(1)
      try expect("the status", UInt64(try driver.function.status), is: 1)
      try driver.function.setStatus(3)
      try expect("the status", UInt64(try driver.function.status), is: 3)
      let size = try driver.function.maximumSize(queue: 0)
      try expect(size > 0, came: "queue 0 has the size 0")
      return "\(bar.size) bytes, queue 0 of \(size)"
    },

    ConformanceCase(
      "legacy.round-trip", ["2.2.3-2", "2.7.2-1", "2.7.3-1", "4.1.5.1.3.1-1"], needs: [.legacy],
      tried: "bring the device up by the legacy registers, with a ring in one piece at a page's number",
      expected: "requests are used, little-endian on a little-endian machine"
    ) { bench in
      let driver = try LegacyDriver(bench)
      try driver.bringUp()
      for _ in 0..<3 { try driver.roundTrip() }
      return "3 requests used in a ring of \(driver.ring.size)"
    },

    ConformanceCase(
      "legacy.driver-without-version-1", ["2.2.3-1", "4.1.4.10-4"], needs: [.modern, .legacy],
      tried:
        "accept VERSION_1 by the modern registers, reset, and start by the legacy ones without FEATURES_OK",
      expected: "the device takes the driver for a legacy one, and requests are used"
    ) { bench in
      try bench.negotiate()
      let driver = try LegacyDriver(bench)
      try driver.bringUp()
      for _ in 0..<3 { try driver.roundTrip() }
      let status = try driver.function.status
      try expect(status & 0x4 != 0, came: "the status is \(hex(status))")
      return "requests are used"
    },

    ConformanceCase(
      "legacy.any-layout", ["2.7.4.3-1", "6.3-2"], needs: [.legacy],
      tried: "accept ANY_LAYOUT and cut a request into many descriptors",
      expected: "the feature is offered, and the request is answered as ever"
    ) { bench in
      let driver = try LegacyDriver(bench)
      let offered = try driver.function.offeredFeatures()
      try expect(offered >> UInt64(anyLayout) & 1 != 0, came: "features \(hex(offered))")
      try driver.bringUp(features: [anyLayout])
      let whole = try driver.roundTrip().length
      let cut = try driver.roundTrip(ChainLayout(request: .every(5), response: .pieces(3))).length
      try expect(cut > 0 && (bench.profile.kind != .gpu || cut == whole), came: "len \(whole), then \(cut)")
      return "len \(whole), then \(cut)"
    },

    ConformanceCase(
      "legacy.notify-on-empty", ["6.3-1"], needs: [.legacy, .pin, .observable(.interrupts)],
      tried: "accept NOTIFY_ON_EMPTY, ask for no interrupts, and let the queue run empty",
      expected: "an interrupt all the same"
    ) { bench in
      let driver = try LegacyDriver(bench)
      guard try driver.function.offeredFeatures() >> UInt64(notifyOnEmpty) & 1 != 0 else {
        throw NotApplicable("VIRTIO_F_NOTIFY_ON_EMPTY is not offered")
      }
      try driver.bringUp(features: [notifyOnEmpty])
      driver.ring.setAvailableFlags(1)
      try driver.roundTrip()
      let hasCome = try bench.machine.waitForInterrupt(
        .pin, timeoutInMilliseconds: bench.patience.answerInMilliseconds)
      try expect(hasCome, came: "no interrupt in time")
      return "an interrupt"
    },

    ConformanceCase(
      "legacy.requests-before-driver-ok", ["3.1.2-2"], needs: [.legacy],
      tried: "make requests before DRIVER_OK", expected: "they are used"
    ) { bench in
      let driver = try LegacyDriver(bench)
      try driver.function.setStatus(1)
      try driver.function.setStatus(3)
      try driver.function.acceptFeatures(0)
      try driver.setUpQueue()
      for _ in 0..<3 { try driver.roundTrip() }
      return "used"
    },
  ]
}
