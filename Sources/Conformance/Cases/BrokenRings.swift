import GuestDriver

/// What a driver must not put in a ring. No answer is required, but the device shows when it cannot go on, and a
/// reset brings it back (virtio 1.4 §2.1.2).
extension ConformanceSuite {
  static let brokenRings: [ConformanceCase] =
    splitFaults.map { fault in
      broken(.split, fault.name, fault.tried) { driver in
        try fault.commit(driver)
        let ring = driver.rings[0]
        return { ring.usedIndex == ring.availableIndex }
      }
    }
    + packedFaults.map { fault in
      broken(.packed, fault.name, fault.tried) { driver in
        let ring = driver.packedRings[0], place = ring.nextUsed
        try fault.commit(driver)
        let mask = PackedDescriptor.available | PackedDescriptor.used
        return { ring.descriptor(place.offset).flags & mask == (place.wrap ? mask : 0) }
      }
    }

  private struct Fault: Sendable {
    let name: String
    let tried: String
    /// Makes a bad buffer available in queue 0.
    let commit: @Sendable (PlainDriver) throws -> Void
  }

  /// - Parameter commit: breaks the ring and returns whether all of it was used nevertheless.
  private static func broken(
    _ format: RingFormat, _ name: String, _ tried: String,
    _ commit: @escaping @Sendable (PlainDriver) throws -> () -> Bool
  ) -> ConformanceCase {
    ConformanceCase(
      "\(format).recovers-from-\(name)", ["2.1.2-2"], needs: format.needs(), tried: tried,
      expected: "used all the same, or DEVICE_NEEDS_RESET; and requests are answered after a reset"
    ) { bench in
      let driver = try format.driver(bench, queueSize: 16)
      try driver.roundTrip()
      let isUsed = try commit(driver)
      try driver.kick()
      let needsReset = VirtioLayout.Status.needsReset
      let isSettled = try bench.eventually { try driver.function.status & needsReset != 0 || isUsed() }
      let hasFailed = try driver.function.status & needsReset != 0
      try expect(isSettled, came: "neither used, nor DEVICE_NEEDS_RESET")
      let again = try format.driver(bench, queueSize: 16)
      for _ in 0..<20 { try again.roundTrip() }
      return hasFailed ? "DEVICE_NEEDS_RESET, then answers" : "used, then answers"
    }
  }

  private static let splitFaults: [Fault] = [
    Fault(name: "a-bad-head", tried: "make a chain available whose head is behind the table") { driver in
      driver.rings[0].publish(head: UInt16(driver.rings[0].size))
    },
    Fault(name: "a-bad-next", tried: "chain to an entry behind the table") { driver in
      try commit(driver) { first, ring in
        first.flags |= RingDescriptor.next
        first.nextIndex = UInt16(ring.size)
      }
    },
    Fault(name: "a-loop", tried: "chain a descriptor to itself") { driver in
      try commit(driver) { first, _ in
        first.flags |= RingDescriptor.next
        first.nextIndex = 0
      }
    },
    Fault(name: "a-bad-address", tried: "give a descriptor an address without memory") { driver in
      try commit(driver) { first, ring in first.address = ring.ram.endOfRAM + (64 << 20) }
    },
    Fault(name: "an-index-ahead", tried: "move the available index further than the ring is long") { driver in
      let ring = driver.rings[0]
      ring.setAvailableIndex(ring.availableIndex &+ UInt16(ring.size) &+ 1)
    },
  ]

  /// Makes a chain of one bad descriptor available, in entry 0.
  private static func commit(
    _ driver: PlainDriver, _ spoil: (inout RingDescriptor, SplitRing) -> Void
  ) throws {
    let ring = driver.rings[0]
    var first = try driver.layOutRequest().descriptors[0]
    spoil(&first, ring)
    ring.setDescriptor(0, first)
    ring.publish(head: 0)
  }

  private static let packedFaults: [Fault] = [
    Fault(name: "an-endless-list", tried: "set NEXT in every descriptor of the ring") { driver in
      let ring = driver.packedRings[0]
      var place = ring.nextAvailable
      let part = try driver.layOutRequest().descriptors[0]
      for _ in 0..<ring.size {
        let flags = part.flags | RingDescriptor.next | place.availableFlags
        ring.setDescriptor(
          place.offset, PackedDescriptor(address: part.address, length: part.length, flags: flags))
        place.advance(by: 1, in: ring.size)
      }
    },
    Fault(name: "a-bad-address", tried: "give a descriptor an address without memory") { driver in
      let ring = driver.packedRings[0]
      var chain = try driver.layOutRequest().descriptors
      chain[0].address = ring.ram.endOfRAM + (64 << 20)
      _ = try ring.offer(chain)
    },
  ]

}
