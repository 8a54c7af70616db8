import CSystemHeaders
import GuestDriver
import Testing

/// The driver's side of a ring, the device's side played by hand.
@Suite struct SplitRingTests {
  let ram = GuestRAMImage()

  init() throws { ram.add(try RAMBlock(base: 0x4000_0000, size: 1 << 20)) }

  func makeRing(size: Int, eventIndex: Bool = false) throws -> SplitRing {
    let counts = RingPlaces.byteCounts(size: size)
    return SplitRing(
      queue: 0, size: size,
      places: RingPlaces(
        descriptorTable: try ram.allocate(counts.descriptorTable),
        available: try ram.allocate(counts.available, alignment: 2, skew: 2),
        used: try ram.allocate(counts.used, alignment: 4, skew: 4)),
      usesEventIndex: eventIndex, ram: ram)
  }

  /// What a device does with the chain at a head.
  func use(_ head: UInt16, length: UInt32, in ring: SplitRing) {
    let index = ring.usedIndex
    let slot = ring.places.used + 4 + 8 * UInt64(Int(index) % ring.size)
    ram.store(UInt64(head), width: 4, at: slot)
    ram.store(UInt64(length), width: 4, at: slot + 4)
    ram.storeRelease16(ring.places.used + 2, index &+ 1)
  }

