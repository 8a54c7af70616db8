import GuestDriver

/// The common configuration structure (virtio 1.4 §4.1.4.3).
extension ConformanceSuite {
  static let commonRegisters: [ConformanceCase] = [
    ConformanceCase(
      "common.selectors", ["4.1.4.3-1"], tried: "write the three selectors",
      expected: "each is read back, without a change in the others"
    ) { bench in
      let function = try bench.function
      for (device, driver, queue) in [(1, 0, 1), (0, 1, 0)] as [(UInt64, UInt64, UInt64)] {
        try function.write(.deviceFeatureSelect, device)
        try function.write(.driverFeatureSelect, driver)
        try function.write(.queueSelect, queue)
        try expect("device_feature_select", try function.read(.deviceFeatureSelect), is: device)
        try expect("driver_feature_select", try function.read(.driverFeatureSelect), is: driver)
        try expect("queue_select", try function.read(.queueSelect), is: queue)
      }
      return "read back"
    },

    ConformanceCase(
      "common.read-only-fields", ["4.1.4.3-2"],
      tried: "write other values to device_feature, num_queues, config_generation and queue_notify_off",
      expected: "they keep their values"
    ) { bench in
      let function = try bench.function
      for register: CommonRegister in [.deviceFeature, .queueCount, .configGeneration, .queueNotifyOffset] {
        let before = try function.read(register)
        try function.write(register, ~before)
        try expect("\(register)", try function.read(register), is: before)
      }
      return "kept"
    },

    ConformanceCase(
      "common.device-feature-words", ["4.1.4.3.1-3"],
      tried: "select feature words 0, 1, and many past them, in any order",
      expected: "word 0 and 1 each time the same, 0 for all others"
    ) { bench in
      let function = try bench.function, offered = bench.profile.offeredFeatures
      for select: UInt64 in [2, 1, 3, 0, 31, 32, 1, 0x7fff_ffff, 0, 0x8000_0000, 0x8000_0001, 0xffff_ffff, 1]
      {
        try function.write(.deviceFeatureSelect, select)
        let wanted: UInt64 = select == 0 ? offered & 0xffff_ffff : select == 1 ? offered >> 32 : 0
        try expect("device_feature of word \(hex(select))", try function.read(.deviceFeature), is: wanted)
      }
      return "0 past word 1"
    },

    ConformanceCase(
      "common.driver-feature-words", ["4.1.4.3.1-4"],
      tried: "accept all offered features, write words past the second, and read words 0 and 1",
      expected: "what was accepted"
    ) { bench in
      let function = try bench.function, offered = bench.profile.offeredFeatures
      try bench.resetDevice()
      try function.setStatus(VirtioLayout.Status.acknowledge)
      try function.setStatus(VirtioLayout.Status.acknowledge | VirtioLayout.Status.driver)
      try function.acceptFeatures(offered)
      for select: UInt64 in [2, 32, 0x8000_0000, 0xffff_ffff] {
        try function.write(.driverFeatureSelect, select)
        try function.write(.driverFeature, 0)
      }
      for word: UInt64 in [0, 1] {
        try function.write(.driverFeatureSelect, word)
        let wanted = offered >> (32 * word) & 0xffff_ffff
        try expect("driver_feature of word \(word)", try function.read(.driverFeature), is: wanted)
      }
      return hex(offered)
    },

    ConformanceCase(
      "common.halves-of-64-bit-fields", ["4.1.3-1", "4.1.3.2-1"],
      tried: "write the halves of queue_desc, queue_driver and queue_device apart, in both orders",
      expected: "each half is read back and leaves the other one alone"
    ) { bench in
      try bench.negotiate()
      let function = try bench.function, common = function.common
      try function.write(.queueSelect, 0)
      func half(_ register: CommonRegister, _ high: Bool) -> UInt64 {
        common.offset + UInt64(register.offset) + (high ? 4 : 0)
      }
      for register: CommonRegister in [.queueDescriptorArea, .queueDriverArea, .queueDeviceArea] {
        for (isHighFirst, low, high) in [(true, 0x1234_5000, 0x12), (false, 0x0bcd_e000, 0x3)]
          as [(Bool, UInt64, UInt64)]
        {
          let order = [(isHighFirst, isHighFirst ? high : low), (!isHighFirst, isHighFirst ? low : high)]
          for (isHigh, value) in order {
            try bench.machine.writeBAR(common.bar, at: half(register, isHigh), width: 4, value)
            let read = try bench.machine.readBAR(common.bar, at: half(register, isHigh), width: 4)
            try expect("the \(isHigh ? "high" : "low") half of \(register)", read, is: value)
          }
          try expect("\(register)", try function.read(register), is: high << 32 | low)
        }
      }
      return "read back"
    },

    ConformanceCase(
      "common.generation-after-change", ["3.2.1-1", "4.1.4.3.1-5", "5.7.4.2-1"],
      needs: [.modern, .kind(.gpu), .configuration, .observable(.configurationChange)],
      tried: "read the configuration, let the display change, and read it again",
      expected: "an interrupt, VIRTIO_GPU_EVENT_DISPLAY, and another config_generation"
    ) { bench in
      let driver = try PlainDriver(bench), function = driver.function
      let events = { try function.readDevice(GPULayout.Config.eventsRead, width: 4) }
      _ = try events()
      let before = try function.read(.configGeneration)
      try bench.changeConfiguration()
      if bench.shows(.interrupts), let line = driver.configurationLine {
        let hasCome = try bench.machine.waitForInterrupt(
          line, timeoutInMilliseconds: bench.patience.answerInMilliseconds)
        try expect(hasCome, came: "no interrupt of configuration changes")
      }
      let hasEvent = try bench.eventually { try events() & UInt64(GPULayout.displayEvent) != 0 }
      try expect(hasEvent, came: "events_read stays without VIRTIO_GPU_EVENT_DISPLAY")
      let after = try function.read(.configGeneration)
      try expect(before != after, came: "config_generation is still \(before)")
      return "generation \(before), then \(after)"
    },

    ConformanceCase(
      "common.admin-queues", ["4.1.4.3.1-15", "4.1.4.3.1-16"],
      needs: [.modern, .feature(VirtioLayout.Feature.adminQueue)],
      tried: "negotiate VIRTIO_F_ADMIN_VQ and read admin_queue_index and admin_queue_num",
      expected: "behind the other queues, and all numbers below 65536"
    ) { bench in
      try bench.negotiate(bench.plainFeatures | 1 << UInt64(VirtioLayout.Feature.adminQueue))
      let function = try bench.function
      let index = try function.read(.adminQueueIndex), count = try function.read(.adminQueueCount)
      let queues = try function.read(.queueCount)
      try expect(
        index >= queues && count <= 0x10000 - index, came: "\(count) from \(index), num_queues \(queues)")
      return "\(count) from \(index)"
    },
  ]
}
