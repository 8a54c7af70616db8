import GuestDriver

/// Blobs of guest memory (virtio 1.4 §5.7.6.8, RESOURCE_CREATE_BLOB and SET_SCANOUT_BLOB).
///
/// Nothing says what the sides of a blob are, which errors are whose, or how far a picture may lie from a blob's
/// edges; so no case asks.
extension ConformanceSuite {
  private static let needs: [Requirement] = [
    .modern, .kind(.gpu), .feature(GPULayout.Feature.resourceBlob),
  ]
  private static let seen = needs + [.observable(.pictures)]

  static let gpuBlobs: [ConformanceCase] = [
    ConformanceCase(
      "gpu.blob-in-its-life", ["5.7.6.8-16", "5.7.6.8-17"], needs: needs,
      tried: "blobs with their pages and with pages attached later: shown, flushed, hidden, released",
      expected: "OK_NODATA for each"
    ) { bench in
      let probe = try BlobProbe(bench)
      for isBare in [false, true] {
        let one = try probe.blob(64, 48, isBare: isBare)
        try probe.show(one)
        try probe.base.flush(one, GPURect(3, 4, 20, 20))
        try probe.base.succeed(.setScanout(GPURect(0, 0, 0, 0), scanout: 0, resource: 0))
        try probe.base.succeed(.detachBacking(id: one.resource))
        try probe.base.succeed(.unref(id: one.resource))
      }
      return "each"
    },

    ConformanceCase(
      "gpu.blob-of-host-memory", ["5.7.6.8-16", "5.7.6.7-4"], needs: needs,
      tried: "RESOURCE_CREATE_BLOB with blob_mem 0, and without VIRGL with HOST3D and HOST3D_GUEST",
      expected: "an error response for each, and the ids are free"
    ) { bench in
      let probe = try BlobProbe(bench)
      let kinds: [UInt32] = bench.profile.offers(GPULayout.Feature.virgl) ? [0] : [0, 2, 3]
      let page = GPUMemoryEntry(
        address: try probe.base.driver.ram.allocate(4096, alignment: 4096), length: 4096)
      for kind in kinds {
        for entries in [[], [page]] {
          let id = probe.base.driver.makeResourceID()
          try probe.base.fail(
            .createBlob(id: id, memory: kind, flags: 0, blobID: 0, size: 4096, entries), "of memory \(kind)")
          try probe.base.succeed(
            .createBlob(id: id, memory: 1, flags: 0, blobID: 0, size: 4096, [page]))
        }
      }
      return "\(kinds.count) kinds"
    },

    ConformanceCase(
      "gpu.blob-of-guest-memory-is-not-mapped", ["5.7.6.7-4"], needs: needs,
      tried:
        "with a host visible region, RESOURCE_MAP_BLOB and RESOURCE_UNMAP_BLOB of what is no host memory: no "
        + "resource, one that is no blob, a blob of guest memory; inside the region, at its end and far behind",
      expected: "an error response for each, and the blob is what it was"
    ) { bench in
      guard bench.inventory.virtioStructures.contains(where: { $0.type == 8 && $0.identifier == 1 }) else {
        throw NotApplicable("the device has no host visible memory region")
      }
      let probe = try BlobProbe(bench)
      let blob = try probe.blob(64, 64), picture = try probe.base.framebuffer(64, 64)
      for id in [0, 0x7fff_0000, picture.resource, blob.resource] {
        for offset: UInt64 in [0, 4096, 1 << 40, .max - 4095] {
          try probe.base.fail(.mapBlob(id: id, offset: offset), "of resource \(id) at \(hex(offset))")
        }
        try probe.base.fail(.unmapBlob(id: id), "of resource \(id)")
      }
      try probe.show(blob)
      try probe.base.flush(blob)
      return "errors"
    },

    ConformanceCase(
      "gpu.blob-scanout-errors", ["5.7.6.8-17", "5.7.6.7-4"], needs: needs,
      tried: "SET_SCANOUT_BLOB on scanouts past num_scanouts, and of a resource that does not exist",
      expected: "an error response for each"
    ) { bench in
      let probe = try BlobProbe(bench)
      let one = try probe.blob(64, 64)
      for scanout in probe.base.absentScanouts {
        try probe.base.fail(probe.scanout(one, on: scanout), "on scanout \(hex(scanout))")
      }
      var stranger = one
      stranger.resource = 0x7fff_0000
      try probe.base.fail(probe.scanout(stranger), "of no resource")
      try probe.show(one)
      return "errors"
    },

    ConformanceCase(
      "gpu.blob-picture-of-every-format", ["5.7.6.8-17", "5.7.6.8-16"], needs: seen,
      tried:
        "show blobs in each of the eight formats, with gaps between rows and before the first, in shuffled pages",
      expected: "the same picture each time"
    ) { bench in
      let probe = try BlobProbe(bench)
      for format in GPUFormat.allCases {
        for (padding, offset) in [(0, 0), (64, 0), (4096 - 65 * 4, 8192)] {
          let stride = 65 * 4 + padding
          let one = try probe.blob(
            65, 33, format, byteCount: stride * 33 + offset, layout: .shuffledPages(seed: 3))
          for y in 0..<33 {
            let row = (0..<65).flatMap { format.bytes(TestPattern.pixel(21)($0, y)) }
            probe.base.driver.write(row, at: offset + y * stride, of: one)
          }
          try probe.show(one, stride: stride, offset: offset)
          try probe.base.expectPicture(
            65, 33, "format \(format.rawValue), stride \(stride) from \(offset)", TestPattern.pixel(21))
          try probe.base.succeed(.setScanout(GPURect(0, 0, 0, 0), scanout: 0, resource: 0))
          try probe.base.succeed(.unref(id: one.resource))
        }
      }
      return "the same picture"
    },

    ConformanceCase(
      "gpu.blob-picture-after-flushes", ["5.7.6.8-17"], needs: seen,
      tried: "draw in the pages of a blob that is shown, and flush, without any transfer",
      expected: "each time what was drawn"
    ) { bench in
      let probe = try BlobProbe(bench)
      let one = try probe.blob(160, 120)
      probe.base.driver.draw(one, TestPattern.pixel(0))
      try probe.show(one)
      try probe.base.expectPicture(160, 120, "at first", TestPattern.pixel(0))
      for turn in 1...3 {
        probe.base.driver.draw(one, TestPattern.pixel(turn))
        try probe.base.flush(one)
        try probe.base.expectPicture(160, 120, "turn \(turn)", TestPattern.pixel(turn))
      }
      return "3 turns"
    },

    ConformanceCase(
      "gpu.blob-on-several-heads", ["5.7.6.8-17"], needs: seen,
      tried: "one blob on every scanout, a rectangle of it on each",
      expected: "each scanout shows its rectangle"
    ) { bench in
      let probe = try BlobProbe(bench)
      guard probe.base.scanoutCount > 1 else { throw NotApplicable("the device has one scanout") }
      let one = try probe.blob(160, 120)
      probe.base.driver.draw(one, TestPattern.pixel(30))
      for scanout in 0..<probe.base.scanoutCount {
        let rect = GPURect(scanout * 4, scanout * 3, 64, 48)
        try probe.show(one, rect, on: scanout)
      }
      for scanout in 0..<Int(probe.base.scanoutCount) {
        try probe.base.expectPicture(64, 48, on: scanout, "scanout \(scanout)") { x, y in
          TestPattern.pixel(30)(x + scanout * 4, y + scanout * 3)
        }
      }
      return "\(probe.base.scanoutCount) rectangles"
    },
  ]
}