  @Test func `a chain is linked in the table and published in the available ring`() throws {
    let ring = try makeRing(size: 4)
    let head = try ring.offer([
      RingDescriptor(address: 0x1111_2222_3333_4444, length: 24),
      RingDescriptor(address: 0x5000, length: 9, flags: RingDescriptor.write),
    ])
    typealias Layout = MemoryLayout<vring_desc>
    let first = ring.places.descriptorTable + 16 * UInt64(head)
    #expect(
      ram.load(first + UInt64(try #require(Layout.offset(of: \.addr))), width: 8) == 0x1111_2222_3333_4444)
    #expect(ram.load(first + UInt64(try #require(Layout.offset(of: \.len))), width: 4) == 24)
    #expect(ram.load(first + UInt64(try #require(Layout.offset(of: \.flags))), width: 2) == 1)
    let next = ram.load(first + UInt64(try #require(Layout.offset(of: \.next))), width: 2)
    #expect(ram.load(ring.places.descriptorTable + 16 * next + 12, width: 2) == 2)
    #expect(ram.load(ring.places.available + 2, width: 2) == 1)
    #expect(ram.load(ring.places.available + 4, width: 2) == UInt64(head))
  }

  @Test(arguments: [1, 2, 4, 64, 256]) func `a ring of any size runs past the wrap of its indices`(
    _ size: Int
  ) throws {
    let ring = try makeRing(size: size)
    for turn in 0..<70_000 {
      let head = try ring.offer([RingDescriptor(address: 0, length: 1)])
      use(head, length: UInt32(turn), in: ring)
      let element = try #require(try ring.takeUsed())
      guard element == UsedElement(head: UInt32(head), length: UInt32(turn)) else {
        Issue.record("turn \(turn): \(element)")
        return
      }
    }
    #expect(ring.availableIndex == UInt16(truncatingIfNeeded: 70_000))
    #expect(ring.freeDescriptorCount == size)
    #expect(try ring.takeUsed() == nil)
  }

  @Test func `a full ring refuses another chain`() throws {
    let ring = try makeRing(size: 2)
    _ = try ring.offer([RingDescriptor(address: 0, length: 1), RingDescriptor(address: 0, length: 1)])
    #expect(throws: DriverError.outOfMemory) { try ring.offer([RingDescriptor(address: 0, length: 1)]) }
  }

  @Test func `a used index that runs ahead is the device's fault`() throws {
    let ring = try makeRing(size: 4)
    ram.storeRelease16(ring.places.used + 2, 5)
    #expect(throws: DriverError.self) { try ring.takeUsed() }
  }

  @Test func `without event index the used flags decide about the doorbell`() throws {
    let ring = try makeRing(size: 4)
    let old = ring.availableIndex
    ring.publish(head: 0)
    #expect(ring.wantsKick(since: old))
    ram.store(1, width: 2, at: ring.places.used)
    #expect(!ring.wantsKick(since: old))
  }

  @Test func `with event index the doorbell is rung when the index passes avail_event`() throws {
    let ring = try makeRing(size: 4, eventIndex: true)
    func kicks(publishing count: Int) -> Bool {
      let old = ring.availableIndex
      for _ in 0..<count { ring.publish(head: 0) }
      return ring.wantsKick(since: old)
    }
    let event = ring.places.used + 4 + 8 * UInt64(ring.size)
    #expect(kicks(publishing: 1))
    #expect(!kicks(publishing: 1))
    ram.store(3, width: 2, at: event)
    #expect(!kicks(publishing: 1))
    #expect(kicks(publishing: 2))
    ring.setAvailableIndex(65535)
    ram.store(65535, width: 2, at: event)
    #expect(kicks(publishing: 1))
  }

  @Test(arguments: [
    (10, ChainLayout.Cut.whole, [10]), (10, .pieces(3), [3, 3, 4]), (3, .pieces(9), [1, 1, 1]),
    (10, .every(4), [4, 4, 2]), (3, .every(1), [1, 1, 1]), (10, .sizes([1, 0, 5]), [1, 0, 5, 4]),
    (4, .sizes([9]), [4]), (0, .whole, []),
  ])
  func `bytes are cut as asked`(_ count: Int, _ cut: ChainLayout.Cut, _ expected: [Int]) {
    #expect(ChainLayout.sizes(of: count, cut) == expected)
  }

  @Test(arguments: [ChainLayout.Indirection.none, .all, .after(1), .after(2)])
  func `a chain covers request and answer however it is laid out`(_ indirection: ChainLayout.Indirection)
    throws
  {
    let request = (0..<100).map { UInt8($0) }
    var layout = ChainLayout(request: .every(7), response: .pieces(3), indirection: indirection, skew: 3)
    layout.scatters = true
    let chain = try ram.layOut(request: request, responseRoom: 30, layout)
    var flat = chain.descriptors
    if let table = chain.indirectTable {
      let last = flat.removeLast()
      #expect(last.address == table.address && last.length == UInt32(table.count))
      #expect(last.flags == RingDescriptor.indirect)
      for index in 0..<table.count / 16 {
        let at = table.address + 16 * UInt64(index), flags = UInt16(ram.load(at + 12, width: 2))
        flat.append(
          RingDescriptor(
            address: ram.load(at, width: 8), length: UInt32(ram.load(at + 8, width: 4)),
            flags: flags & ~RingDescriptor.next))
        let isLast = index == table.count / 16 - 1
        #expect((flags & RingDescriptor.next == 0) == isLast)
        if !isLast { #expect(ram.load(at + 14, width: 2) == UInt64(index + 1)) }
      }
    }
    let readable = flat.filter { $0.flags & RingDescriptor.write == 0 }
    let writable = flat.filter { $0.flags & RingDescriptor.write != 0 }
    #expect(flat.count == 15 + 3)
    #expect(readable.flatMap { ram.read($0.address, count: Int($0.length)) } == request)
    #expect(writable.map(\.length).reduce(0, +) == 30)
    #expect(writable.flatMap { ram.read($0.address, count: Int($0.length)) }.allSatisfy { $0 == 0xa5 })
  }

  @Test func `accesses cross from one block into its neighbour`() throws {
    let ram = GuestRAMImage()
    ram.add(try RAMBlock(base: 0x1000, size: 4096))
    ram.add(try RAMBlock(base: 0x2000, size: 4096))
    ram.write([1, 2, 3, 4, 5, 6], at: 0x1ffd)
    #expect(ram.read(0x1ffd, count: 6) == [1, 2, 3, 4, 5, 6])
    #expect(ram.load(0x2000, width: 2) == 0x0504)
    ram.fill(0x1fff, count: 2, with: 9)
    #expect(ram.read(0x1ffd, count: 6) == [1, 2, 9, 9, 5, 6])
    #expect(ram.block(at: 0x3000) == nil && ram.endOfRAM == 0x3000)
  }
}
