import GuestDriver

/// What every GPU has (virtio 1.4 §5.7).
extension ConformanceSuite {
  static let gpuBasics: [ConformanceCase] = [
    ConformanceCase(
      "gpu.scanout-count", ["2.5-1", "5.7.4.1-2"], needs: [.modern, .kind(.gpu), .configuration],
      tried: "read num_scanouts", expected: "1 to 16, little-endian"
    ) { bench in
      let count = try bench.function.readDevice(GPULayout.Config.scanoutCount, width: 4)
      try expect((1...UInt64(GPULayout.maximumScanouts)).contains(count), came: hex(count))
      return "\(count)"
    },

    ConformanceCase(
      "gpu.both-queues", ["5.7.2-1"], needs: [.modern, .kind(.gpu)],
      tried: "a control command on queue 0, a cursor command on queue 1", expected: "both are used"
    ) { bench in
      let driver = try PlainDriver(bench)
      try expect(driver.rings.count >= 2, came: "num_queues is \(driver.rings.count)")
      var length: UInt32 = 0
      for x: UInt32 in 0..<3 {
        try driver.roundTrip()
        let command = GPUCommand.moveCursor(scanout: 0, x: x, y: 1)
        let chain = try bench.ram.layOut(request: command.encoded(), responseRoom: command.responseRoom)
        _ = try driver.rings[1].offer(chain.descriptors)
        try driver.kick(1)
        length = try driver.awaitUsed(1).length
      }
      return "\(length) bytes of answer on queue 1"
    },

    ConformanceCase(
      "gpu.fence-comes-back", ["5.7.6.7-1"], needs: [.modern, .kind(.gpu)],
      tried: "GET_DISPLAY_INFO with VIRTIO_GPU_FLAG_FENCE and a 64-bit fence_id",
      expected: "the flag and the same fence_id in the response"
    ) { bench in
      let driver = bench.gpuDriver()
      try driver.bringUp()
      let fence: UInt64 = 0x1122_3344_5566_7788
      let reply = try driver.send(.getDisplayInfo, fence: fence)
      guard let header = reply.header else { throw Deviation("a response without header") }
      try expect(header.flags & GPULayout.fenceFlag != 0, came: "flags \(hex(header.flags))")
      try expect("fence_id", header.fenceID, is: fence)
      return "\(hex(header.fenceID))"
    },
  ]
}
