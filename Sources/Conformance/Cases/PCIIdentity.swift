import GuestDriver

/// Who the function says it is, in its configuration header (virtio 1.4 §4.1.2).
extension ConformanceSuite {
  static let pciIdentity: [ConformanceCase] = [
    ConformanceCase(
      "pci.vendor-id", ["4.1.2.1-1"], needs: [], tried: "read the PCI vendor id", expected: "0x1af4"
    ) { bench in
      try expect("the vendor id", UInt64(bench.inventory.vendorID), is: UInt64(VirtioLayout.vendorID))
      return hex(bench.inventory.vendorID)
    },

    ConformanceCase(
      "pci.device-id", ["4.1.2.1-2"], needs: [], tried: "read the PCI device id",
      expected: "0x1040 plus the virtio device id, or the kind's transitional id"
    ) { bench in
      let id = bench.inventory.deviceID, kind = bench.profile.kind
      let isOfItsKind = (0x1040...0x107f).contains(id) || id == kind.transitionalPCIDeviceID
      try expect(isOfItsKind, came: "\(hex(id)), which no kind of device has")
      return "\(hex(id)), \(kind)"
    },

    ConformanceCase(
      "pci.device-id-of-a-modern-device", ["4.1.2.1-3"], tried: "compare the device id with BAR0",
      expected: "0x1040 to 0x107f unless BAR0 is the I/O region of a transitional device"
    ) { bench in
      let id = bench.inventory.deviceID
      let hasLegacyRegion = bench.inventory.baseAddresses.contains { $0.index == 0 && $0.isIO }
      try expect(
        (0x1040...0x107f).contains(id) || hasLegacyRegion, came: "\(hex(id)) without I/O region in BAR0")
      return "\(hex(id)), BAR0 is \(hasLegacyRegion ? "an I/O region" : "no I/O region")"
    },

    ConformanceCase(
      "pci.revision-of-a-modern-device", ["4.1.2.1-4"], tried: "read the revision id",
      expected: "1 or higher unless transitional"
    ) { bench in
      try onlyModern(bench)
      try expect(bench.inventory.revisionID >= 1, came: "0, which legacy drivers take for theirs")
      return "\(bench.inventory.revisionID)"
    },

    ConformanceCase(
      "pci.subsystem-of-a-modern-device", ["4.1.2.1-5"], tried: "read the subsystem device id",
      expected: "0x40 or higher unless transitional"
    ) { bench in
      try onlyModern(bench)
      let id = bench.inventory.subsystemID
      try expect(id >= 0x40, came: "\(hex(id)), which legacy drivers take for a device of theirs")
      return hex(id)
    },

    ConformanceCase(
      "pci.header", ["4.1.1-1"], needs: [.observable(.configurationSpace)],
      tried: "overwrite the ids, class and header type; walk the capabilities",
      expected: "read-only fields keep their values; a list that ends, 4-byte aligned, behind the header"
    ) { bench in
      for (offset, width) in [(0x00, 4), (0x08, 4), (0x0e, 1), (0x2c, 4), (0x34, 1), (0x3d, 1)] {
        let before = try bench.machine.readConfig(offset, width: width)
        try bench.machine.writeConfig(offset, width: width, ~before)
        let after = try bench.machine.readConfig(offset, width: width)
        try expect(
          before == after, came: "offset \(hex(offset)) took a write: \(hex(before)), then \(hex(after))")
      }
      let pin = bench.inventory.interruptPin
      try expect(pin <= 4, came: "interrupt pin \(pin)")
      // The walk itself fails on a list that loops or leaves its space.
      let places = bench.inventory.capabilities.map(\.offset)
      try expect(Set(places).count == places.count, came: "a capability is linked twice")
      return "\(places.count) capabilities, \(bench.inventory.baseAddresses.count) base addresses"
    },
  ]

  /// A transitional device follows other rules (virtio 1.4 §4.1.2.3).
  private static func onlyModern(_ bench: ConformanceBench) throws {
    guard bench.profile.generation == .modern else { throw NotApplicable("the device is transitional") }
  }
}
