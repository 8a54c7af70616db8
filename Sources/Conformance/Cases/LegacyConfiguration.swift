import GuestDriver

/// The device configuration behind the legacy registers (virtio 1.4 §3.1.2, §4.1.4.10).
///
/// Of the kinds of device known here a GPU alone has a configuration.
extension ConformanceSuite {
  static let legacyConfiguration: [ConformanceCase] = [
    ConformanceCase(
      "legacy.configuration-before-features", ["3.1.2-1"], needs: [.legacy, .kind(.gpu)],
      tried: "write events_clear before any feature is written",
      expected: "taken, and the device comes up as ever"
    ) { bench in
      let driver = try LegacyDriver(bench)
      try driver.function.setStatus(1)
      try driver.function.setStatus(3)
      try driver.function.writeDevice(GPULayout.Config.eventsClear, width: 4, UInt64(GPULayout.displayEvent))
      let events = try driver.function.readDevice(GPULayout.Config.eventsRead, width: 4)
      try expect(
        events & UInt64(GPULayout.displayEvent) == 0, came: "events_read is \(hex(events)) afterwards")
      try driver.bringUp()
      try driver.roundTrip()
      return "taken"
    },

    ConformanceCase(
      "legacy.configuration-of-any-width", ["4.1.4.10-2"], needs: [.legacy, .kind(.gpu)],
      tried: "read the configuration by 4, 2 and 1 bytes", expected: "the same bytes"
    ) { bench in
      let function = try LegacyDriver(bench).function
      func bytes(_ width: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        for offset in stride(from: 0, to: 16, by: width) {
          bytes.append(try function.readDevice(offset, width: width), width: width)
        }
        return bytes
      }
      let natural = try bytes(4)
      for width in [1, 2] {
        let read = try bytes(width)
        try expect(read == natural, came: "\(natural) by 4 bytes, \(read) by \(width)")
      }
      return "the same"
    },

    ConformanceCase(
      "legacy.configuration-moves-with-msix", ["4.1.4.10-3"], needs: [.legacy, .kind(.gpu), .vectors],
      tried: "read num_scanouts with MSI-X off and on",
      expected: "behind 20 bytes, then behind 24, 1 to 16 both times"
    ) { bench in
      let function = try LegacyDriver(bench).function
      func count() throws -> UInt64 { try function.readDevice(GPULayout.Config.scanoutCount, width: 4) }
      let off = try count()
      try function.setVectorControl(PCILayout.MSIX.controlEnable)
      function.hasVectors = true
      let on = try count()
      try expect((1...16).contains(off) && on == off, came: "\(off) behind 20 bytes, \(on) behind 24")
      return "\(on)"
    },
  ]
}
