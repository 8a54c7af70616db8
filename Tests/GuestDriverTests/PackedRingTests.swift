import CSystemHeaders
import GuestDriver
import Testing

/// The driver's side of a packed ring, the device's side played by hand.
@Suite struct PackedRingTests {
  let ram = GuestRAMImage()

  init() throws { ram.add(try RAMBlock(base: 0x4000_0000, size: 1 << 20)) }

  func makeRing(size: Int, eventIndex: Bool = false, inOrder: Bool = false) throws -> PackedRing {
    let counts = RingPlaces.packedByteCounts(size: size)
    return PackedRing(
      queue: 0, size: size,
      places: RingPlaces(
        descriptorTable: try ram.allocate(counts.descriptorTable),
        available: try ram.allocate(counts.available, alignment: 4, skew: 4),
        used: try ram.allocate(counts.used, alignment: 4, skew: 4)),
      usesEventIndex: eventIndex, usesInOrder: inOrder, ram: ram)
  }

  /// What a device does with a buffer: a used descriptor where it stands.
  func use(
    _ id: UInt16, length: UInt32, at position: PackedRing.Position, in ring: PackedRing, flags: UInt16 = 0
  ) {
    let used: UInt16 = position.wrap ? 0x8080 : 0
    ring.setDescriptor(
      position.offset, PackedDescriptor(address: 0, length: length, id: id, flags: used | flags))
  }

  let one = [RingDescriptor(address: 0x5000, length: 9)]

