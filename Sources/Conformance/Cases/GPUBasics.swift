import GuestDriver

/// Requests, responses and fences of a GPU (virtio 1.4 §5.7.6.5, §5.7.6.7).
extension ConformanceSuite {
  private static let needs: [Requirement] = [.modern, .kind(.gpu)]

  static let gpuBasics: [ConformanceCase] = [
    ConformanceCase(
      "gpu.both-queues", ["5.7.2-1"], needs: needs,
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
      "gpu.success-without-payload", ["5.7.6.7-3"], needs: needs,
      tried: "the way of a framebuffer: create, attach, show, transfer, flush, hide, detach, unref",
      expected: "RESP_OK_NODATA in 24 bytes for each"
    ) { bench in
      let probe = try GPUProbe(bench)
      for command in try wayOfAFramebuffer(probe) {
        let reply = try probe.succeed(command)
        try expect(reply.usedLength == 24, came: "\(command.name): \(reply.usedLength) bytes")
      }
      return "each"
    },

    ConformanceCase(
      "gpu.fence-comes-back", ["5.7.6.7-1"], needs: needs,
      tried: "each 2D command of the control queue with VIRTIO_GPU_FLAG_FENCE and a 64-bit fence_id",
      expected: "the flag and the same fence_id in the response"
    ) { bench in
      let probe = try GPUProbe(bench)
      var commands = try wayOfAFramebuffer(probe) + [.getDisplayInfo]
      if bench.profile.offers(GPULayout.Feature.edid) { commands.append(.getEDID(scanout: 0)) }
      for command in commands {
        let header = probe.fence()
        try GPUProbe.expectFence(try probe.succeed(command, header).header, of: header, command.name)
      }
      for fence in [0, 1, 0x8000_0000, UInt64.max] {
        let header = GPUHeader(type: 0, flags: GPULayout.fenceFlag, fenceID: fence)
        try GPUProbe.expectFence(
          try probe.succeed(.getDisplayInfo, header).header, of: header, "fence \(hex(fence))")
      }
      return "with \(commands.count) commands"
    },

    ConformanceCase(
      "gpu.fence-of-an-error", ["5.7.6.7-1", "5.7.6.7-4"], needs: needs,
      tried: "requests that cannot succeed, and an unknown one, with a fence",
      expected: "an error response with the flag and the same fence_id"
    ) { bench in
      let probe = try GPUProbe(bench)
      let commands: [GPUCommand] = [
        .unref(id: 77), .detachBacking(id: 77), .flush(GPURect(0, 0, 16, 16), resource: 77),
        .raw(type: 0x01ff, []), .raw(type: 0xffff_ffff, [UInt8](repeating: 0xff, count: 64)),
      ]
      for command in commands {
        let header = probe.fence()
        let answer = try probe.fail(command, "of nothing", header)
        try GPUProbe.expectFence(answer, of: header, command.name)
      }
      return "each"
    },

    ConformanceCase(
      "gpu.fences-in-one-batch", ["5.7.6.7-1"], needs: needs,
      tried: "16 requests with a fence each, made available before the doorbell",
      expected: "each response has the fence of its own request"
    ) { bench in
      let probe = try GPUProbe(bench), driver = probe.driver
      var sent: [UInt32: (LaidOutChain, GPUHeader)] = [:]
      for number in 0..<16 {
        let header = probe.fence()
        let command: GPUCommand =
          number.isMultiple(of: 3) ? .unref(id: 500 + UInt32(number)) : .getDisplayInfo
        let chain = try bench.ram.layOut(request: command.encoded(header), responseRoom: 408)
        sent[UInt32(try driver.control.offer(chain.descriptors))] = (chain, header)
      }
      try driver.kick(GPULayout.controlQueue)
      for _ in 0..<16 {
        let element = try driver.awaitUsed()
        guard let (chain, header) = sent.removeValue(forKey: element.head) else {
          throw Deviation("the head \(element.head) was used, which was not offered or twice")
        }
        let reply = GPUReply(usedLength: element.length, room: driver.answer(in: chain))
        try GPUProbe.expectFence(reply.header, of: header, "a request of the batch")
      }
      return "16 fences"
    },

    ConformanceCase(
      "gpu.fence-means-finished", ["5.7.6.5-1", "5.7.6.7-1"], needs: needs + [.observable(.pictures)],
      tried: "a fenced transfer, then other bytes into the backing, then a flush",
      expected: "the picture from before the transfer's response"
    ) { bench in
      let probe = try GPUProbe(bench)
      let shown = try probe.framebuffer(640, 480)
      try probe.fill(shown, 1)
      probe.driver.draw(shown, TestPattern.pixel(2))
      try probe.show(shown)
      try probe.expectPicture(640, 480, "after the fence", TestPattern.pixel(1))
      return "the transferred picture"
    },

    ConformanceCase(
      "gpu.context-means-nothing-in-2d", ["5.7.6.7-5"], needs: needs,
      tried: "2D commands with ctx_id 0x7fffffff", expected: "they succeed: ctx_id is used in 3D mode only"
    ) { bench in
      let probe = try GPUProbe(bench)
      for command in try wayOfAFramebuffer(probe) {
        try probe.succeed(command, GPUHeader(type: 0, contextID: 0x7fff_ffff))
      }
      return "they succeed"
    },

    ConformanceCase(
      "gpu.ring-index-without-contexts", ["5.7.6.7-1"], needs: needs,
      tried: "VIRTIO_GPU_FLAG_INFO_RING_IDX with a fence, without VIRTIO_GPU_F_CONTEXT_INIT",
      expected: "success or an error, with the fence"
    ) { bench in
      let probe = try GPUProbe(bench)
      for ring in [0, 63, 64, 255] as [UInt8] {
        var header = probe.fence()
        header.flags |= GPULayout.ringIndexFlag
        header.ringIndex = ring
        try GPUProbe.expectFence(
          try probe.send(.getDisplayInfo, header).header, of: header, "ring_idx \(ring)")
      }
      return "the fence"
    },

    ConformanceCase(
      "gpu.error-for-unknown-types", ["5.7.6.7-4"], needs: needs,
      tried: "types that no request has, and those of responses",
      expected: "an error response for each, and the queue goes on"
    ) { bench in
      let probe = try GPUProbe(bench)
      let types: [UInt32] = [
        0, 1, 0xff, 0x1ff, 0x2ff, 0x3ff, 0x1000, 0x1100, 0x1101, 0x1200, 0x8000_0100, 0xffff_ffff,
      ]
      for type in types {
        for body in [0, 8, 1000] {
          try probe.fail(.raw(type: type, [UInt8](repeating: 0x5a, count: body)), "with \(body) bytes")
        }
        try probe.goesOn()
      }
      return "\(types.count) types"
    },

    ConformanceCase(
      "gpu.error-for-what-is-not-offered", ["5.7.6.7-4"], needs: needs,
      tried: "the commands of features that are not offered: 3D, capability sets, blobs, UUIDs",
      expected: "an error response for each, and the queue goes on"
    ) { bench in
      let probe = try GPUProbe(bench)
      let commands = notOffered(bench.profile)
      guard !commands.isEmpty else { throw NotApplicable("the device offers all of them") }
      for command in commands { try probe.fail(command, "without its feature") }
      try probe.goesOn()
      return "\(commands.count) commands"
    },

    ConformanceCase(
      "gpu.error-for-short-requests", ["5.7.6.7-4"], needs: needs,
      tried: "each command that has fields with its header alone",
      expected: "an error response for each, and the queue goes on"
    ) { bench in
      let probe = try GPUProbe(bench)
      let types: [UInt32] = Array(0x0101...0x0107) + [0x010a]
      let accepted = try types.filter { type in
        let reply = try probe.send(.raw(type: type, []))
        return reply.header?.isError != true
      }
      try probe.goesOn()
      try expect(
        accepted.isEmpty,
        came: "success for \(accepted.map(hex).joined(separator: ", ")) without their fields")
      return "\(types.count) commands"
    },
  ]

