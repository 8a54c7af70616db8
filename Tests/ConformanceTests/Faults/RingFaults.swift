import Conformance
import GuestDriver

/// Split and packed virtqueues.
extension SeededFault {

  static let ringFaults: [SeededFault] =
    splitUseFaults + splitBufferFaults + packedUseFaults + packedBufferFaults

  private static let splitUseFaults: [SeededFault] = [
    SeededFault(
      "split.length-past-the-room", caughtBy: "split.used-length", and: ["split.room-for-more"],
      .used { _, buffer in buffer.length = 1_000_000 }),
    SeededFault(
      "split.another-head", caughtBy: "split.rounds",
      and: ["split.stream", "split.batches", "split.full-ring", "split.sizes"],
      .used { _, buffer in buffer.name ^= 1 }),
    SeededFault(
      "split.index-counts-twice", caughtBy: "split.used-index-starts-at-zero",
      .used { _, buffer in buffer.usedIndex &+= 1 }),
    SeededFault(
      "split.index-is-one-behind", caughtBy: "split.rounds", .used { _, buffer in buffer.usedIndex &-= 1 }),
    SeededFault(
      "split.second-queue-is-not-used", caughtBy: "split.several-queues",
      .used { _, buffer in if buffer.queue == 1 { buffer.usedIndex &-= 1 } }),
    SeededFault(
      "split.reserved-flag", caughtBy: "split.used-flags",
      .used { _, buffer in buffer.ram.store(2, width: 2, at: buffer.deviceArea) }),
    SeededFault(
      "split.asleep-without-saying-so", caughtBy: "split.notified-only-when-wanted",
      .used { _, buffer in buffer.ram.store(1, width: 2, at: buffer.deviceArea) }),
    SeededFault("split.out-of-order", caughtBy: "split.in-order", .usesLastTwoTurned, .forgetsAfterWrite),
    SeededFault("split.no-interrupt", caughtBy: "split.interrupt-for-each-buffer", .neverInterrupts),
    SeededFault(
      "split.every-third-interrupt-is-lost", caughtBy: "split.interrupts-lose-nothing",
      and: ["split.interrupt-for-each-buffer"],
      .losesEveryThirdInterrupt),
    SeededFault(
      "split.interrupts-against-advice", caughtBy: "split.interrupts-suppressed",
      .used { function, buffer in
        if buffer.ram.load(buffer.driverArea, width: 2) == 1 { function.raise(1) }
      }),
    SeededFault(
      "split.broken-for-good", caughtBy: "split.recovers-from-a-loop",
      and: [
        "split.recovers-from-a-bad-head", "split.recovers-from-a-bad-next",
        "split.recovers-from-a-bad-address", "split.recovers-from-an-index-ahead",
      ],
      .staysBroken),
  ]

  private static let splitBufferFaults: [SeededFault] = [
    SeededFault(
      "split.available-ring-at-multiples-of-64", caughtBy: "split.least-alignment",
      and: ["split.parts-at-the-end-of-memory"],
      .write(.half(.queueDriverArea, isHigh: false)) { _, place in place & ~63 }),
    SeededFault(
      "split.deaf-to-notification-data", caughtBy: "split.notification-data",
      .ignoresWrites(.doorbell(4))),
    SeededFault(
      "split.index-of-15-bits", caughtBy: "split.index-wraps",
      .used { _, buffer in buffer.usedIndex &= 0x7fff }),
    SeededFault(
      "split.answer-in-the-first-buffer-only", caughtBy: "split.answer-cut-in-pieces",
      and: ["split.pieces-apart", "split.pieces-in-falling-order"], .answersFirstBufferOnly
    ),
    SeededFault(
      "split.request-in-two-buffers-at-most", caughtBy: "split.request-cut-in-pieces",
      .refuses { $0.entries.count { !$0.isWritable } > 2 }),
    SeededFault(
      "split.chains-of-16-at-most", caughtBy: "split.longest-chain", .refuses { $0.ringCount > 16 }),
    SeededFault(
      "split.writes-readable-buffers", caughtBy: "split.readable-buffers-are-kept", .writesReadableBuffers),
    SeededFault(
      "split.writes-the-table", caughtBy: "split.driver-parts-are-kept",
      .used { _, buffer in
        guard let entry = buffer.chain?.entries.first else { return }
        buffer.ram.store(0, width: 4, at: entry.place + 8)
      }),
    SeededFault(
      "split.next-is-the-next-entry", caughtBy: "split.chains-anywhere-in-the-table",
      .offered { function, chain in
        guard let table = function.driver.queues[chain.queue]?.descriptorArea else { return }
        for entry in chain.entries {
          chain.ram.store((entry.place - table) / 16 + 1, width: 2, at: entry.place + 14)
        }
      }),
    SeededFault(
      "split.buffers-end-with-their-block", caughtBy: "split.buffer-across-blocks",
      .losesWhatIsBehindABlock),
  ]

