import GuestDriver

/// The configuration access window, and the optional capabilities (virtio 1.4 §4.1.4.7 to §4.1.4.9, §5.7.7).
extension ConformanceSuite {
  private typealias CapabilityType = VirtioLayout.CapabilityType

  static let pciExtras: [ConformanceCase] = [
    ConformanceCase(
      "pci.window-reads", ["4.1.4.9.1-3"], needs: [.modern, .observable(.configurationSpace)],
      tried: "read num_queues, device_status and device_feature through pci_cfg_data",
      expected: "what the region itself says, 2, 1 and 4 bytes wide"
    ) { bench in
      let function = try bench.function
      try function.setStatus(VirtioLayout.Status.acknowledge)
      for register: CommonRegister in [.queueCount, .deviceStatus, .deviceFeature, .queueSize] {
        let direct = try function.read(register)
        let place = UInt32(truncatingIfNeeded: function.common.offset) + UInt32(register.offset)
        let through = try function.readThroughWindow(
          bar: UInt8(function.common.bar), offset: place, length: UInt32(register.width))
        try expect("\(register) through the window", UInt64(through), is: direct)
      }
      return "the same"
    },

    ConformanceCase(
      "pci.window-writes", ["4.1.4.9.1-2"], needs: [.modern, .observable(.configurationSpace)],
      tried: "write device_status, queue_select and device_feature_select through pci_cfg_data",
      expected: "the registers have the values, and their neighbours keep theirs"
    ) { bench in
      let function = try bench.function
      try bench.resetDevice()
      let writes: [(CommonRegister, UInt32)] = [
        // The narrowest last: a wider write of it would go over queue_select.
        (.queueSelect, 1), (.deviceFeatureSelect, 1), (.deviceStatus, 1),
      ]
      let generation = try function.read(.configGeneration)
      for (register, value) in writes {
        let place = UInt32(truncatingIfNeeded: function.common.offset) + UInt32(register.offset)
        try function.writeThroughWindow(
          bar: UInt8(function.common.bar), offset: place, length: UInt32(register.width), value)
      }
      for (register, value) in writes {
        try expect("\(register)", try function.read(register), is: UInt64(value))
      }
      try expect("config_generation", try function.read(.configGeneration), is: generation)
      return "written"
    },

    ConformanceCase(
      "pci.shared-memory-inside-region", ["4.1.4.7.1-1"],
      tried: "compare every shared memory region with its base address region", expected: "all inside"
    ) { bench in
      let regions = try sharedMemory(bench)
      for region in regions {
        guard let bar = bench.inventory.baseAddresses.first(where: { $0.index == region.structure.bar })
        else {
          throw Deviation(
            "region \(region.structure.identifier) in BAR\(region.structure.bar), which is none")
        }
        try expect(
          region.offset <= bar.size && region.length <= bar.size - region.offset,
          came: "region \(region.structure.identifier) ends behind the \(hex(bar.size)) bytes of its BAR")
      }
      return "\(regions.count) regions"
    },

    ConformanceCase(
      "pci.shared-memory-ids", ["4.1.4.7.1-2", "5.7.5-1"], tried: "compare the ids of shared memory regions",
      expected: "all different; 0 or 1 in a GPU"
    ) { bench in
      let ids = try sharedMemory(bench).map(\.structure.identifier)
      try expect(Set(ids).count == ids.count, came: "\(ids)")
      try expect(bench.profile.kind != .gpu || ids.allSatisfy { $0 <= 1 }, came: "\(ids)")
      return "\(ids)"
    },

    ConformanceCase(
      "pci.vendor-data", ["4.1.4.8.1-1", "4.1.4.8.1-2"], tried: "read vendor_id and cap_len of vendor data",
      expected: "another vendor than 0x1af4, a multiple of 4"
    ) { bench in
      let capabilities = try vendorData(bench)
      for (offset, length) in capabilities {
        let vendor = try bench.machine.readConfig(offset + 4, width: 2)
        try expect(vendor != UInt32(VirtioLayout.vendorID), came: "vendor_id \(hex(vendor))")
        try expect(length % 4 == 0, came: "cap_len \(length)")
      }
      return "\(capabilities.count) capabilities"
    },

    ConformanceCase(
      "pci.vendor-data-reads", ["4.1.4.8-1", "4.1.4.8.1-3"],
      tried: "read vendor data of a live device many times",
      expected: "the same bytes, and the device works on"
    ) { bench in
      let capabilities = try vendorData(bench)
      let driver = try PlainDriver(bench)
      func bytes() throws -> [UInt32] {
        try capabilities.flatMap { offset, length in
          try (0..<length).map { try bench.machine.readConfig(offset + $0, width: 1) }
        }
      }
      let first = try bytes()
      for _ in 0..<4 { try expect(try bytes() == first, came: "other bytes when read again") }
      try driver.roundTrip()
      return "\(first.count) bytes"
    },

    ConformanceCase(
      "pci.class-of-a-gpu", ["5.7.7-1"], needs: [.kind(.gpu)], tried: "read the PCI class",
      expected: "a display controller: VGA with VGA compatibility, which has memory in BAR0, or another"
    ) { bench in
      let inventory = bench.inventory
      try expect("the base class", UInt64(inventory.baseClass), is: 3)
      try expect([0, 0x80].contains(inventory.subclass), came: "subclass \(hex(inventory.subclass))")
      let hasMemory = inventory.baseAddresses.contains { $0.index == 0 && !$0.isIO }
      try expect(inventory.subclass == 0x80 || hasMemory, came: "a VGA controller without memory in BAR0")
      return "subclass \(hex(inventory.subclass))"
    },
  ]

  /// A shared memory region with its offset and length in full.
  private struct SharedMemory {
    let structure: PCIInventory.VirtioStructure
    let offset: UInt64
    let length: UInt64
  }

  private static func sharedMemory(_ bench: ConformanceBench) throws -> [SharedMemory] {
    let found = bench.inventory.virtioStructures.filter { $0.type == CapabilityType.sharedMemory }
    guard !found.isEmpty else { throw NotApplicable("the device has no shared memory") }
    return try found.map { structure in
      // `struct virtio_pci_cap64`: the high halves follow the capability.
      let offset = try bench.machine.readConfig(structure.capabilityOffset + 16, width: 4)
      let length = try bench.machine.readConfig(structure.capabilityOffset + 20, width: 4)
      return SharedMemory(
        structure: structure, offset: structure.offset | UInt64(offset) << 32,
        length: structure.length | UInt64(length) << 32)
    }
  }

  /// Places and lengths of the vendor data capabilities, whose other fields are the vendor's.
  private static func vendorData(_ bench: ConformanceBench) throws -> [(offset: Int, length: Int)] {
    var found: [(offset: Int, length: Int)] = []
    for capability in bench.inventory.capabilities
    where capability.identifier == PCILayout.CapabilityID.vendorSpecific {
      let type = try bench.machine.readConfig(
        capability.offset + VirtioLayout.Capability.configurationType, width: 1)
      guard type == UInt32(CapabilityType.vendor) else { continue }
      let length = try bench.machine.readConfig(capability.offset + VirtioLayout.Capability.length, width: 1)
      found.append((capability.offset, min(Int(length), 256 - capability.offset)))
    }
    guard !found.isEmpty else { throw NotApplicable("the device has no vendor data") }
    return found
  }
}
