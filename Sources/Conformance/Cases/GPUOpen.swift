import GuestDriver

/// Requests whose outcome no sentence of virtio 1.4 §5.7 settles: whatever a device makes of them, it answers, and
/// its queue goes on (§5.7.6.7).
extension ConformanceSuite {
  static let gpuOpen: [ConformanceCase] = [
    open(
      "gpu.open-resources", tried: "resource 0, an id that is in use, no pixels, more pixels than anybody has"
    ) { known in
      [
        .create(known), .createResource2D(id: 0, format: 1, width: 16, height: 16),
        .createResource2D(id: 900, format: 1, width: 0, height: 16),
        .createResource2D(id: 901, format: 1, width: 16, height: 0),
        .createResource2D(id: 902, format: 1, width: 0xffff_ffff, height: 0xffff_ffff),
        .createResource2D(id: 903, format: 1, width: 0x4000_0000, height: 4),
        .unref(id: 0), .detachBacking(id: 0), .flush(known.bounds, resource: 0),
      ]
    },

    open(
      "gpu.open-flushes", tried: "RESOURCE_FLUSH outside the resource and of nothing; SET_SCANOUT of nothing"
    ) { known in
      let id = known.resource
      return [
        .flush(GPURect(0, 0, 65, 64), resource: id), .flush(GPURect(64, 64, 1, 1), resource: id),
        .flush(GPURect(0xffff_ffff, 0, 2, 2), resource: id), .flush(GPURect(0, 0, 0, 0), resource: id),
        .setScanout(GPURect(0, 0, 0, 0), scanout: 0, resource: id),
        .setScanout(GPURect(0, 0, 1, 1), scanout: 0, resource: id), .flush(known.bounds, resource: id),
      ]
    },

    open(
      "gpu.open-transfers", tried: "TRANSFER_TO_HOST_2D outside the resource and past the end of its backing"
    ) { known in
      let id = known.resource
      return [
        .transferToHost2D(GPURect(0, 0, 64, 65), offset: 0, resource: id),
        .transferToHost2D(GPURect(1, 0xffff_ffff, 1, 1), offset: 0, resource: id),
        .transferToHost2D(GPURect(0, 0, 0, 0), offset: 0, resource: id),
        .transferToHost2D(known.bounds, offset: 4, resource: id),
        .transferToHost2D(known.bounds, offset: UInt64(known.byteCount), resource: id),
        .transferToHost2D(known.bounds, offset: 1 << 32, resource: id),
        .transferToHost2D(known.bounds, offset: UInt64.max, resource: id),
      ]
    },

    open("gpu.open-backing-again", tried: "RESOURCE_ATTACH_BACKING twice, RESOURCE_DETACH_BACKING twice") {
      [.attach($0), .detachBacking(id: $0.resource), .detachBacking(id: $0.resource), .attach($0)]
    },

    open("gpu.open-backing-too-short", tried: "a transfer from a backing of no entry, no byte, and one byte")
    {
      let page = $0.backing[0].address
      return backing($0, []) + backing($0, [GPUMemoryEntry(address: page, length: 0)])
        + backing($0, [GPUMemoryEntry(address: page, length: 1)])
    },

    open(
      "gpu.open-backing-outside-memory",
      tried: "a transfer from a backing where no memory is, and at the end of all addresses"
    ) {
      backing($0, [GPUMemoryEntry(address: 1 << 45, length: 4096)])
        + backing($0, [GPUMemoryEntry(address: UInt64.max - 10, length: 4096)])
    },

    open(
      "gpu.open-entries-missing", tried: "RESOURCE_ATTACH_BACKING with fewer entries than nr_entries says"
    ) {
      let id = $0.resource, entry = GPUMemoryEntry(address: $0.backing[0].address, length: 4096)
      return [
        .detachBacking(id: id), .attachBackingClaiming(id: id, count: 2, [entry]), .detachBacking(id: id),
        .attachBackingClaiming(id: id, count: 0xffff_ffff, [entry]),
      ]
    },

    open(
      "gpu.open-unref-of-what-is-shown", tried: "RESOURCE_UNREF of a resource on a scanout, then others there"
    ) {
      [
        .unref(id: $0.resource), .flush($0.bounds, resource: $0.resource), .create($0), .attach($0),
        .setScanout($0.bounds, scanout: 0, resource: $0.resource), .unref(id: $0.resource),
        .setScanout(GPURect(0, 0, 0, 0), scanout: 0, resource: 0),
      ]
    },

    open(
      "gpu.open-cursor-sizes",
      tried: "UPDATE_CURSOR with an image that is not 64x64, and a hot spot outside of one"
    ) { known in
      let sizes: [(UInt32, UInt32)] = [
        (1, 1), (16, 16), (64, 65), (256, 128), (512, 512), (513, 1), (4096, 1),
      ]
      return sizes.enumerated().flatMap { number, size -> [GPUCommand] in
        let id = 910 + UInt32(number)
        return [
          .createResource2D(id: id, format: GPUFormat.bgra.rawValue, width: size.0, height: size.1),
          .updateCursor(scanout: 0, x: 5, y: 6, resource: id, hotX: 0, hotY: 0), .unref(id: id),
        ]
      } + [
        .updateCursor(scanout: 0, x: 5, y: 6, resource: known.resource, hotX: 64, hotY: 0),
        .updateCursor(scanout: 0, x: 5, y: 6, resource: known.resource, hotX: 0, hotY: .max),
      ]
    },

    open("gpu.open-wrong-queue", tried: "the cursor commands on the control queue") { _ in
      [GPULayout.Request.updateCursor, GPULayout.Request.moveCursor].map {
        .raw(type: $0, GPUCommand.moveCursor(scanout: 0, x: 1, y: 1).body)
      }
    },
  ]

  /// A case that sends what `commands` makes of a 64x64 resource, which is shown on scanout 0.
  private static func open(
    _ name: String, tried: String, _ commands: @escaping @Sendable (Framebuffer) -> [GPUCommand]
  ) -> ConformanceCase {
    ConformanceCase(
      name, ["5.7.6.7-3", "5.7.6.7-4"], needs: [.modern, .kind(.gpu)], tried: tried,
      expected: "OK_NODATA or an error for each, and the queue goes on"
    ) { bench in
      let probe = try GPUProbe(bench)
      let known = try probe.framebuffer(64, 64)
      try probe.show(known)
      let commands = commands(known)
      for command in commands {
        let reply = try probe.send(command)
        try expect(
          reply.type == GPULayout.Response.okNoData || reply.header?.isError == true,
          came: "\(command) is answered with \(hex(reply.type))")
        try probe.goesOn()
      }
      return "\(commands.count) answers"
    }
  }

  /// Another backing, and a transfer from it.
  private static func backing(_ known: Framebuffer, _ entries: [GPUMemoryEntry]) -> [GPUCommand] {
    [.detachBacking(id: known.resource), .attachBacking(id: known.resource, entries), .transfer(known)]
  }
}
