import GuestDriver

/// Reset of the device (virtio 1.4 §2.4.1).
extension ConformanceSuite {
  static let deviceReset: [ConformanceCase] = [
    ConformanceCase(
      "reset.status-becomes-zero", ["2.4.1-1", "4.1.4.3.1-6"],
      tried: "write 0 to device_status of a live device",
      expected: "device_status reads 0 in the end, and the device can be brought up again"
    ) { bench in
      try PlainDriver(bench).roundTrip()
      try bench.resetDevice()
      try PlainDriver(bench).roundTrip()
      return "0, and it works again"
    },

    ConformanceCase(
      "reset.from-any-status", ["2.4.1-1"],
      tried: "write status bits in many orders, right and wrong, then 0",
      expected: "device_status reads 0 each time, and the device works afterwards"
    ) { bench in
      let function = try bench.function
      let orders: [[UInt8]] = [
        [1], [1, 3], [4], [8], [0x80], [0xff], [1, 3, 7], [1, 3, 11, 15, 0x8f], [0x40], [1, 3, 2],
      ]
      for order in orders {
        for status in order { try function.setStatus(status) }
        try bench.resetDevice()
      }
      try PlainDriver(bench).roundTrip()
      return "0 from \(orders.count) states"
    },

    ConformanceCase(
      "reset.after-a-doorbell-of-no-queue", ["2.4.1-1"],
      tried: "write numbers of queues that do not exist to a doorbell of a live device, then reset it",
      expected: "the reset ends, and the device works afterwards"
    ) { bench in
      let driver = try PlainDriver(bench), function = driver.function
      try function.write(.queueSelect, 0)
      let offset = UInt16(truncatingIfNeeded: try function.read(.queueNotifyOffset))
      for value: UInt16 in [UInt16(driver.rings.count), 0x7fff, 0xffff] {
        try function.kick(queue: value, notifyOffset: offset)
      }
      try bench.resetDevice()
      try PlainDriver(bench).roundTrip()
      return "it works again"
    },

    ConformanceCase(
      "reset.quiet-afterwards", ["2.4.1-2"],
      tried: "reset a device with requests in its queue, and ring the doorbell afterwards",
      expected: "once device_status is 0 the rings stay as they are, and no interrupt comes"
    ) { bench in
      let driver = try PlainDriver(bench)
      _ = try driver.postMany()
      try driver.kick()
      try bench.resetDevice()
      try driver.drainInterrupts()
      let before = image(of: driver.rings[0], bench.ram)
      try driver.post()
      let posted = image(of: driver.rings[0], bench.ram)
      try driver.kick()
      if let line = try driver.anyInterrupt(withinMilliseconds: bench.patience.quietInMilliseconds) {
        throw Deviation("an interrupt on \(line)")
      }
      try wait(bench)
      let after = image(of: driver.rings[0], bench.ram)
      try expect(before == posted && after == before, came: "the used ring was written after the reset")
      return "quiet"
    },

    ConformanceCase(
      "reset.queue-fields", ["4.1.4.3.1-7"], tried: "read queue_enable of every queue after a reset",
      expected: "0"
    ) { bench in
      let driver = try PlainDriver(bench), function = driver.function
      for queue in 0..<UInt64(driver.rings.count) {
        try function.write(.queueSelect, queue)
        try expect("queue_enable of the live queue \(queue)", try function.read(.queueEnable), is: 1)
      }
      try bench.resetDevice()
      for queue in 0..<UInt64(driver.rings.count) {
        try function.write(.queueSelect, queue)
        try expect("queue_enable of queue \(queue)", try function.read(.queueEnable), is: 0)
      }
      return "1, then 0"
    },
  ]

  /// The used ring's bytes.
  static func image(of ring: SplitRing, _ ram: GuestRAMImage) -> [UInt8] {
    ram.read(ring.places.used, count: RingPlaces.byteCounts(size: ring.size).used)
  }

  /// Lets the quiet time pass.
  static func wait(_ bench: ConformanceBench) throws {
    let end = ContinuousClock.now + .milliseconds(bench.patience.quietInMilliseconds)
    while ContinuousClock.now < end { _ = try bench.machine.readConfig(PCILayout.vendorID, width: 2) }
  }
}
