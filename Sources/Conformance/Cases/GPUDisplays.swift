import GuestDriver

/// What a GPU says of its outputs: the configuration structure, display information and EDID (virtio 1.4 §5.7.4,
/// §5.7.6.8).
extension ConformanceSuite {
  private typealias Config = GPULayout.Config
  private static let needs: [Requirement] = [.modern, .kind(.gpu)]
  private static let edidNeeds = needs + [.feature(GPULayout.Feature.edid)]

  static let gpuDisplays: [ConformanceCase] = [
    ConformanceCase(
      "gpu.scanout-count", ["5.7.4.1-2", "2.5-1"], needs: needs + [.configuration],
      tried: "read num_scanouts, little-endian", expected: "1 to 16"
    ) { bench in
      let count = try bench.function.readDevice(Config.scanoutCount, width: 4)
      try expect((1...16).contains(count), came: hex(count))
      return "\(count)"
    },

    ConformanceCase(
      "gpu.events-clear", ["5.7.4.1-1"], needs: needs + [.configuration],
      tried: "write 1 into every bit of events_clear", expected: "events_read is 0, num_scanouts as before"
    ) { bench in
      let probe = try GPUProbe(bench), function = try bench.function
      let count = try function.readDevice(Config.scanoutCount, width: 4)
      try function.writeDevice(Config.eventsClear, width: 4, 0xffff_ffff)
      try expect("events_read", try function.readDevice(Config.eventsRead, width: 4), is: 0)
      try expect("num_scanouts", try function.readDevice(Config.scanoutCount, width: 4), is: count)
      try probe.goesOn()
      return "0"
    },

    ConformanceCase(
      "gpu.display-event", ["5.7.4.1-1", "5.7.4.2-1"],
      needs: needs + [.configuration, .observable(.configurationChange)],
      tried: "have the displays change; write 0 and then 1 for the event into events_clear",
      expected: "VIRTIO_GPU_EVENT_DISPLAY in events_read until the 1 is written"
    ) { bench in
      let probe = try GPUProbe(bench), function = try bench.function
      func pending() throws -> Bool {
        try function.readDevice(Config.eventsRead, width: 4) & UInt64(GPULayout.displayEvent) != 0
      }
      try function.writeDevice(Config.eventsClear, width: 4, UInt64(GPULayout.displayEvent))
      try bench.changeConfiguration()
      try expect(try bench.eventually(pending), came: "the event does not show in events_read")
      try probe.goesOn()
      try function.writeDevice(Config.eventsClear, width: 4, 0)
      try expect(try pending(), came: "the event is gone after a 0")
      try function.writeDevice(Config.eventsClear, width: 4, UInt64(GPULayout.displayEvent))
      try expect(try !pending(), came: "the event is still there after a 1")
      return "the event, until it was cleared"
    },

    ConformanceCase(
      "gpu.blob-alignment", ["5.7.4.1-3"],
      needs: needs + [.configuration, .feature(GPULayout.Feature.blobAlignment)],
      tried: "read blob_alignment", expected: "it is there, and a power of two"
    ) { bench in
      let structure = try bench.inventory.virtioStructure(VirtioLayout.CapabilityType.device)
      try expect(structure.length >= 20, came: "the configuration has \(structure.length) bytes")
      let alignment = try bench.function.readDevice(Config.blobAlignment, width: 4)
      try expect(alignment.nonzeroBitCount == 1, came: hex(alignment))
      return hex(alignment)
    },

    ConformanceCase(
      "gpu.display-info", ["5.7.6.8-3"], needs: needs, tried: "GET_DISPLAY_INFO",
      expected: "OK_DISPLAY_INFO, 408 bytes; a size for each enabled scanout, none enabled past num_scanouts"
    ) { bench in
      let probe = try GPUProbe(bench)
      let displays = try displays(probe)
      for (index, display) in displays.enumerated() where display.isEnabled {
        try expect(index < probe.scanoutCount, came: "scanout \(index) is enabled and does not exist")
        try expect(
          display.rect.width > 0 && display.rect.height > 0,
          came: "scanout \(index) is enabled with \(display.rect.width)x\(display.rect.height)")
      }
      let sizes = displays.filter(\.isEnabled).map { "\($0.rect.width)x\($0.rect.height)" }
      return sizes.isEmpty ? "none enabled" : sizes.joined(separator: ", ")
    },

    ConformanceCase(
      "gpu.edid-is-one", ["5.7.6.8-4"], needs: edidNeeds, tried: "GET_EDID for each scanout",
      expected:
        "OK_EDID, 1056 bytes; whole blocks of 128 bytes, as many as the first one says, its header and sums"
    ) { bench in
      let probe = try GPUProbe(bench)
      for scanout in 0..<probe.scanoutCount {
        let edid = try edid(probe, scanout)
        try expect(edid.count >= 128, came: "scanout \(scanout): size \(edid.count)")
        let header = Array(edid[..<8])
        try expect(
          header == [0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0], came: "scanout \(scanout): header \(header)")
        try expect(edid[18] == 1, came: "scanout \(scanout): EDID version \(edid[18])")
        let blocks = 1 + Int(edid[126])
        try expect(
          blocks * 128 <= edid.count, came: "scanout \(scanout): \(blocks) blocks in \(edid.count) bytes")
        for block in 0..<blocks {
          let sum = edid[block * 128..<block * 128 + 128].reduce(UInt8(0), &+)
          try expect(sum == 0, came: "scanout \(scanout): block \(block) sums up to \(sum)")
        }
      }
      return "\(probe.scanoutCount)"
    },

    ConformanceCase(
      "gpu.edid-preferred-mode", ["5.7.6.8-4", "5.7.6.8-3"], needs: edidNeeds,
      tried: "compare the first detailed timing with the display information",
      expected: "the same size for each enabled scanout, as far as a timing can say it"
    ) { bench in
      let probe = try GPUProbe(bench)
      var sizes: [String] = []
      for (index, display) in try displays(probe).enumerated() where display.isEnabled {
        let edid = try edid(probe, UInt32(index)), wanted = display.rect
        guard edid.count >= 128, wanted.width < 4096, wanted.height < 4096 else { continue }
        let timing = Array(edid[54..<72])
        // A descriptor with a pixel clock of 0 is no timing.
        try expect(timing[0] != 0 || timing[1] != 0, came: "scanout \(index): no timing comes first")
        let width = UInt32(timing[2]) | UInt32(timing[4] & 0xf0) << 4
        let height = UInt32(timing[5]) | UInt32(timing[7] & 0xf0) << 4
        try expect(
          width == wanted.width && height == wanted.height,
          came: "scanout \(index): \(width)x\(height), not \(wanted.width)x\(wanted.height)")
        sizes.append("\(width)x\(height)")
      }
      guard !sizes.isEmpty else { throw NotApplicable("no enabled scanout of less than 4096 pixels") }
      return sizes.joined(separator: ", ")
    },

    ConformanceCase(
      "gpu.edid-of-no-scanout", ["5.7.6.8-4", "5.7.6.7-4"], needs: edidNeeds,
      tried: "GET_EDID for scanouts past num_scanouts", expected: "an error response for each"
    ) { bench in
      let probe = try GPUProbe(bench)
      for scanout in probe.absentScanouts { try probe.fail(.getEDID(scanout: scanout), "of \(hex(scanout))") }
      try probe.goesOn()
      return "errors"
    },
  ]

  private static func displays(_ probe: GPUProbe) throws -> [GPUReply.Display] {
    guard let displays = try probe.succeed(.getDisplayInfo).displays else {
      throw Deviation("display information of fewer than 16 scanouts")
    }
    return displays
  }

  private static func edid(_ probe: GPUProbe, _ scanout: UInt32) throws -> [UInt8] {
    guard let edid = try probe.succeed(.getEDID(scanout: scanout)).edid else {
      throw Deviation("scanout \(scanout): an EDID whose size is more than 1024")
    }
    return edid
  }
}