  private static let packedUseFaults: [SeededFault] = [
    SeededFault(
      "packed.accepted-and-not-followed", caughtBy: "packed.rounds",
      .takesFeature(VirtioLayout.Feature.ringPacked, false)),
    SeededFault(
      "packed.used-bit-of-the-other-round", caughtBy: "packed.used-flags",
      .used { _, buffer in buffer.flags ^= PackedDescriptor.used }),
    SeededFault(
      "packed.wrap-counter-never-turns", caughtBy: "packed.rounds",
      .used { _, buffer in buffer.flags |= PackedDescriptor.available | PackedDescriptor.used }),
    SeededFault(
      "packed.no-write-flag", caughtBy: "packed.write-flag",
      .used { _, buffer in buffer.flags &= ~RingDescriptor.write }),
    SeededFault(
      "packed.write-flag-for-nothing", caughtBy: "packed.write-flag-of-readable-buffer",
      .used { _, buffer in buffer.flags |= RingDescriptor.write }),
    SeededFault(
      "packed.another-id", caughtBy: "packed.buffer-id-of-the-last-descriptor",
      and: [
        "packed.stream", "packed.batches", "packed.full-ring", "packed.sizes", "packed.several-queues",
        "packed.used-in-a-row",
      ],
      .used { _, buffer in buffer.name ^= 0x100 }),
    SeededFault(
      "packed.length-past-the-room", caughtBy: "packed.used-length", and: ["packed.room-for-more"],
      .used { _, buffer in buffer.length = 1_000_000 }),
    SeededFault(
      "packed.changes-what-it-used-before", caughtBy: "packed.used-descriptors-stay",
      .used { function, buffer in
        if function.tally != 0 { buffer.ram.store(7, width: 4, at: function.tally + 8) }
        function.tally = buffer.place
      }),
    SeededFault(
      "packed.takes-what-is-not-available", caughtBy: "packed.unavailable-is-not-used",
      .write(.doorbell(2)) { function, value in
        guard let ram = function.ram, let queue = function.driver.queues[0], queue.isEnabled else {
          return value
        }
        let place = queue.descriptor(queue.nextOffered) + 14
        let mask = UInt64(PackedDescriptor.available | PackedDescriptor.used)
        let wanted = UInt64(queue.offeredWrap ? PackedDescriptor.available : PackedDescriptor.used)
        ram.store(ram.load(place, width: 2) & ~mask | wanted, width: 2, at: place)
        return value
      },
      // Only what watches the rings knows where the next descriptor is.
      .used { _, _ in }),
    SeededFault("packed.out-of-order", caughtBy: "packed.in-order", .usesLastTwoTurned, .forgetsAfterWrite),
  ]

