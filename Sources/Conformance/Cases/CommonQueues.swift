import GuestDriver

/// The queue fields of the common configuration structure (virtio 1.4 §4.1.4.3), and doorbells (§4.1.5.2).
extension ConformanceSuite {
  private typealias Feature = VirtioLayout.Feature

  static let queueRegisters: [ConformanceCase] = [
    ConformanceCase(
      "common.queue-count", ["4.1.4.3-3", "5.4.2-1", "5.7.2-1"],
      tried: "read num_queues and the size of each queue",
      expected: "2 queues of a GPU, 1 of an entropy device, none of size 0"
    ) { bench in
      let least: UInt64 =
        switch bench.profile.kind {
        case .gpu: 2
        case .entropy: 1
        case .other: throw NotApplicable("the queues of this kind of device are not known here")
        }
      let function = try bench.function
      let count = try function.read(.queueCount)
      try expect(count >= least, came: "num_queues is \(count)")
      for queue in 0..<least {
        try function.write(.queueSelect, queue)
        try expect(try function.read(.queueSize) > 0, came: "queue \(queue) has the size 0")
      }
      return "\(count)"
    },

    ConformanceCase(
      "common.queue-select-past-end", ["4.1.4.3.1-13"],
      tried: "select queues past num_queues and read queue_size", expected: "0 for each"
    ) { bench in
      let function = try bench.function
      let count = try function.read(.queueCount)
      guard !bench.profile.offers(Feature.adminQueue) else {
        throw NotApplicable("administration queues are behind the others")
      }
      for queue in [count, count + 1, 0x7fff, 0xffff] where queue >= count && queue <= 0xffff {
        try function.write(.queueSelect, queue)
        try expect("queue_size of queue \(queue)", try function.read(.queueSize), is: 0)
      }
      return "0"
    },

    ConformanceCase(
      "common.queue-size-is-a-power-of-two", ["4.1.4.3.1-14"],
      tried: "read queue_size of every queue without VIRTIO_F_RING_PACKED", expected: "0 or a power of two"
    ) { bench in
      try bench.negotiate()
      let function = try bench.function
      var sizes: [UInt64] = []
      for queue in 0..<(try function.read(.queueCount)) {
        try function.write(.queueSelect, queue)
        let size = try function.read(.queueSize)
        sizes.append(size)
        try expect(size.nonzeroBitCount <= 1, came: "queue \(queue) has the size \(size)")
      }
      return sizes.map { "\($0)" }.joined(separator: ", ")
    },

    ConformanceCase(
      "common.queue-size-reduced", ["4.1.4.3-4"],
      tried: "halve queue_size, reset, and read it", expected: "the half, then the maximum again"
    ) { bench in
      try bench.negotiate()
      let function = try bench.function
      try function.write(.queueSelect, 0)
      let maximum = try function.read(.queueSize)
      guard maximum >= 2 else { throw NotApplicable("the queue has the size \(maximum)") }
      try function.write(.queueSize, maximum / 2)
      try expect("queue_size", try function.read(.queueSize), is: maximum / 2)
      try bench.negotiate()
      try function.write(.queueSelect, 0)
      try expect("queue_size after a reset", try function.read(.queueSize), is: maximum)
      return "\(maximum / 2), then \(maximum)"
    },

    ConformanceCase(
      "common.queue-fields", ["4.1.4.3-1"], tried: "write the fields of every queue, then read them all",
      expected: "each queue has kept its own"
    ) { bench in
      try bench.negotiate()
      let function = try bench.function
      let registers: [CommonRegister] = [.queueDescriptorArea, .queueDriverArea, .queueDeviceArea]
      let count = min(try function.read(.queueCount), 16)
      func value(_ queue: UInt64, _ index: Int) -> UInt64 {
        0x1_0000_0000 * (queue + 1) + 0x1_0000 * (8 * queue + UInt64(index) + 1)
      }
      for queue in 0..<count {
        try function.write(.queueSelect, queue)
        for (index, register) in registers.enumerated() { try function.write(register, value(queue, index)) }
      }
      for queue in 0..<count {
        try function.write(.queueSelect, queue)
        for (index, register) in registers.enumerated() {
          try expect("\(register) of queue \(queue)", try function.read(register), is: value(queue, index))
        }
      }
      return "\(count) queues"
    },

    ConformanceCase(
      "common.doorbells", ["4.1.5.2-1"], tried: "write the queue's number to its doorbell after a request",
      expected: "the request is used"
    ) { bench in
      let driver = try PlainDriver(bench)
      for _ in 0..<3 { try driver.roundTrip() }
      return "3 requests used"
    },

    ConformanceCase(
      "common.spurious-doorbells", ["2.7.10.2-3"],
      tried: "ring every doorbell with nothing available, before and after a request",
      expected: "nothing is used for it, and requests work as before"
    ) { bench in
      let driver = try PlainDriver(bench)
      for turn in 0..<8 {
        for queue in 0..<UInt16(driver.rings.count) { try driver.kick(queue) }
        try driver.roundTrip()
        for queue in 0..<UInt16(driver.rings.count) { try driver.kick(queue) }
        try expect(
          driver.rings[0].usedIndex == UInt16(turn + 1), came: "used.idx \(driver.rings[0].usedIndex)")
      }
      try expect(try driver.staysUnused(), came: "a buffer was used that nobody offered")
      return "nothing"
    },

    ConformanceCase(
      "common.notification-data", ["2.9-1", "4.1.5.2-2"],
      needs: [.modern, .feature(Feature.notificationData)],
      tried: "negotiate VIRTIO_F_NOTIFICATION_DATA and ring with 32 bits", expected: "requests are used"
    ) { bench in try requests(bench, with: Feature.notificationData) },

    ConformanceCase(
      "common.notification-config-data", ["4.1.5.2-3"],
      needs: [.modern, .feature(Feature.notificationConfigData)],
      tried: "negotiate VIRTIO_F_NOTIF_CONFIG_DATA and ring with queue_notif_config_data",
      expected: "requests are used"
    ) { bench in try requests(bench, with: Feature.notificationConfigData) },
  ]

  private static func requests(_ bench: ConformanceBench, with feature: Int) throws -> String {
    var options = PlainDriver.Options()
    options.features = [feature]
    options.queueSize = 4
    let driver = try PlainDriver(bench, options)
    // More than a turn of the ring.
    for _ in 0..<9 { try driver.roundTrip() }
    return "9 requests used"
  }
}
