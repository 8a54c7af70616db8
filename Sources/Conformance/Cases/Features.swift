import GuestDriver

/// Feature bits and their negotiation (virtio 1.4 §2.2, §6).
extension ConformanceSuite {
  private typealias Feature = VirtioLayout.Feature
  private typealias Status = VirtioLayout.Status

  static let featureBits: [ConformanceCase] = [
    ConformanceCase(
      "status.version-1-is-offered", ["6.2-1"], tried: "read the offered features",
      expected: "VIRTIO_F_VERSION_1 is among them"
    ) { bench in
      try expect(bench.profile.offers(Feature.version1), came: hex(bench.profile.offeredFeatures))
      return hex(bench.profile.offeredFeatures)
    },

    ConformanceCase(
      "status.offered-feature-dependencies", ["2.2.2-1", "5.7.3-1", "5.7.3-2"],
      needs: [.modern, .kind(.gpu)], tried: "read the offered features",
      expected: "VIRGL with CONTEXT_INIT, RESOURCE_BLOB with BLOB_ALIGNMENT"
    ) { bench in
      for (bit, required) in requirements(bench.profile.kind) where bench.profile.offers(bit) {
        try expect(
          bench.profile.offers(required),
          came: "\(FeatureName.of(bit, .gpu)) without \(FeatureName.of(required, .gpu))")
      }
      return hex(bench.profile.offeredFeatures)
    },

    ConformanceCase(
      "status.no-unknown-features", ["2.2.2-4"], tried: "read the offered features",
      expected: "only bits that virtio 1.4 defines for PCI and for this kind of device"
    ) { bench in
      let unknown = (0..<64).filter { bench.profile.offers($0) && !isKnown($0, bench.profile) }
      try expect(unknown.isEmpty, came: "bits \(unknown)")
      return hex(bench.profile.offeredFeatures)
    },

    ConformanceCase(
      "status.valid-subsets", ["2.2.2-2"],
      tried: "accept no optional feature, each one alone with what it requires, and all",
      expected: "FEATURES_OK stays"
    ) { bench in
      let profile = bench.profile
      var sets: [UInt64] = [bench.plainFeatures]
      for bit in 0..<64 where profile.offers(bit) {
        var set = bench.plainFeatures | 1 << UInt64(bit)
        for (dependent, required) in requirements(profile.kind) where dependent == bit {
          set |= 1 << UInt64(required)
        }
        sets.append(set)
      }
      sets.append(profile.offeredFeatures)
      for set in sets { try bench.negotiate(set) }
      return "\(Set(sets).count) sets are accepted"
    },

    ConformanceCase(
      "status.unoffered-feature", ["2.2.2-3"],
      tried: "accept each bit below 64 that is not offered, then set FEATURES_OK",
      expected: "FEATURES_OK does not stay, or driver_feature shows that the bit was ignored"
    ) { bench in
      let function = try bench.function
      var refused = 0, ignored = 0
      for bit in 0..<64 where !bench.profile.offers(bit) {
        try bench.resetDevice()
        try function.setStatus(Status.acknowledge)
        try function.setStatus(Status.acknowledge | Status.driver)
        try function.acceptFeatures(bench.plainFeatures | 1 << UInt64(bit))
        try function.setStatus(Status.acknowledge | Status.driver | Status.featuresOK)
        guard try function.status & Status.featuresOK != 0 else {
          refused += 1
          continue
        }
        try function.write(.driverFeatureSelect, UInt64(bit / 32))
        let word = try function.read(.driverFeature)
        try expect(
          word >> UInt64(bit % 32) & 1 == 0,
          came:
            "\(FeatureName.of(bit, bench.profile.kind)) was taken: FEATURES_OK stays, driver_feature \(hex(word))"
        )
        ignored += 1
      }
      return "\(refused) refused, \(ignored) ignored"
    },

    ConformanceCase(
      "status.renegotiation", ["2.2.2-5"],
      tried: "negotiate, reset, and negotiate the same features again, twice over",
      expected: "FEATURES_OK stays each time"
    ) { bench in
      for _ in 0..<3 {
        try bench.negotiate(bench.profile.offeredFeatures)
        try bench.negotiate()
      }
      return "accepted each time"
    },

    ConformanceCase(
      "status.sr-iov", ["6.2-4", "6.2-5"], needs: [.modern, .observable(.configurationSpace)],
      tried: "look for an SR-IOV capability and for VIRTIO_F_SR_IOV", expected: "both or neither"
    ) { bench in
      let hasCapability = try hasExtendedCapability(bench, identifier: 0x0010)
      let isOffered = bench.profile.offers(Feature.sriov)
      try expect(
        hasCapability == isOffered,
        came:
          "the capability is \(hasCapability ? "" : "not ")there, the feature \(isOffered ? "" : "not ")offered"
      )
      return hasCapability ? "both" : "neither"
    },
  ]

  /// Which feature requires which (virtio 1.4 §5.7.3).
  private static func requirements(_ kind: DeviceKind) -> [(Int, Int)] {
    guard kind == .gpu else { return [] }
    return [
      (GPULayout.Feature.contextInit, GPULayout.Feature.virgl),
      (GPULayout.Feature.blobAlignment, GPULayout.Feature.resourceBlob),
    ]
  }

  /// Whether the specification gives a bit a meaning for such a device (virtio 1.4 §2.2, §6, §5.7.3).
  private static func isKnown(_ bit: Int, _ profile: DeviceProfile) -> Bool {
    switch bit {
    case 0...23, 50...63:
      switch profile.kind {
      case .gpu: return bit <= GPULayout.Feature.blobAlignment
      case .entropy: return false
      case .other: return true
      }
    // NOTIFY_ON_EMPTY, ANY_LAYOUT and bit 30 are for transitional devices (§6.3).
    case 24, 27, 30: return profile.generation != .modern
    case 28, 29, 32...41, 43: return true
    default: return false
    }
  }

  /// Whether the extended configuration space of a PCI Express function has a capability.
  private static func hasExtendedCapability(_ bench: ConformanceBench, identifier: UInt32) throws -> Bool {
    guard bench.inventory.capabilities.contains(where: { $0.identifier == PCILayout.CapabilityID.express })
    else { return false }
    var offset = 0x100, seen = 0
    while offset >= 0x100, seen < 960 {
      guard let header = try bench.tolerating({ try bench.machine.readConfig(offset, width: 4) }),
        header != 0, header != .max
      else { return false }
      if header & 0xffff == identifier { return true }
      offset = Int(header >> 20) & ~3
      seen += 1
    }
    return false
  }
}