  private static let packedBufferFaults: [SeededFault] = [
    SeededFault(
      "packed.ring-at-multiples-of-128", caughtBy: "packed.least-alignment",
      and: ["packed.parts-at-the-end-of-memory"],
      .write(.half(.queueDescriptorArea, isHigh: false)) { _, place in place & ~127 }),
    SeededFault(
      "packed.deaf-to-notification-data", caughtBy: "packed.notification-data",
      .ignoresWrites(.doorbell(4))),
    SeededFault(
      "packed.broken-for-good", caughtBy: "packed.recovers-from-an-endless-list",
      and: ["packed.recovers-from-a-bad-address"], .staysBroken),
    SeededFault(
      "packed.buffers-end-with-their-block", caughtBy: "packed.buffer-across-blocks",
      .losesWhatIsBehindABlock),
    SeededFault(
      "packed.request-in-two-buffers-at-most", caughtBy: "packed.request-cut-in-pieces",
      .refuses { $0.entries.count { !$0.isWritable } > 2 }),
    SeededFault(
      "packed.writes-the-drivers-events", caughtBy: "packed.event-structures",
      .used { _, buffer in buffer.ram.store(0, width: 2, at: buffer.driverArea) }),
    SeededFault(
      "packed.reserved-event-bits", caughtBy: "packed.event-structures",
      .used { _, buffer in buffer.ram.store(4, width: 2, at: buffer.deviceArea + 2) }),
    SeededFault(
      "packed.asleep-without-saying-so", caughtBy: "packed.notified-only-when-wanted",
      .used { _, buffer in buffer.ram.store(1, width: 2, at: buffer.deviceArea + 2) }),
    SeededFault(
      "packed.every-third-interrupt-is-lost", caughtBy: "packed.interrupts-lose-nothing",
      .losesEveryThirdInterrupt),
    SeededFault("packed.no-interrupt", caughtBy: "packed.interrupt-for-each-buffer", .neverInterrupts),
    SeededFault(
      "packed.interrupts-against-advice", caughtBy: "packed.interrupts-suppressed",
      .used { function, buffer in
        if buffer.ram.load(buffer.driverArea + 2, width: 2) == 1 { function.raise(1) }
      }),
    SeededFault(
      "packed.answer-in-the-first-buffer-only", caughtBy: "packed.answer-cut-in-pieces",
      and: ["packed.pieces-apart", "packed.pieces-in-falling-order"],
      .answersFirstBufferOnly),
    SeededFault(
      "packed.writes-readable-buffers", caughtBy: "packed.readable-buffers-are-kept", .writesReadableBuffers),
    SeededFault(
      "packed.lists-of-16-at-most", caughtBy: "packed.longest-chain", .refuses { $0.ringCount > 16 }),
  ]
}

extension FaultEffect {
  /// A device that needs a reset takes none.
  fileprivate static let staysBroken = FaultEffect.write(.common(.deviceStatus)) { function, value in
    function.right(.common(.deviceStatus)) & UInt64(VirtioLayout.Status.needsReset) != 0 ? nil : value
  }

  /// What lies in a buffer behind the end of the block where it begins is not written.
  fileprivate static let losesWhatIsBehindABlock = FaultEffect.used { _, buffer in
    for entry in buffer.chain?.entries ?? [] where entry.isWritable {
      guard let end = buffer.ram.block(at: entry.address)?.end, end - entry.address < entry.length else {
        continue
      }
      buffer.ram.fill(end, count: entry.length - Int(end - entry.address), with: 0xa5)
    }
  }

  static let losesEveryThirdInterrupt = FaultEffect.interrupt { function, interrupt in
    function.tally += 1
    return function.tally.isMultiple(of: 3) ? [] : [interrupt]
  }

  /// Answers nothing to chains of a kind.
  static func refuses(_ isRefused: @escaping @Sendable (OfferedChain) -> Bool) -> FaultEffect {
    .used { _, buffer in
      guard let chain = buffer.chain, isRefused(chain) else { return }
      chain.response = [UInt8](repeating: 0, count: chain.response.count)
    }
  }

  /// Leaves all device-writable buffers but the first of a chain as they were.
  fileprivate static let answersFirstBufferOnly = FaultEffect.used { _, buffer in
    let writable = buffer.chain?.entries.filter(\.isWritable) ?? []
    for entry in writable.dropFirst() { buffer.ram.fill(entry.address, count: entry.length, with: 0xa5) }
  }

  /// Writes into what the device may only read.
  fileprivate static let writesReadableBuffers = FaultEffect.used { _, buffer in
    guard let chain = buffer.chain else { return }
    chain.request = chain.request.map { $0 ^ 1 }
  }

  /// Names the last two buffers of a batch in the wrong order; `tally` has the place of the one before.
  fileprivate static let usesLastTwoTurned = FaultEffect.used { function, buffer in
    defer { function.tally = buffer.place }
    guard function.tally != 0 else { return }
    let before = UsedBuffer(
      queue: buffer.queue, chain: nil, place: function.tally, driverArea: buffer.driverArea,
      deviceArea: buffer.deviceArea, isPacked: buffer.isPacked, ram: buffer.ram)
    (before.name, buffer.name) = (buffer.name, before.name)
  }

  /// Ends a batch.
  fileprivate static let forgetsAfterWrite = FaultEffect.afterWrite { $0.tally = 0 }
}
