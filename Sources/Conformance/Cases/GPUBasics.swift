import GuestDriver

/// What every GPU answers (virtio 1.4 §5.7).
extension ConformanceSuite {
  static let gpuBasics: [ConformanceCase] = [
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
    }
  ]
}
