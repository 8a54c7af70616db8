import GuestDriver
import GuestRAM
import Testing

@testable import VirtioCore

@Suite struct PackedQueueTests {
  static let features: FeatureSet = [.version1, .ringPacked, .indirectDescriptors]

  @Test func `a chain is read, answered and used with its ID, its length and WRITE`() throws {
    let bench = try QueueBench(size: 4, Self.features)
    let chain = try bench.ram.layOut(
      request: Array(0..<50), responseRoom: 9, ChainLayout(request: .pieces(2)))
    let id = try bench.ring.offer(chain.descriptors)
    let held = try #require(try bench.take())
    #expect(held.descriptorCount == 3 && held.readableCount == 50 && held.writableCount == 9)
    #expect(bench.read(held) == Array(0..<50))
    let before = bench.packed.descriptor(0)
    bench.complete(held, writing: 7, count: 5)
    let used = bench.packed.descriptor(0)
    #expect(used.address == before.address && used.length == 5 && used.id == id && used.flags == 0x8082)
    #expect(bench.packed.descriptor(1).flags == 0x83 - 2)  // skipped
    #expect(bench.ram.read(chain.responseExtents[0].address, count: 6) == [7, 7, 7, 7, 7, 0xa5])
    #expect(try bench.ring.takeUsed() == UsedElement(head: UInt32(id), length: 5))
    #expect(try bench.take() == nil)
  }

  @Test func `a used buffer into which nothing was written has no WRITE`() throws {
    let bench = try QueueBench(size: 4, Self.features)
    let chain = try bench.ram.layOut(request: [], responseRoom: 9)
    _ = try bench.ring.offer(chain.descriptors)
    try bench.serve()
    #expect(bench.packed.descriptor(0).flags == 0x8080 && bench.packed.descriptor(0).length == 0)
  }

