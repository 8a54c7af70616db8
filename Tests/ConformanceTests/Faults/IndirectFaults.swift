import GuestDriver

/// Indirect descriptors, and event suppression by index.
extension SeededFault {

  static let indirectFaults: [SeededFault] = [
    SeededFault(
      "indirect.accepted-and-not-followed", caughtBy: "indirect.split-table", and: ["indirect.packed-table"],
      .takesFeature(VirtioLayout.Feature.indirectDescriptors, false)),
    SeededFault(
      "indirect.table-is-one-entry", caughtBy: "indirect.split-table", and: ["indirect.packed-table"],
      .offered { _, chain in
        if let table = chain.tableEntry { chain.ram.store(16, width: 4, at: table + 8) }
      }),
    SeededFault(
      "indirect.table-is-a-buffer", caughtBy: "indirect.split-beside-direct",
      and: ["indirect.packed-beside-direct", "indirect.split-full-ring", "indirect.packed-full-ring"],
      .refuses { $0.tableEntry != nil }),
    SeededFault(
      "indirect.tables-of-16-at-most", caughtBy: "indirect.split-longest-table",
      and: ["indirect.packed-longest-table"], .refuses { $0.tableEntry != nil && $0.entries.count > 16 }),
    SeededFault(
      "indirect.write-flag-of-the-table-counts", caughtBy: "indirect.split-write-flag-of-the-table",
      and: ["indirect.packed-write-flag-of-the-table"],
      .offered { function, chain in
        guard let table = chain.tableEntry else { return }
        let flags = chain.ram.load(table + (function.driver.isPacked ? 14 : 12), width: 2)
        function.tally = flags & UInt64(RingDescriptor.write)
      },
      .used { function, buffer in
        guard function.tally != 0, let chain = buffer.chain else { return }
        chain.response = [UInt8](repeating: 0, count: chain.response.count)
      }),
    SeededFault(
      "indirect.table-is-written", caughtBy: "indirect.split-table-is-kept",
      and: ["indirect.packed-table-is-kept"],
      .used { _, buffer in
        guard let chain = buffer.chain, chain.tableEntry != nil else { return }
        buffer.ram.store(0, width: 4, at: chain.entries[0].place + 8)
      }),
    SeededFault(
      "indirect.table-is-walked-in-order", caughtBy: "indirect.table-walked-by-next",
      .offered { _, chain in
        guard chain.tableEntry != nil, let first = chain.entries.first else { return }
        for entry in chain.entries {
          chain.ram.store((entry.place - first.place) / 16 + 1, width: 2, at: entry.place + 14)
        }
      }),
    SeededFault(
      "indirect.no-table-after-descriptors", caughtBy: "indirect.after-chained-descriptors",
      .refuses { $0.tableEntry != nil && $0.ringCount > 1 }),
    SeededFault(
      "indirect.flags-in-a-packed-table-count", caughtBy: "indirect.packed-reserved-fields",
      .refuses { chain in
        guard chain.tableEntry != nil else { return false }
        return chain.entries.contains {
          chain.ram.load($0.place + 14, width: 2) & ~UInt64(RingDescriptor.write) != 0
        }
      }),
  ]