  @Test func `a chain lies in the ring as the system's header has it, AVAIL as the wrap counter says`() throws
  {
    let ring = try makeRing(size: 3)
    let id = try ring.offer([
      RingDescriptor(address: 0x1111_2222_3333_4444, length: 24),
      RingDescriptor(address: 0x5000, length: 9, flags: RingDescriptor.write),
    ])
    typealias Layout = MemoryLayout<vring_packed_desc>
    let offsets = try (
      address: UInt64(#require(Layout.offset(of: \.addr))),
      length: UInt64(#require(Layout.offset(of: \.len))),
      id: UInt64(#require(Layout.offset(of: \.id))), flags: UInt64(#require(Layout.offset(of: \.flags)))
    )
    #expect(ram.load(ring.address(0) + offsets.address, width: 8) == 0x1111_2222_3333_4444)
    #expect(ram.load(ring.address(0) + offsets.length, width: 4) == 24)
    #expect(ram.load(ring.address(0) + offsets.flags, width: 2) == 0x81)
    #expect(ram.load(ring.address(1) + offsets.id, width: 2) == UInt64(id))
    #expect(ram.load(ring.address(1) + offsets.flags, width: 2) == 0x82)
    #expect(ring.notificationData == 0x8002 && ring.freeDescriptorCount == 1)
    use(id, length: 9, at: ring.nextUsed, in: ring)
    #expect(try ring.takeUsed() == UsedElement(head: UInt32(id), length: 9))
    // Over the end: the wrap counter of the second descriptor is another.
    _ = try ring.offer([RingDescriptor(address: 1, length: 1), RingDescriptor(address: 2, length: 2)])
    #expect(ram.load(ring.address(2) + offsets.flags, width: 2) == 0x81)
    #expect(ram.load(ring.address(0) + offsets.flags, width: 2) == 0x8000)
    #expect(ring.notificationData == 1)
  }

  @Test func `event suppression structures lie as the system's header has them`() throws {
    let ring = try makeRing(size: 4)
    typealias Layout = MemoryLayout<vring_packed_desc_event>
    let place = UInt64(try #require(Layout.offset(of: \.off_wrap)))
    let flags = UInt64(try #require(Layout.offset(of: \.flags)))
    ring.setDriverEvents(2, 0x8003)
    #expect(ram.load(ring.places.available + place, width: 2) == 0x8003)
    #expect(ram.load(ring.places.available + flags, width: 2) == 2)
    ram.store(0x1234, width: 2, at: ring.places.used + place)
    ram.store(1, width: 2, at: ring.places.used + flags)
    #expect(ring.deviceEvents == (1, 0x1234))
  }

  @Test func `a chain is not available before it is published`() throws {
    let ring = try makeRing(size: 4)
    let placed = try ring.place(one + one)
    #expect(ring.descriptor(0).flags == 0 && ring.descriptor(1).flags == 0x80)
    ring.publish(placed)
    #expect(ring.descriptor(0).flags == 0x81)
  }

  @Test(arguments: [1, 2, 3, 7, 64, 256]) func `a ring of any size runs many times round`(_ size: Int) throws
  {
    let ring = try makeRing(size: size)
    for turn in 0..<20_000 {
      let chain = Array(repeating: one[0], count: turn % min(size, 3) + 1)
      let id = try ring.offer(chain)
      use(id, length: UInt32(turn), at: ring.nextUsed, in: ring)
      let element = try #require(try ring.takeUsed())
      guard element == UsedElement(head: UInt32(id), length: UInt32(turn)) else {
        Issue.record("turn \(turn): \(element)")
        return
      }
      guard try ring.takeUsed() == nil else {
        Issue.record("turn \(turn): something used twice")
        return
      }
    }
    #expect(ring.freeDescriptorCount == size)
    #expect(ring.nextUsed == ring.nextAvailable)
  }

  @Test func `a full ring refuses another chain, and an unknown buffer is the device's fault`() throws {
    let ring = try makeRing(size: 2)
    let id = try ring.offer(one + one)
    #expect(throws: DriverError.outOfMemory) { try ring.offer(one) }
    use(id ^ 1, length: 0, at: ring.nextUsed, in: ring)
    #expect(throws: DriverError.self) { try ring.takeUsed() }
  }

  @Test func `the device's event flags decide about the doorbell`() throws {
    let ring = try makeRing(size: 8, eventIndex: true)
    func kicks(offering count: Int, flags: UInt64, place: UInt64) throws -> Bool {
      ram.store(place, width: 2, at: ring.places.used)
      ram.store(flags, width: 2, at: ring.places.used + 2)
      let old = ring.availableIndex
      for _ in 0..<count {
        let id = try ring.offer(one)
        use(id, length: 0, at: ring.nextUsed, in: ring)
        _ = try ring.takeUsed()
      }
      return ring.wantsKick(since: old)
    }
    #expect(try kicks(offering: 1, flags: 0, place: 0))
    #expect(try !kicks(offering: 1, flags: 1, place: 0))
    #expect(try kicks(offering: 2, flags: 2, place: 0x8002))  // now at 4
    #expect(try !kicks(offering: 2, flags: 2, place: 0x8006))
    #expect(try kicks(offering: 1, flags: 2, place: 0x8006))
    #expect(try !kicks(offering: 1, flags: 2, place: 0))  // the ring's end was passed, the place not
    #expect(try kicks(offering: 1, flags: 2, place: 0))
    #expect(try !kicks(offering: 1, flags: 2, place: 0x8001))
    #expect(try kicks(offering: 1, flags: 3, place: 0))
  }

  @Test(arguments: [false, true]) func `a driver that accepted IN_ORDER understands a batch`(_ isPacked: Bool)
    throws
  {
    let size = 4
    let ring: any DriverRing =
      isPacked
      ? try makeRing(size: size, inOrder: true)
      : SplitRing(
        queue: 0, size: size,
        places: RingPlaces(
          descriptorTable: try ram.allocate(64), available: try ram.allocate(14), used: try ram.allocate(38)),
        usesEventIndex: false, usesInOrder: true, ram: ram)
    for turn in 0..<100 {
      let room = UInt32(turn)
      let names = [
        try ring.offer(one + [RingDescriptor(address: 0, length: room, flags: RingDescriptor.write)]),
        try ring.offer(one), try ring.offer(one),
      ]
      if let packed = ring as? PackedRing {
        use(names[2], length: 7, at: packed.nextUsed, in: packed)
      } else {
        // Entry by entry round the table, as IN_ORDER has it.
        #expect(names[1] == (names[0] + 2) % 4 && names[2] == (names[0] + 3) % 4)
        let index = ram.loadAcquire16(ring.places.used + 2)
        let slot = ring.places.used + 4 + 8 * UInt64(index % 4)
        ram.store(UInt64(names[2]), width: 4, at: slot)
        ram.store(7, width: 4, at: slot + 4)
        ram.storeRelease16(ring.places.used + 2, index &+ 3)
      }
      let taken = try (0..<4).map { _ in try ring.takeUsed() }
      #expect(taken.map { $0?.head } == names.map { UInt32($0) } + [nil])
      #expect(taken.map { $0?.length } == [room, 0, 7, nil])
    }
    #expect(ring.freeDescriptorCount == size)
  }

  @Test func `an indirect table for a packed ring has neither NEXT nor indices`() throws {
    var layout = ChainLayout(request: .every(10), indirection: .all)
    layout.isPacked = true
    let chain = try ram.layOut(request: Array(0..<30), responseRoom: 5, layout)
    let table = try #require(chain.indirectTable)
    #expect(table.count == 64)
    let flags = (0..<4).map { ram.load(table.address + 16 * $0 + 14, width: 2) }
    #expect(flags == [0, 0, 0, 2])
    #expect((0..<4).map { ram.load(table.address + 16 * $0 + 12, width: 2) } == [0, 0, 0, 0])
  }
}
