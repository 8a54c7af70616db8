import GuestDriver

/// The cursor queue (virtio 1.4 §5.7.6.6, §5.7.6.10).
extension ConformanceSuite {
  private static let needs: [Requirement] = [.modern, .kind(.gpu)]
  private static let seen = needs + [.observable(.cursors)]

  static let gpuCursors: [ConformanceCase] = [
    ConformanceCase(
      "gpu.cursor-commands-are-used", ["5.7.2-1", "5.7.6.6-1"], needs: needs,
      tried: "UPDATE_CURSOR and MOVE_CURSOR on queue 1, without room for a response, as drivers send them",
      expected: "each buffer is used with len 0, and both queues go on"
    ) { bench in
      let probe = try GPUProbe(bench)
      let image = try cursorImage(probe)
      let ghost: UInt32 = 4711
      let commands: [GPUCommand] = [
        .updateCursor(scanout: 0, x: 10, y: 20, resource: image.resource, hotX: 1, hotY: 2),
        .moveCursor(scanout: 0, x: 0, y: 0, resource: image.resource),
        .moveCursor(scanout: 0, x: 0xffff_fff0, y: 0x7fff_ffff, resource: image.resource),
        .updateCursor(scanout: 0, x: 0, y: 0, resource: 0, hotX: 0, hotY: 0),
        .updateCursor(scanout: 0, x: 0, y: 0, resource: ghost, hotX: 0, hotY: 0),
        .moveCursor(scanout: 0xffff_ffff, x: 1, y: 1),
        .moveCursor(scanout: 0, x: 5, y: 6, resource: image.resource),
      ]
      for command in commands { try probe.point(command) }
      try probe.goesOn()
      return "\(commands.count) commands"
    },

    ConformanceCase(
      "gpu.cursor-responses", ["5.7.6.10-1", "5.7.6.10-2", "5.7.6.7-3"], needs: needs,
      tried: "UPDATE_CURSOR and MOVE_CURSOR with room for a response", expected: "OK_NODATA in 24 bytes"
    ) { bench in
      let probe = try GPUProbe(bench)
      let image = try cursorImage(probe)
      try probe.succeed(
        .updateCursor(scanout: 0, x: 10, y: 20, resource: image.resource, hotX: 1, hotY: 2))
      try probe.succeed(.moveCursor(scanout: 0, x: 30, y: 40, resource: image.resource))
      return "OK_NODATA"
    },

    ConformanceCase(
      "gpu.cursor-fences", ["5.7.6.7-1"], needs: needs,
      tried: "UPDATE_CURSOR and MOVE_CURSOR with a fence and room for a response",
      expected: "a response with the flag and the same fence_id"
    ) { bench in
      let probe = try GPUProbe(bench)
      let image = try cursorImage(probe)
      let commands: [GPUCommand] = [
        .updateCursor(scanout: 0, x: 10, y: 20, resource: image.resource, hotX: 1, hotY: 2),
        .moveCursor(scanout: 0, x: 30, y: 40, resource: image.resource),
      ]
      for command in commands {
        let header = probe.fence()
        let reply = try probe.driver.send(command.encoded(header), on: command.queue)
        try GPUProbe.expectFence(reply.header, of: header, command.name)
      }
      return "both"
    },

    ConformanceCase(
      "gpu.cursor-errors", ["5.7.6.7-4", "5.7.4.1-2"], needs: needs,
      tried: "cursor commands for scanouts and a resource that do not exist, with room for a response",
      expected: "an error response for each, and the queue goes on"
    ) { bench in
      let probe = try GPUProbe(bench)
      let image = try cursorImage(probe)
      for scanout in probe.absentScanouts {
        try probe.fail(.moveCursor(scanout: scanout, x: 1, y: 1), "on scanout \(hex(scanout))")
      }
      try probe.fail(
        .updateCursor(scanout: 0, x: 1, y: 1, resource: 4711, hotX: 0, hotY: 0), "of no resource")
      try probe.succeed(.updateCursor(scanout: 0, x: 1, y: 1, resource: image.resource, hotX: 0, hotY: 0))
      return "errors"
    },

    ConformanceCase(
      "gpu.cursor-image", ["5.7.6.10-1", "5.7.6.6-1"], needs: seen,
      tried: "UPDATE_CURSOR with a 64x64 image in each of the eight formats, transferred before",
      expected: "the image, its hot spot and its place; of formats without alpha only opaque images are tried"
    ) { bench in
      let probe = try GPUProbe(bench)
      for (number, format) in GPUFormat.allCases.enumerated() {
        let image = try cursorImage(probe, format)
        let x = UInt32(10 + number), hotX = UInt32(number * 9)
        try probe.point(
          .updateCursor(scanout: 0, x: x, y: 20, resource: image.resource, hotX: hotX, hotY: 63))
        try expectCursor(
          bench, "format \(format.rawValue)",
          ScreenCursor(
            x: Int32(x), y: 20,
            image: ScreenCursor.Image(
              hotX: Int(hotX), hotY: 63, width: 64, height: 64, bytes: cursorBytes(format))))
      }
      return "in every format"
    },

    ConformanceCase(
      "gpu.cursor-move-keeps-the-rest", ["5.7.6.10-2"], needs: seen,
      tried: "MOVE_CURSOR with resource 0, another one and none, hot spots that were not set before",
      expected: "the new place with the old image: other fields are ignored"
    ) { bench in
      let probe = try GPUProbe(bench)
      let image = try cursorImage(probe), other = try probe.framebuffer(64, 64, .bgra)
      try probe.point(.updateCursor(scanout: 0, x: 1, y: 2, resource: image.resource, hotX: 3, hotY: 4))
      var wanted = ScreenCursor(
        x: 1, y: 2,
        image: ScreenCursor.Image(hotX: 3, hotY: 4, width: 64, height: 64, bytes: cursorBytes(.bgra)))
      try expectCursor(bench, "before the moves", wanted)
      for (number, resource) in [0, other.resource, 4711, image.resource].enumerated() {
        let x = UInt32(100 + number), y = UInt32(200 - number)
        var body = GPUCommand.updateCursor(
          scanout: 0, x: x, y: y, resource: resource, hotX: 60, hotY: 0xffff_ffff
        ).body
        // Padding is a field like the others.
        for index in [12, 13, 14, 15, 28, 29, 30, 31] { body[index] = 0xff }
        try probe.point(.raw(type: GPULayout.Request.moveCursor, body))
        (wanted.x, wanted.y) = (Int32(x), Int32(y))
        try expectCursor(bench, "after a move with resource \(resource)", wanted)
      }
      return "the image stays"
    },

    ConformanceCase(
      "gpu.cursor-of-each-scanout", ["5.7.6.10-1", "5.7.6.10-2"], needs: seen,
      tried:
        "UPDATE_CURSOR with other hot spots on each of several scanouts, then MOVE_CURSOR on the last one",
      expected: "each scanout has its own cursor, and the move is the last one's alone"
    ) { bench in
      let probe = try GPUProbe(bench)
      guard probe.scanoutCount > 1 else { throw NotApplicable("the device has one scanout") }
      let image = try cursorImage(probe), last = probe.scanoutCount - 1
      for scanout in 0...last {
        try probe.point(
          .updateCursor(
            scanout: scanout, x: 10 + scanout, y: 20, resource: image.resource, hotX: scanout, hotY: 0))
      }
      try probe.point(.moveCursor(scanout: last, x: 300, y: 200))
      for scanout in 0...last {
        let pointer = ScreenCursor.Image(
          hotX: Int(scanout), hotY: 0, width: 64, height: 64, bytes: cursorBytes(.bgra))
        let wanted =
          scanout == last
          ? ScreenCursor(x: 300, y: 200, image: pointer)
          : ScreenCursor(x: 10 + Int32(scanout), y: 20, image: pointer)
        try expectCursor(bench, on: scanout, "scanout \(scanout)", wanted)
      }
      return "\(probe.scanoutCount) cursors"
    },
  ]

