import GuestDriver

/// The capabilities that lead to the virtio structures (virtio 1.4 §4.1.4).
extension ConformanceSuite {
  private typealias CapabilityType = VirtioLayout.CapabilityType

  static let pciStructures: [ConformanceCase] = [
    ConformanceCase(
      "pci.structures-present", ["4.1.4.3.1-2", "4.1.4.4.1-1", "4.1.4.5.1-1", "4.1.4.9.1-1"],
      tried: "look for cfg_type 1, 2, 3 and 5 in the capability list", expected: "at least one of each"
    ) { bench in
      let types = Set(bench.inventory.virtioStructures.map(\.type))
      let wanted = [
        CapabilityType.common, CapabilityType.notify, CapabilityType.isr, CapabilityType.configurationAccess,
      ]
      let absent = wanted.filter { !types.contains($0) }
      try expect(absent.isEmpty, came: "no capability of cfg_type \(absent)")
      return "cfg_type \(bench.inventory.virtioStructures.map(\.type))"
    },

    ConformanceCase(
      "pci.device-structure-present", ["4.1.4.6-1"], needs: [.modern, .kind(.gpu)],
      tried: "look for cfg_type 4", expected: "at least one, since a GPU has a configuration"
    ) { bench in
      let found = bench.inventory.virtioStructures.filter { $0.type == CapabilityType.device }
      try expect(!found.isEmpty, came: "no capability of cfg_type 4")
      return "\(found.count)"
    },

    ConformanceCase(
      "pci.capability-lengths", ["4.1.4.2-1"], tried: "read cap_len of every virtio capability",
      expected: "at least its structure: 16 bytes, 20 with a multiplier or window, 24 with 64-bit fields"
    ) { bench in
      for structure in bench.inventory.virtioStructures {
        let least: Int? =
          switch structure.type {
          case CapabilityType.common, CapabilityType.isr, CapabilityType.device: 16
          case CapabilityType.notify, CapabilityType.configurationAccess: 20
          case CapabilityType.sharedMemory: 24
          default: nil
          }
        guard let least else { continue }
        try expect(
          structure.capabilityLength >= least
            && structure.capabilityOffset + structure.capabilityLength <= 256,
          came:
            "cfg_type \(structure.type) at \(hex(structure.capabilityOffset)): \(structure.capabilityLength)")
      }
      return bench.inventory.virtioStructures.map { "\($0.capabilityLength)" }.joined(separator: ", ")
    },

    ConformanceCase(
      "pci.structures-inside-regions", ["4.1.4-1"],
      tried: "compare bar, offset and length of each structure with the size of its region",
      expected: "an existing region that holds the whole structure"
    ) { bench in
      let mapped = [CapabilityType.common, CapabilityType.notify, CapabilityType.isr, CapabilityType.device]
      for structure in bench.inventory.virtioStructures where mapped.contains(structure.type) {
        guard let bar = bench.inventory.baseAddresses.first(where: { $0.index == structure.bar }) else {
          throw Deviation("cfg_type \(structure.type) is in BAR\(structure.bar), which does not exist")
        }
        try expect(
          structure.offset <= bar.size && structure.length <= bar.size - structure.offset,
          came: "cfg_type \(structure.type) ends behind the \(hex(bar.size)) bytes of BAR\(structure.bar)")
      }
      return "all inside"
    },

    ConformanceCase(
      "pci.structure-lengths", ["4.1.4-2"], tried: "read the length of each structure",
      expected: "room for every field: 56 bytes in common, or as far as the offered features reach"
    ) { bench in
      let needed: [UInt8: UInt64] = [
        CapabilityType.common: commonLength(bench.profile), CapabilityType.isr: 1,
        CapabilityType.device: bench.profile.kind == .gpu ? 16 : 0,
      ]
      for structure in bench.inventory.virtioStructures {
        guard let least = needed[structure.type] else { continue }
        try expect(
          structure.length >= least,
          came: "cfg_type \(structure.type) has \(structure.length) bytes, its fields take \(least)")
      }
      return bench.inventory.virtioStructures.map { hex($0.length) }.joined(separator: ", ")
    },

    ConformanceCase(
      "pci.structure-alignment", ["4.1.4.3.1-1", "4.1.4.6.1-1"],
      tried: "read the offset of the common and the device configuration", expected: "multiples of 4"
    ) { bench in
      let aligned = [CapabilityType.common, CapabilityType.device]
      for structure in bench.inventory.virtioStructures where aligned.contains(structure.type) {
        try expect(
          structure.offset % 4 == 0, came: "cfg_type \(structure.type) at offset \(hex(structure.offset))")
      }
      return "aligned"
    },

    ConformanceCase(
      "pci.capabilities-are-read-only", ["4.1.4-3"], needs: [.modern, .observable(.configurationSpace)],
      tried: "write other values into the capabilities of common, notify, ISR and device",
      expected: "all fields keep their values"
    ) { bench in
      let fixed = [CapabilityType.common, CapabilityType.notify, CapabilityType.isr, CapabilityType.device]
      for structure in bench.inventory.virtioStructures where fixed.contains(structure.type) {
        for field in stride(from: 0, to: 16, by: 4) {
          let offset = structure.capabilityOffset + field
          let before = try bench.machine.readConfig(offset, width: 4)
          try bench.machine.writeConfig(offset, width: 4, ~before)
          let after = try bench.machine.readConfig(offset, width: 4)
          try expect(before == after, came: "offset \(hex(offset)) changed: \(hex(before)), \(hex(after))")
        }
      }
      return "kept"
    },
  ]

  /// How far the common configuration reaches with the offered features (virtio 1.4 §4.1.4.3).
  private static func commonLength(_ profile: DeviceProfile) -> UInt64 {
    typealias Feature = VirtioLayout.Feature
    if profile.offers(Feature.adminQueue) { return 64 }
    if profile.offers(Feature.ringReset) { return 60 }
    return profile.offers(Feature.notificationConfigData) ? 58 : 56
  }
}
