import GuestDriver

/// Scanouts (virtio 1.4 §5.7.6.3, §5.7.6.4, §5.7.6.8).
///
/// No rectangle here is smaller than 16x16: nothing says how small a scanout may be.
extension ConformanceSuite {
  private static let needs: [Requirement] = [.modern, .kind(.gpu)]
  private static let seen = needs + [.observable(.pictures)]

  static let gpuScanouts: [ConformanceCase] = [
    ConformanceCase(
      "gpu.scanout-inside-the-resource", ["5.7.6.8-7"], needs: needs,
      tried: "SET_SCANOUT with the whole of a 641x479 resource and with rectangles up to its edges",
      expected: "OK_NODATA for each"
    ) { bench in
      let probe = try GPUProbe(bench)
      let one = try probe.framebuffer(641, 479)
      for rect in [one.bounds, GPURect(0, 0, 16, 16), GPURect(625, 463, 16, 16), GPURect(1, 0, 640, 479)] {
        try probe.show(one, rect)
      }
      return "each"
    },

    ConformanceCase(
      "gpu.scanout-not-covered", ["5.7.6.8-7", "5.7.6.7-4"], needs: needs,
      tried:
        "SET_SCANOUT with rectangles that leave the resource by a pixel, by far, and by a sum past 32 bits",
      expected: "an error response for each"
    ) { bench in
      let probe = try GPUProbe(bench)
      let one = try probe.framebuffer(64, 64)
      let outside = [
        GPURect(0, 0, 65, 64), GPURect(0, 0, 64, 65), GPURect(33, 0, 32, 32), GPURect(0, 33, 32, 32),
        GPURect(64, 0, 16, 16), GPURect(0, 1000, 16, 16), GPURect(0xffff_fff0, 0, 32, 32),
        GPURect(0, 0xffff_fff0, 32, 32), GPURect(16, 16, 0xffff_fff0, 0xffff_fff0),
        GPURect(0, 0, 0xffff_ffff, 0xffff_ffff),
      ]
      for rect in outside {
        try probe.fail(
          .setScanout(rect, scanout: 0, resource: one.resource),
          "with \(rect.width)x\(rect.height) at \(rect.x),\(rect.y)")
      }
      try probe.show(one)
      return "\(outside.count) errors"
    },

    ConformanceCase(
      "gpu.scanout-that-does-not-exist", ["5.7.4.1-2", "5.7.6.7-4"], needs: needs,
      tried: "SET_SCANOUT past num_scanouts, with a resource and with 0",
      expected: "an error response for each, and every scanout below takes one"
    ) { bench in
      let probe = try GPUProbe(bench)
      let one = try probe.framebuffer(64, 64)
      for scanout in probe.absentScanouts {
        for id in [one.resource, 0] {
          try probe.fail(
            .setScanout(one.bounds, scanout: scanout, resource: id), "on scanout \(hex(scanout))")
        }
      }
      for scanout in 0..<probe.scanoutCount { try probe.show(one, on: scanout) }
      return "errors from \(probe.scanoutCount) on"
    },

    ConformanceCase(
      "gpu.scanout-disabled", ["5.7.6.8-8"], needs: needs,
      tried: "SET_SCANOUT with resource 0: twice on an unused scanout, and on one that shows something",
      expected: "OK_NODATA, and the scanout can be used again"
    ) { bench in
      let probe = try GPUProbe(bench)
      let one = try probe.framebuffer(64, 64)
      for _ in 0..<2 {
        try probe.succeed(.setScanout(GPURect(0, 0, 0, 0), scanout: 0, resource: 0))
        try probe.succeed(.setScanout(one.bounds, scanout: 0, resource: 0))
        try probe.show(one)
      }
      return "each"
    },

    ConformanceCase(
      "gpu.disabled-scanout-shows-nothing", ["5.7.6.8-8"], needs: seen,
      tried: "SET_SCANOUT with resource 0 on a scanout that shows something",
      expected: "the scanout is off, then on again with a resource"
    ) { bench in
      let probe = try GPUProbe(bench)
      let one = try probe.framebuffer(64, 64)
      try probe.fill(one, 3)
      try probe.show(one)
      try probe.expectPicture(64, 64, "before", TestPattern.pixel(3))
      try probe.succeed(.setScanout(GPURect(0, 0, 0, 0), scanout: 0, resource: 0), probe.fence())
      if let picture = try bench.picture(scanout: 0) {
        try expect(
          TestPattern.picture(64, 64, TestPattern.pixel(3)) != picture, came: "the picture is still there")
      }
      try probe.show(one)
      try probe.expectPicture(64, 64, "after", TestPattern.pixel(3))
      return "off, and on again"
    },

    ConformanceCase(
      "gpu.scanout-shows-its-rectangle", ["5.7.6.8-7"], needs: seen,
      tried: "SET_SCANOUT with rectangles inside a 200x150 resource", expected: "each part, pixel by pixel"
    ) { bench in
      let probe = try GPUProbe(bench)
      let one = try probe.framebuffer(200, 150)
      try probe.fill(one, 4)
      for rect in [
        one.bounds, GPURect(7, 9, 33, 21), GPURect(184, 134, 16, 16), GPURect(0, 149 - 16, 199, 17),
      ] {
        try probe.show(one, rect)
        try probe.expectPicture(
          Int(rect.width), Int(rect.height), "the part at \(rect.x),\(rect.y)", part(rect, 4))
      }
      return "each part"
    },

    ConformanceCase(
      "gpu.pageflip", ["5.7.6.3-1"], needs: needs,
      tried: "two framebuffers in turn on a scanout, the hidden one transferred meanwhile",
      expected: "OK_NODATA for each"
    ) { bench in
      let probe = try GPUProbe(bench)
      let pages = [try probe.framebuffer(160, 120), try probe.framebuffer(160, 120)]
      for turn in 0..<6 {
        try probe.fill(pages[turn % 2], turn)
        try probe.show(pages[turn % 2])
      }
      return "6 turns"
    },

    ConformanceCase(
      "gpu.pageflip-pictures", ["5.7.6.3-1"], needs: seen,
      tried: "two framebuffers in turn on a scanout, the hidden one filled and flushed meanwhile",
      expected: "each time the picture of the one that is shown"
    ) { bench in
      let probe = try GPUProbe(bench)
      let pages = [try probe.framebuffer(160, 120), try probe.framebuffer(160, 120)]
      for turn in 0..<6 {
        let shown = pages[turn % 2], hidden = pages[(turn + 1) % 2]
        try probe.fill(shown, turn)
        try probe.show(shown)
        try probe.fill(hidden, 100 + turn)
        try probe.flush(hidden)
        try probe.expectPicture(160, 120, "turn \(turn)", TestPattern.pixel(turn))
      }
      return "6 turns"
    },

    ConformanceCase(
      "gpu.several-heads", ["5.7.6.4-1"], needs: needs,
      tried: "one framebuffer on all scanouts, whole and by overlapping rectangles, then one for each",
      expected: "OK_NODATA for each"
    ) { bench in
      let probe = try GPUProbe(bench)
      try requireSeveral(probe)
      let big = try probe.framebuffer(320, 200)
      for scanout in 0..<probe.scanoutCount { try probe.show(big, on: scanout) }
      for scanout in 0..<probe.scanoutCount { try probe.show(big, headRect(scanout), on: scanout) }
      for scanout in 0..<probe.scanoutCount { try probe.show(try probe.framebuffer(64, 48), on: scanout) }
      return "\(probe.scanoutCount) scanouts"
    },

    ConformanceCase(
      "gpu.several-heads-pictures", ["5.7.6.4-1", "5.7.6.8-9"], needs: seen,
      tried: "one framebuffer on all scanouts, whole and by overlapping rectangles, changed and flushed once",
      expected: "the new pictures on all of them"
    ) { bench in
      let probe = try GPUProbe(bench)
      try requireSeveral(probe)
      let big = try probe.framebuffer(320, 200), whole = big.bounds
      let layouts: [(String, @Sendable (UInt32) -> GPURect)] = [
        ("the mirror", { _ in whole }), ("the part", headRect),
      ]
      for (what, rect) in layouts {
        for scanout in 0..<probe.scanoutCount { try probe.show(big, rect(scanout), on: scanout) }
        // Looked at between the changes: what comes after is the flush's work, not that of SET_SCANOUT.
        for seed in [5, 6] {
          try probe.fill(big, seed)
          try probe.flush(big)
          for scanout in 0..<probe.scanoutCount {
            let rect = rect(scanout)
            try probe.expectPicture(
              Int(rect.width), Int(rect.height), on: Int(scanout), "\(what), seed \(seed)", part(rect, seed))
          }
        }
      }
      return "\(probe.scanoutCount) scanouts"
    },
  ]

  private static func requireSeveral(_ probe: GPUProbe) throws {
    guard probe.scanoutCount > 1 else { throw NotApplicable("the device has one scanout") }
  }

  /// A different part of 320x200 pixels for each scanout, neighbours overlapping.
  @Sendable private static func headRect(_ scanout: UInt32) -> GPURect {
    GPURect(scanout * 9, scanout * 5, 90, 60)
  }

  /// The part of a pattern that a rectangle cuts out.
  private static func part(_ rect: GPURect, _ seed: Int) -> (_ x: Int, _ y: Int) -> GPUPixel {
    { x, y in TestPattern.pixel(seed)(x + Int(rect.x), y + Int(rect.y)) }
  }
}