/// A driver of the GPU that has accepted blobs.
private struct BlobProbe {
  let base: GPUProbe

  init(_ bench: ConformanceBench) throws {
    base = try GPUProbe(bench, accepting: [GPULayout.Feature.resourceBlob])
  }

  /// A blob that a picture fits into, in whole pages.
  ///
  /// - Parameter isBare: it gets its pages by RESOURCE_ATTACH_BACKING.
  func blob(
    _ width: Int, _ height: Int, _ format: GPUFormat = .bgrx, byteCount: Int? = nil,
    layout: BackingLayout = .contiguous, isBare: Bool = false
  ) throws -> Framebuffer {
    let pages = ((byteCount ?? width * height * 4) + 4095) / 4096
    let new = Framebuffer(
      resource: base.driver.makeResourceID(), format: format, width: width, height: height,
      backing: try base.driver.allocateBacking(pages * 4096, layout))
    try base.succeed(
      .createBlob(
        id: new.resource, memory: 1, flags: 0, blobID: 0, size: UInt64(pages * 4096),
        isBare ? [] : new.backing.map(GPUMemoryEntry.init)))
    if isBare { try base.succeed(.attach(new)) }
    return new
  }

  /// SET_SCANOUT_BLOB of a picture, or a rectangle of it.
  func scanout(
    _ picture: Framebuffer, _ rect: GPURect? = nil, on scanout: UInt32 = 0, stride: Int? = nil,
    offset: Int = 0
  ) -> GPUCommand {
    .setScanoutBlob(
      rect ?? picture.bounds, scanout: scanout, resource: picture.resource, width: UInt32(picture.width),
      height: UInt32(picture.height), format: picture.format.rawValue,
      stride: UInt32(stride ?? picture.stride), offset: UInt32(offset))
  }

  /// Shows a picture and flushes it.
  func show(
    _ picture: Framebuffer, _ rect: GPURect? = nil, on scanout: UInt32 = 0, stride: Int? = nil,
    offset: Int = 0
  ) throws {
    try base.succeed(
      self.scanout(picture, rect, on: scanout, stride: stride, offset: offset), base.fence())
    try base.flush(picture)
  }
}