  @Test(arguments: [1, 2, 3, 5, 7, 64, 300])
  func `chains of any length run many times round a ring of any size`(
    _ size: Int
  ) throws {
    let bench = try QueueBench(size: size, Self.features)
    let data = try bench.ram.allocate(64)
    bench.ram.write(Array(0..<64), at: data)
    var waiting: [(id: UInt16, held: HeldChain)] = []
    var random: UInt64 = 0x9e37_79b9_7f4a_7c15
    for turn in 0..<12 * max(size, 100) {
      random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let count = Int(random >> 33) % min(size, 5) + 1
      if bench.ring.freeDescriptorCount >= count {
        let chain = (0..<count).map { RingDescriptor(address: data + UInt64($0), length: 1) }
        let id = try bench.ring.offer(chain)
        let held = try #require(try bench.take())
        #expect(held.descriptorCount == count && bench.read(held) == (0..<UInt8(count)).map { $0 })
        waiting.append((id, held))
        #expect(try bench.take() == nil)
      } else {
        // Without IN_ORDER in whatever order they are done.
        let (id, held) = waiting.remove(at: Int(random >> 40) % waiting.count)
        bench.complete(held)
        let used = try bench.ring.takeUsed()
        #expect(used?.head == UInt32(id), "turn \(turn)")
        #expect(try bench.ring.takeUsed() == nil)
      }
    }
    for (_, held) in waiting { bench.complete(held) }
    for _ in waiting { #expect(try bench.ring.takeUsed() != nil) }
    #expect(bench.ring.freeDescriptorCount == size)
  }

  @Test func `the largest ring is full and goes round`() throws {
    let bench = try QueueBench(size: 32768, Self.features)
    let data = [RingDescriptor(address: QueueBench.base, length: 1)]
    for _ in 0..<2 {
      for _ in 0..<32768 { _ = try bench.ring.offer(data) }
      for _ in 0..<32768 { try #require(try bench.serve() != nil) }
      #expect(try bench.take() == nil)
      for _ in 0..<32768 { try #require(try bench.ring.takeUsed() != nil) }
    }
  }

  @Test(
    "nothing is available before both bits are as the wrap counter has them", arguments: [0, 0x8000, 0x8080])
  func unavailable(flags: UInt16) throws {
    let bench = try QueueBench(size: 3, Self.features)
    bench.packed.setFlags(0, flags)
    #expect(try bench.take() == nil)
  }

  @Test func `an indirect table is taken in sequence and only WRITE counts in it`() throws {
    let bench = try QueueBench(size: 2, Self.features)
    let data = try bench.ram.allocate(64), table = try bench.ram.allocate(64)
    bench.ram.write(Array(0..<64), at: data)
    for (index, flags) in ([0xfffd, 0x0000, 0x8085, 0xffff] as [UInt16]).enumerated() {
      let entry = PackedDescriptor(
        address: data + UInt64(8 * index), length: 2, id: 0xffff, flags: flags)
      bench.ram.write(entry.encoded, at: table + UInt64(16 * index))
    }
    let indirect = RingDescriptor(
      address: table, length: 64, flags: RingDescriptor.indirect | RingDescriptor.write)
    for _ in 0..<10 {
      let id = try bench.ring.offer([indirect])
      let held = try #require(try bench.take())
      #expect(held.descriptorCount == 1 && held.writableCount == 2)
      #expect(bench.read(held) == [0, 1, 8, 9, 16, 17])
      bench.complete(held, writing: 0xee, count: 2)
      #expect(try bench.ring.takeUsed() == UsedElement(head: UInt32(id), length: 2))
    }
    #expect(bench.ram.read(data + 24, count: 3) == [0xee, 0xee, 26])
  }

  // MARK: Notifications

  @Test func `without event indices the driver's flags decide about interrupts`() throws {
    let bench = try QueueBench(size: 5, Self.features)
    let cases = [(0, true), (1, false), (2, true), (3, true), (0xfffd, false)] as [(UInt16, Bool)]
    for (flags, wanted) in cases {
      bench.packed.setDriverEvents(flags, 0x7fff)
      #expect(!bench.wantsInterrupt())
      _ = try bench.ring.offer([RingDescriptor(address: QueueBench.base, length: 1)])
      try bench.serve()
      #expect(bench.wantsInterrupt() == wanted, "flags \(flags)")
      #expect(!bench.wantsInterrupt())
      _ = try bench.ring.takeUsed()
    }
  }

  @Test(arguments: [1, 2, 3, 5, 8])
  func `a descriptor event comes when its descriptor is used, round and round`(
    _ size: Int
  ) throws {
    let bench = try QueueBench(size: size, Self.features.union(.eventIndex))
    bench.ring.suppressInterrupts()
    let part = RingDescriptor(address: QueueBench.base, length: 1)
    var step = 0
    // Every place of two rounds against every number of descriptors, from every start.
    for place in 0..<2 * size {
      for count in 1...2 * size {
        for chainLength in 1...size {
          var passed: Set<UInt16> = []
          var left = count
          while left > 0 {
            let length = min(chainLength, left)
            var at = bench.packed.nextAvailable
            for _ in 0..<length {
              passed.insert(at.encoded)
              at = PackedRing.Position(
                offset: (at.offset + 1) % size, wrap: at.offset + 1 == size ? !at.wrap : at.wrap)
            }
            _ = try bench.ring.offer(Array(repeating: part, count: length))
            try bench.serve()
            _ = try bench.ring.takeUsed()
            left -= length
          }
          let event = PackedRing.Position(offset: place % size, wrap: place < size).encoded
          bench.packed.setDriverEvents(PackedRing.EventFlags.descriptor, event)
          let wanted = bench.wantsInterrupt()
          guard wanted == passed.contains(event) else {
            Issue.record("step \(step): place \(place), \(count) descriptors in chains of \(chainLength)")
            return
          }
          step += 1
        }
      }
    }
  }

  @Test(arguments: [3, 0x7fff, 0x8003, 0xffff] as [UInt16])
  func `an event beyond the ring's end is taken as asking for every one`(_ event: UInt16) throws {
    let bench = try QueueBench(size: 3, Self.features.union(.eventIndex))
    bench.packed.setDriverEvents(PackedRing.EventFlags.descriptor, event)
    for _ in 0..<6 {
      _ = try bench.ring.offer([RingDescriptor(address: QueueBench.base, length: 1)])
      try bench.serve()
      #expect(bench.wantsInterrupt())
      _ = try bench.ring.takeUsed()
    }
  }

  @Test(arguments: [false, true]) func `doorbells are suppressed and asked for`(_ hasEvents: Bool) throws {
    let bench = try QueueBench(size: 3, Self.features.union(hasEvents ? .eventIndex : []))
    let part = [RingDescriptor(address: QueueBench.base, length: 1)]
    for turn in 0..<20 {
      bench.memory.withAccess { bench.queue.suppressDoorbell(in: $0) }
      #expect(bench.packed.deviceEvents.flags == 1)
      var old = bench.ring.availableIndex
      _ = try bench.ring.offer(part)
      #expect(!bench.ring.wantsKick(since: old))
      // What came meanwhile is seen.
      #expect(try bench.requestDoorbell())
      try bench.serve()
      #expect(try !bench.requestDoorbell())
      #expect(bench.packed.deviceEvents.flags == (hasEvents ? 2 : 0))
      if hasEvents { #expect(bench.packed.deviceEvents.place == bench.packed.nextAvailable.encoded) }
      old = bench.ring.availableIndex
      _ = try bench.ring.offer(part)
      #expect(bench.ring.wantsKick(since: old), "turn \(turn)")
      try bench.serve()
      for _ in 0..<2 { _ = try bench.ring.takeUsed() }
    }
  }

  // MARK: The map changes

  @Test func `a ring goes on after its memory was mapped anew, and stops without it`() throws {
    let bench = try QueueBench(size: 3, Self.features)
    let part = [RingDescriptor(address: QueueBench.base, length: 1)]
    _ = try bench.ring.offer(part)
    let held = try #require(try bench.take())
    try bench.setMapped(false)
    let flags = bench.packed.descriptor(0).flags
    bench.complete(held)
    #expect(bench.packed.descriptor(0).flags == flags)
    let place = GuestAddress(bench.ring.places.descriptorTable)
    #expect(throws: RingFault.area(.unmapped(place))) { try bench.take() }
    try bench.setMapped(true)
    _ = try bench.ring.offer(part)
    try #require(try bench.serve() != nil)
  }
}