  /// A 64x64 resource with an image of opaque and of clear pixels, transferred with a fence.
  private static func cursorImage(_ probe: GPUProbe, _ format: GPUFormat = .bgra) throws -> Framebuffer {
    let image = try probe.framebuffer(64, 64, format)
    probe.driver.draw(image) { cursorPixel(format, $0, $1) }
    try probe.transfer(image)
    return image
  }

  /// Opaque or wholly clear, the same whether colours are premultiplied or not; opaque alone in a format without
  /// alpha, since nothing says whether its fourth byte counts.
  private static func cursorPixel(_ format: GPUFormat, _ x: Int, _ y: Int) -> GPUPixel {
    format.hasAlpha && x + y < 64
      ? GPUPixel(red: 0, green: 0, blue: 0, alpha: 0) : TestPattern.pixel(16)(x, y)
  }

  private static func cursorBytes(_ format: GPUFormat) -> [UInt8] {
    var bytes: [UInt8] = []
    for y in 0..<64 {
      for x in 0..<64 {
        let pixel = cursorPixel(format, x, y)
        bytes += [pixel.blue, pixel.green, pixel.red, pixel.alpha]
      }
    }
    return bytes
  }

  /// Fails the case unless a scanout comes to have this pointer: without a response, nothing says when.
  private static func expectCursor(
    _ bench: ConformanceBench, on scanout: UInt32 = 0, _ what: String, _ wanted: ScreenCursor
  ) throws {
    guard try !bench.eventually({ try bench.cursor(scanout: Int(scanout)) == wanted }) else { return }
    guard let cursor = try bench.cursor(scanout: Int(scanout)) else {
      throw Deviation("\(what): no cursor at all")
    }
    let place = "\(cursor.x),\(cursor.y) for \(wanted.x),\(wanted.y)"
    guard let image = cursor.image else { throw Deviation("\(what): hidden at \(place)") }
    throw Deviation(
      "\(what): at \(place), hot spot \(image.hotX),\(image.hotY)"
        + (image.bytes == wanted.image?.bytes ? "" : ", another image"))
  }
}
