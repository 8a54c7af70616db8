import GuestDriver

/// The notification structure's layout (virtio 1.4 §4.1.4.4.1).
extension ConformanceSuite {
  static let pciDoorbells: [ConformanceCase] = [
    ConformanceCase(
      "pci.notify-offset", ["4.1.4.4.1-2"], tried: "read the offset of the notification structure",
      expected: "a multiple of 2"
    ) { bench in
      try withoutNotificationData(bench)
      for notify in notifyStructures(bench) {
        try expect(notify.offset % 2 == 0, came: hex(notify.offset))
      }
      return "a multiple of 2"
    },

    ConformanceCase(
      "pci.notify-offset-with-data", ["4.1.4.4.1-8"],
      needs: [.modern, .feature(VirtioLayout.Feature.notificationData)],
      tried: "read the offset of the notification structure", expected: "a multiple of 4"
    ) { bench in
      for notify in notifyStructures(bench) {
        try expect(notify.offset % 4 == 0, came: hex(notify.offset))
      }
      return "a multiple of 4"
    },

    ConformanceCase(
      "pci.notify-multiplier", ["4.1.4.4.1-3"], tried: "read notify_off_multiplier",
      // The words allow two readings: a power with an even exponent, or an even number. Either will do.
      expected: "0 or a power of two"
    ) { bench in
      try withoutNotificationData(bench)
      for multiplier in notifyStructures(bench).map(\.notifyMultiplier) {
        try expect(multiplier == 0 || multiplier.nonzeroBitCount == 1, came: "\(multiplier)")
      }
      return notifyStructures(bench).map { "\($0.notifyMultiplier)" }.joined(separator: ", ")
    },

    ConformanceCase(
      "pci.notify-multiplier-with-data", ["4.1.4.4.1-7"],
      needs: [.modern, .feature(VirtioLayout.Feature.notificationData)],
      tried: "read notify_off_multiplier", expected: "0 or a power of two that is a multiple of 4"
    ) { bench in
      for multiplier in notifyStructures(bench).map(\.notifyMultiplier) {
        let isRight = multiplier == 0 || multiplier.nonzeroBitCount == 1 && multiplier % 4 == 0
        try expect(isRight, came: "\(multiplier)")
      }
      return notifyStructures(bench).map { "\($0.notifyMultiplier)" }.joined(separator: ", ")
    },

    ConformanceCase(
      "pci.notify-length", ["4.1.4.4.1-4", "4.1.4.4.1-5", "4.1.4.4.1-6"],
      tried: "compute every queue's doorbell", expected: "16 bits wide, all inside the structure"
    ) { bench in
      try withoutNotificationData(bench)
      return try doorbellsInside(bench, width: 2)
    },

    ConformanceCase(
      "pci.notify-length-with-data", ["4.1.4.4.1-9", "4.1.4.4.1-10", "4.1.4.4.1-11"],
      needs: [.modern, .feature(VirtioLayout.Feature.notificationData)],
      tried: "compute every queue's doorbell", expected: "32 bits wide, all inside the structure"
    ) { bench in try doorbellsInside(bench, width: 4) },
  ]

  private static func notifyStructures(_ bench: ConformanceBench) -> [PCIInventory.VirtioStructure] {
    bench.inventory.virtioStructures.filter { $0.type == VirtioLayout.CapabilityType.notify }
  }

  /// The rules differ by whether VIRTIO_F_NOTIFICATION_DATA is offered.
  private static func withoutNotificationData(_ bench: ConformanceBench) throws {
    guard !bench.profile.offers(VirtioLayout.Feature.notificationData) else {
      throw NotApplicable("VIRTIO_F_NOTIFICATION_DATA is offered, stricter rules hold")
    }
  }

  private static func doorbellsInside(_ bench: ConformanceBench, width: UInt64) throws -> String {
    let function = try bench.function
    var last: UInt64 = 0
    for queue in 0..<(try function.read(.queueCount)) {
      try function.write(.queueSelect, queue)
      let offset = try function.read(.queueNotifyOffset)
      for notify in notifyStructures(bench) {
        // At most 2^16 times 2^32.
        let place = offset * UInt64(notify.notifyMultiplier)
        try expect(
          notify.length >= place + width,
          came: "queue \(queue)'s doorbell at \(hex(place)), the structure has \(hex(notify.length)) bytes")
        last = max(last, place)
      }
    }
    return "the last doorbell at \(hex(last))"
  }
}
