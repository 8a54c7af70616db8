import GuestDriver

/// What transfers and flushes bring to a scanout (virtio 1.4 §5.7.6.8), where somebody sees it.
extension ConformanceSuite {
  private static let seen: [Requirement] = [.modern, .kind(.gpu), .observable(.pictures)]

  static let gpuPictures: [ConformanceCase] = [
    ConformanceCase(
      "gpu.picture-of-every-format", ["5.7.6.8-5", "5.7.6.8-10", "5.7.6.8-9"], needs: seen,
      tried: "show a pattern in each of the eight formats and three sizes, unused bytes filled",
      expected: "the same picture each time, 0,0 at the top left"
    ) { bench in
      let probe = try GPUProbe(bench)
      for format in GPUFormat.allCases {
        for (width, height) in [(16, 16), (65, 33), (333, 247)] {
          let one = try probe.framebuffer(width, height, format)
          probe.driver.draw(one) { x, y in
            var pixel = TestPattern.pixel(7)(x, y)
            if !format.hasAlpha { pixel.alpha = UInt8(truncatingIfNeeded: x &* 31 &+ y) }
            return pixel
          }
          try probe.transfer(one)
          try probe.show(one)
          try probe.expectPicture(width, height, "format \(format.rawValue)", TestPattern.pixel(7))
          try probe.succeed(.setScanout(GPURect(0, 0, 0, 0), scanout: 0, resource: 0))
          try probe.succeed(.unref(id: one.resource))
        }
      }
      return "the same picture"
    },

    ConformanceCase(
      "gpu.picture-of-scattered-backing", ["5.7.6.8-11"], needs: seen,
      tried: "backing in shuffled pages, and in pieces of 1000 and 333 bytes at odd addresses",
      expected: "the picture in the order of the entries"
    ) { bench in
      let probe = try GPUProbe(bench)
      let layouts: [BackingLayout] = [.shuffledPages(seed: 11), .pieces(1000), .pieces(333)]
      for (seed, layout) in layouts.enumerated() {
        let one = try probe.framebuffer(173, 101, layout: layout)
        try probe.fill(one, seed)
        try probe.show(one)
        try probe.expectPicture(173, 101, "\(one.backing.count) entries", TestPattern.pixel(seed))
      }
      return "the picture"
    },

    ConformanceCase(
      "gpu.picture-of-partial-transfers", ["5.7.6.8-10"], needs: seen,
      tried: "other bytes in all of the backing, then a transfer of one rectangle and a flush of everything",
      expected: "the new pixels inside the rectangle and the old ones outside"
    ) { bench in
      let probe = try GPUProbe(bench)
      let one = try probe.framebuffer(61, 47, .abgr)
      for rect in rectangles(61, 47) {
        try probe.fill(one, 8)
        try probe.show(one)
        probe.driver.draw(one, TestPattern.pixel(9))
        try probe.transfer(one, rect)
        try probe.flush(one)
        try probe.expectPicture(61, 47, "\(rect.width)x\(rect.height) at \(rect.x),\(rect.y)") { x, y in
          TestPattern.pixel(rect.holds(x, y) ? 9 : 8)(x, y)
        }
      }
      return "\(rectangles(61, 47).count) rectangles"
    },

    ConformanceCase(
      "gpu.picture-of-partial-flushes", ["5.7.6.8-9"], needs: seen,
      tried: "a transfer of rectangles, one after the other, each flushed alone", expected: "all new pixels"
    ) { bench in
      let probe = try GPUProbe(bench)
      let one = try probe.framebuffer(61, 47)
      try probe.fill(one, 10)
      try probe.show(one)
      try probe.expectPicture(61, 47, "before", TestPattern.pixel(10))
      for rect in [GPURect(0, 0, 20, 47), GPURect(20, 0, 41, 11), GPURect(20, 11, 41, 36)] {
        try probe.fill(one, 12, in: rect)
        try probe.flush(one, rect)
      }
      try probe.expectPicture(61, 47, "after three parts", TestPattern.pixel(12))
      return "all new"
    },

    ConformanceCase(
      "gpu.picture-outlives-its-backing", ["5.7.6.8-12", "5.7.6.8-11"], needs: seen,
      tried: "detach the backing and write over it, flush; then attach other pages and transfer",
      expected: "the picture stays, then comes from the other pages"
    ) { bench in
      let probe = try GPUProbe(bench)
      let first = try probe.framebuffer(64, 64)
      try probe.fill(first, 13)
      try probe.show(first)
      try probe.succeed(.detachBacking(id: first.resource))
      probe.driver.draw(first, TestPattern.pixel(14))
      try probe.flush(first)
      try probe.expectPicture(64, 64, "after the detach", TestPattern.pixel(13))
      var second = first
      second.backing = try probe.driver.allocateBacking(second.byteCount, .shuffledPages(seed: 2))
      try probe.succeed(.attach(second))
      try probe.fill(second, 15)
      try probe.flush(second)
      try probe.expectPicture(64, 64, "with the other pages", TestPattern.pixel(15))
      return "kept, then replaced"
    },
  ]
}

extension GPURect {
  /// Whether a pixel lies inside.
  fileprivate func holds(_ column: Int, _ row: Int) -> Bool {
    (Int(x)..<Int(x) + Int(width)).contains(column) && (Int(y)..<Int(y) + Int(height)).contains(row)
  }
}