  static let eventIndexFaults: [SeededFault] = [
    SeededFault(
      "event-index.accepted-and-not-followed", caughtBy: "event-index.flags-ignored",
      and: ["event-index.split-other-buffers", "event-index.packed-other-buffers"],
      .takesFeature(VirtioLayout.Feature.eventIndex, false)),
    SeededFault(
      "event-index.followed-and-not-accepted", caughtBy: "event-index.used-event-without-feature",
      .takesFeature(VirtioLayout.Feature.eventIndex, true)),
    SeededFault(
      "event-index.interrupts-for-every-buffer", caughtBy: "event-index.split-other-buffers",
      and: ["event-index.packed-other-buffers"], .used { function, _ in function.raise(1) }),
    SeededFault(
      "event-index.no-interrupt", caughtBy: "event-index.split-next-buffer",
      and: [
        "event-index.packed-next-buffer", "event-index.over-the-index-wrap",
        "event-index.packed-later-buffer", "event-index.packed-batch-past-the-buffer",
      ], .neverInterrupts),
    SeededFault(
      "event-index.every-third-interrupt-is-lost", caughtBy: "event-index.split-interrupts-lose-nothing",
      and: ["event-index.packed-interrupts-lose-nothing"], .losesEveryThirdInterrupt),
    SeededFault(
      "event-index.one-buffer-late", caughtBy: "event-index.split-later-buffer",
      .interruptsAtIndex { used, event in used == event &+ 2 }),
    SeededFault(
      "event-index.last-buffer-of-a-batch-only", caughtBy: "event-index.split-batch-past-the-buffer",
      .interruptsAtIndex { used, event in used == event &+ 1 }),
    SeededFault(
      "event-index.flags-count-too", caughtBy: "event-index.flags-ignored",
      .interruptsWithRing { _, ring in ring.load(ring.driverArea) & 1 == 0 }),
    SeededFault(
      "event-index.used-without-the-feature", caughtBy: "event-index.used-event-without-feature",
      .interruptsAtIndex { used, event in used == event &+ 1 }),
    SeededFault(
      "event-index.no-notify-flag", caughtBy: "event-index.used-flags",
      .used { _, buffer in buffer.ram.store(1, width: 2, at: buffer.deviceArea) }),
    SeededFault(
      "event-index.available-event-is-stuck", caughtBy: "event-index.split-notified-only-when-wanted",
      .used { function, buffer in
        guard let size = function.driver.queues[buffer.queue]?.size else { return }
        buffer.ram.store(0, width: 2, at: buffer.deviceArea + 4 + UInt64(8 * size))
      }),
    SeededFault(
      "event-index.wrap-bit-is-ignored", caughtBy: "event-index.packed-other-round",
      .used { function, buffer in
        guard let queue = function.driver.queues[buffer.queue] else { return }
        let event = buffer.ram.load(buffer.driverArea, width: 2) & 0x7fff
        if buffer.place == queue.descriptor(Int(event)) { function.raise(1) }
      }),
    SeededFault(
      "event-index.packed-disable-is-ignored", caughtBy: "event-index.packed-enable-and-disable",
      .used { function, buffer in
        if buffer.ram.load(buffer.driverArea + 2, width: 2) == 1 { function.raise(1) }
      }),
    SeededFault(
      "event-index.asleep-without-saying-so", caughtBy: "event-index.packed-notified-only-when-wanted",
      .used { _, buffer in buffer.ram.store(1, width: 2, at: buffer.deviceArea + 2) }),
    SeededFault(
      "event-index.reserved-event-flags", caughtBy: "event-index.packed-device-structure",
      .used { _, buffer in buffer.ram.store(3, width: 2, at: buffer.deviceArea + 2) }),
  ]
}

extension FaultEffect {
  /// Takes a feature for accepted, or for not accepted, whatever the driver says.
  static func takesFeature(_ bit: Int, _ isTaken: Bool) -> FaultEffect {
    .write(.common(.driverFeature)) { function, word in
      guard function.right(.common(.driverFeatureSelect)) == UInt64(bit / 32) else { return word }
      let mask = UInt64(1) << UInt64(bit % 32)
      return isTaken ? word | mask : word & ~mask
    }
  }

  /// Interrupts of queue 0 come only when this holds of its ring.
  fileprivate static func interruptsWithRing(
    _ condition: @escaping @Sendable (FaultyFunction, RingFields) -> Bool
  ) -> FaultEffect {
    .interrupt { function, interrupt in
      guard let ram = function.ram, let queue = function.driver.queues[0], queue.isEnabled else {
        return [interrupt]
      }
      let fields = RingFields(
        driverArea: queue.driverArea, deviceArea: queue.deviceArea, size: queue.size, ram: ram)
      return condition(function, fields) ? [interrupt] : []
    }
  }

  /// Interrupts of queue 0 come only when this holds of its used index and `used_event`.
  fileprivate static func interruptsAtIndex(
    _ condition: @escaping @Sendable (_ used: UInt16, _ event: UInt16) -> Bool
  ) -> FaultEffect {
    .interruptsWithRing { _, ring in
      condition(ring.load(ring.deviceArea + 2), ring.load(ring.driverArea + 4 + UInt64(2 * ring.size)))
    }
  }
}

/// Where a split ring's fields are.
private struct RingFields {
  let driverArea: UInt64
  let deviceArea: UInt64
  let size: Int
  let ram: GuestRAMImage

  func load(_ place: UInt64) -> UInt16 { UInt16(ram.load(place, width: 2)) }
}