  /// All commands of a framebuffer's life, in order.
  private static func wayOfAFramebuffer(_ probe: GPUProbe) throws -> [GPUCommand] {
    let whole = Framebuffer(
      resource: probe.driver.makeResourceID(), format: .bgrx, width: 64, height: 48,
      backing: try probe.driver.allocateBacking(64 * 48 * 4, .contiguous))
    return [
      .create(whole), .attach(whole), .setScanout(whole.bounds, scanout: 0, resource: whole.resource),
      .transfer(whole), .flush(whole.bounds, resource: whole.resource),
      .setScanout(GPURect(0, 0, 0, 0), scanout: 0, resource: 0), .detachBacking(id: whole.resource),
      .unref(id: whole.resource),
    ]
  }

  /// Commands whose features a device does not offer.
  private static func notOffered(_ profile: DeviceProfile) -> [GPUCommand] {
    typealias Feature = GPULayout.Feature
    let body = [UInt8](repeating: 0, count: 96)
    var commands: [GPUCommand] = []
    if !profile.offers(Feature.virgl) {
      commands += [
        .getCapsetInfo(index: 0), .getCapsetInfo(index: 0xffff_ffff), .getCapset(id: 1, version: 0),
      ]
      commands += (0x0200...0x0207).map { .raw(type: $0, body) }
    }
    if !profile.offers(Feature.resourceUUID) { commands.append(.assignUUID(id: 1)) }
    if !profile.offers(Feature.resourceBlob) {
      commands += [
        .createBlob(id: 1, memory: 1, flags: 0, blobID: 0, size: 4096, []),
        .setScanoutBlob(
          GPURect(0, 0, 16, 16), scanout: 0, resource: 1, width: 16, height: 16, format: 1, stride: 64,
          offset: 0),
        .raw(type: 0x0208, body), .raw(type: 0x0209, body),
      ]
    }
    return commands
  }
}
