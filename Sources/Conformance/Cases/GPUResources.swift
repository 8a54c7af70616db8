import GuestDriver

/// Resources and their backing (virtio 1.4 §5.7.6.8), as far as responses tell.
extension ConformanceSuite {
  private static let needs: [Requirement] = [.modern, .kind(.gpu)]

  static let gpuResources: [ConformanceCase] = [
    ConformanceCase(
      "gpu.uuid-of-a-resource", ["5.7.6.8-15"], needs: needs + [.feature(GPULayout.Feature.resourceUUID)],
      tried: "RESOURCE_ASSIGN_UUID twice for each of two resources",
      expected: "OK_RESOURCE_UUID with 16 bytes, the same for the same resource and others for the other"
    ) { bench in
      let probe = try GPUProbe(bench, accepting: [GPULayout.Feature.resourceUUID])
      func uuid(_ one: Framebuffer) throws -> [UInt8]? {
        try probe.succeed(.assignUUID(id: one.resource)).uuid
      }
      let one = try probe.framebuffer(64, 64), other = try probe.framebuffer(64, 64)
      let first = try uuid(one), second = try uuid(other)
      try expect(first != second, came: "two resources have one UUID")
      try expect(try uuid(one) == first && uuid(other) == second, came: "another UUID for the same resource")
      return "two UUIDs"
    },

    ConformanceCase(
      "gpu.uuid-of-no-resource", ["5.7.6.8-15", "5.7.6.7-4"],
      needs: needs + [.feature(GPULayout.Feature.resourceUUID)],
      tried: "RESOURCE_ASSIGN_UUID of a resource that does not exist", expected: "an error response"
    ) { bench in
      let probe = try GPUProbe(bench, accepting: [GPULayout.Feature.resourceUUID])
      try probe.fail(.assignUUID(id: 0x7fff_0000), "of no resource")
      return "an error"
    },

    ConformanceCase(
      "gpu.create-every-format", ["5.7.6.8-5"], needs: needs,
      tried: "RESOURCE_CREATE_2D with the eight formats, each in even and odd sizes", expected: "OK_NODATA"
    ) { bench in
      let probe = try GPUProbe(bench), sizes = [(1, 1), (3, 5), (1, 333), (333, 1), (641, 479), (64, 64)]
      for format in GPUFormat.allCases {
        for (width, height) in sizes {
          let id = probe.driver.makeResourceID()
          try probe.succeed(
            .createResource2D(id: id, format: format.rawValue, width: UInt32(width), height: UInt32(height)))
          try probe.succeed(.unref(id: id))
        }
      }
      return "\(GPUFormat.allCases.count) formats in \(sizes.count) sizes"
    },

    ConformanceCase(
      "gpu.create-without-format", ["5.7.6.8-5", "5.7.6.7-4"], needs: needs,
      tried: "RESOURCE_CREATE_2D with numbers beside the eight formats, then with one of them",
      expected: "an error response for each number, and success with the same id in the end"
    ) { bench in
      let probe = try GPUProbe(bench)
      for format in [0, 5, 66, 69, 120, 122, 133, 135, 0x0100_0000, 0xffff_ffff] as [UInt32] {
        try probe.fail(
          .createResource2D(id: 9, format: format, width: 64, height: 64), "with the format \(hex(format))")
      }
      try probe.succeed(.createResource2D(id: 9, format: 1, width: 64, height: 64))
      return "errors"
    },

    ConformanceCase(
      "gpu.any-resource-id", ["5.7.6.8-5"], needs: needs,
      tried: "resources with the ids 1, 0x80000000 and 0xffffffff at a time",
      expected: "each can be created, given a backing, filled and destroyed: the ids are the guest's"
    ) { bench in
      let probe = try GPUProbe(bench)
      let backing = try probe.driver.allocateBacking(32 * 32 * 4, .contiguous)
      let resources = ([1, 0x8000_0000, 0xffff_ffff] as [UInt32]).map {
        Framebuffer(resource: $0, format: .bgra, width: 32, height: 32, backing: backing)
      }
      for one in resources { try probe.succeed(.create(one)) }
      for one in resources { try probe.succeed(.attach(one)) }
      for one in resources { try probe.transfer(one) }
      for one in resources { try probe.succeed(.unref(id: one.resource)) }
      return "each"
    },

    ConformanceCase(
      "gpu.unref-destroys", ["5.7.6.8-6", "5.7.6.7-4"], needs: needs,
      tried: "RESOURCE_UNREF; then use the resource; then create another of the same id",
      expected: "success, errors, and success"
    ) { bench in
      let probe = try GPUProbe(bench)
      let first = try probe.framebuffer(64, 64)
      try probe.succeed(.unref(id: first.resource))
      for command in uses(of: first) { try probe.fail(command, "after RESOURCE_UNREF") }
      let again = Framebuffer(
        resource: first.resource, format: .rgbx, width: 100, height: 30,
        backing: try probe.driver.allocateBacking(12_000, .contiguous))
      try probe.succeed(.create(again))
      try probe.succeed(.attach(again))
      try probe.transfer(again)
      return "destroyed, and created again"
    },

    ConformanceCase(
      "gpu.resource-that-does-not-exist", ["5.7.6.7-4"], needs: needs,
      tried: "each command that takes a resource, with one that was never created",
      expected: "an error response for each"
    ) { bench in
      let probe = try GPUProbe(bench)
      let known = try probe.framebuffer(64, 64)
      for id in [known.resource + 1, 0x7fff_ffff, 0xffff_ffff] {
        var ghost = known
        ghost.resource = id
        for command in uses(of: ghost) { try probe.fail(command, "of \(hex(id))") }
      }
      try probe.goesOn()
      return "errors"
    },

    ConformanceCase(
      "gpu.backing-in-many-pieces", ["5.7.6.8-11"], needs: needs,
      tried: "RESOURCE_ATTACH_BACKING with 1, 7 and 300 entries", expected: "OK_NODATA, and transfers succeed"
    ) { bench in
      let probe = try GPUProbe(bench)
      for layout in [BackingLayout.contiguous, .pieces(176_000), .shuffledPages(seed: 5)] {
        try probe.transfer(try probe.framebuffer(640, 480, layout: layout))
      }
      return "they succeed"
    },

    ConformanceCase(
      "gpu.requests-in-pieces", ["2.7.4.1-1", "5.7.6.8-11"], needs: needs,
      tried: "every command of a framebuffer in descriptors of 4 bytes, the response in 5",
      expected: "success, as in one descriptor"
    ) { bench in
      let probe = try GPUProbe(bench)
      let new = Framebuffer(
        resource: 1, format: .bgrx, width: 32, height: 32,
        backing: try probe.driver.allocateBacking(4096, .pieces(1500)))
      let pieces = ChainLayout(request: .every(4), response: .pieces(5))
      let commands: [GPUCommand] = [
        .create(new), .attach(new), .transfer(new), .setScanout(new.bounds, scanout: 0, resource: 1),
        .flush(new.bounds, resource: 1), .getDisplayInfo,
      ]
      for command in commands { try probe.succeed(command, layout: pieces) }
      return "success"
    },

    ConformanceCase(
      "gpu.transfer-needs-backing", ["5.7.6.8-10", "5.7.6.8-12", "5.7.6.7-4"], needs: needs,
      tried: "TRANSFER_TO_HOST_2D before a backing is attached, after, and once it was detached",
      expected: "an error, success, an error; and success with a new backing"
    ) { bench in
      let probe = try GPUProbe(bench)
      let one = Framebuffer(
        resource: 1, format: .bgrx, width: 64, height: 64,
        backing: try probe.driver.allocateBacking(64 * 64 * 4, .contiguous))
      try probe.succeed(.create(one))
      try probe.fail(.transfer(one), "without backing")
      try probe.succeed(.attach(one))
      try probe.transfer(one)
      try probe.succeed(.detachBacking(id: 1))
      try probe.fail(.transfer(one), "after RESOURCE_DETACH_BACKING")
      try probe.succeed(.attach(one))
      try probe.transfer(one)
      return "in turn"
    },

    ConformanceCase(
      "gpu.transfer-of-any-rectangle", ["5.7.6.8-10"], needs: needs,
      tried: "TRANSFER_TO_HOST_2D of single pixels, lines, columns and the whole of a 61x47 resource",
      expected: "OK_NODATA for each"
    ) { bench in
      let probe = try GPUProbe(bench)
      let one = try probe.framebuffer(61, 47, .argb)
      for rect in rectangles(61, 47) { try probe.transfer(one, rect) }
      return "\(rectangles(61, 47).count) rectangles"
    },

    ConformanceCase(
      "gpu.flush-of-any-rectangle", ["5.7.6.8-9"], needs: needs,
      tried: "RESOURCE_FLUSH of parts of a resource, shown on a scanout and not",
      expected: "OK_NODATA for each"
    ) { bench in
      let probe = try GPUProbe(bench)
      let one = try probe.framebuffer(61, 47, .argb)
      for rect in rectangles(61, 47) { try probe.flush(one, rect) }
      try probe.show(one)
      for rect in rectangles(61, 47) { try probe.flush(one, rect) }
      return "\(rectangles(61, 47).count) rectangles"
    },
  ]

  /// Parts of a picture: corners, lines, columns, something inside, everything.
  static func rectangles(_ width: UInt32, _ height: UInt32) -> [GPURect] {
    [
      GPURect(0, 0, 1, 1), GPURect(width - 1, height - 1, 1, 1), GPURect(0, height - 1, width, 1),
      GPURect(width - 1, 0, 1, height), GPURect(5, 7, 13, 11), GPURect(0, 3, width, height - 5),
      GPURect(0, 0, width, height),
    ]
  }

  /// Every command that needs a resource, in an order in which none undoes another.
  private static func uses(of resource: Framebuffer) -> [GPUCommand] {
    [
      .transfer(resource), .flush(resource.bounds, resource: resource.resource),
      .setScanout(resource.bounds, scanout: 0, resource: resource.resource), .attach(resource),
      .detachBacking(id: resource.resource), .unref(id: resource.resource),
    ]
  }
}
