import GuestDriver
import GuestRAM
import Testing

@testable import VirtioCore

/// What holds for queues of both ring formats.
@Suite struct VirtqueueTests {
  static let formats: [FeatureSet] = [[.version1], [.version1, .ringPacked]]
  private let part = [RingDescriptor(address: QueueBench.base, length: 1)]

  @Test(arguments: formats) func `with IN_ORDER a buffer done early waits for those taken before it`(
    _ format: FeatureSet
  ) throws {
    let bench = try QueueBench(size: 4, format.union(.inOrder))
    for turn in 0..<20 {
      let ids = try (0..<4).map { _ in UInt32(try bench.ring.offer(part)) }
      var held: [HeldChain] = []
      while let next = try bench.take() { held.append(next) }
      #expect(held.count == 4)
      for index in [2, 1] {
        bench.complete(held[index])
        #expect(try bench.ring.takeUsed() == nil, "turn \(turn)")
        #expect(!bench.wantsInterrupt())
      }
      bench.complete(held[0])
      #expect(try (0..<4).map { _ in try bench.ring.takeUsed()?.head } == ids.prefix(3).map { $0 } + [nil])
      bench.complete(held[3])
      #expect(try bench.ring.takeUsed()?.head == ids[3])
      #expect(bench.wantsInterrupt())
    }
  }

  @Test(arguments: formats) func `a buffer is read from any byte of any of its descriptors`(
    _ format: FeatureSet
  ) throws {
    let bench = try QueueBench(size: 4, format)
    let bytes: [UInt8] = Array(1...11), place = QueueBench.base + 0x4000
    bench.ram.write(bytes, at: place)
    let cuts = [(0, 3), (3, 1), (4, 7)]
    _ = try bench.ring.offer(
      cuts.map { RingDescriptor(address: place + UInt64($0.0), length: UInt32($0.1)) })
    let held = try #require(try bench.take())
    for offset in 0...bytes.count {
      #expect(bench.read(held, at: offset) == Array(bytes[offset...]), "from byte \(offset)")
      #expect(bench.read(held, at: offset, count: 2) == Array(bytes[offset...].prefix(2)))
    }
    bench.complete(held)
  }

  @Test(arguments: formats)
  func `a buffer is written from any byte of any of its descriptors, as far as it goes`(
    _ format: FeatureSet
  ) throws {
    let bench = try QueueBench(size: 4, format)
    let place = QueueBench.base + 0x4000
    let chain = [(0, 3), (3, 1), (4, 7)].map { (start: Int, count: Int) in
      RingDescriptor(
        address: place + UInt64(start), length: UInt32(count), flags: RingDescriptor.write)
    }
    for offset in 0...11 {
      for count in [0, 2, 20] {
        bench.ram.fill(place, count: 12, with: 0)
        _ = try bench.ring.offer(chain)
        let held = try #require(try bench.take())
        let fits = min(count, 11 - offset)
        #expect(bench.write(held, at: offset, 7, count: count) == fits)
        var wanted = [UInt8](repeating: 0, count: 12)
        for index in offset..<offset + fits { wanted[index] = 7 }
        #expect(bench.ram.read(place, count: 12) == wanted)
        bench.complete(held)
        _ = try bench.ring.takeUsed()
      }
    }
  }

  @Test(arguments: formats) func `without IN_ORDER a buffer is used as soon as it is done`(
    _ format: FeatureSet
  ) throws {
    let bench = try QueueBench(size: 4, format)
    let ids = try (0..<3).map { _ in UInt32(try bench.ring.offer(part)) }
    let held = try (0..<3).map { _ in try #require(try bench.take()) }
    for index in [2, 0, 1] {
      bench.complete(held[index])
      #expect(try bench.ring.takeUsed()?.head == ids[index])
    }
  }

  @Test(arguments: formats, [FeatureSet.inOrder, .eventIndex])
  func `a detached queue writes nothing and asks nothing`(
    _ format: FeatureSet, _ more: FeatureSet
  ) throws {
    let bench = try QueueBench(size: 4, format.union(more))
    for _ in 0..<3 { _ = try bench.ring.offer(part) }
    let held = try (0..<2).map { _ in try #require(try bench.take()) }
    if more == .inOrder { bench.complete(held[1]) }  // held back, and never given back
    bench.queue.detach()
    let before = bench.ram.read(QueueBench.base, count: 1 << 20)
    bench.complete(held[0])
    if more != .inOrder { bench.complete(held[1]) }
    #expect(try bench.take() == nil)
    bench.memory.withAccess { bench.queue.suppressDoorbell(in: $0) }
    #expect(try !bench.requestDoorbell() && !bench.wantsInterrupt())
    #expect(bench.ram.read(QueueBench.base, count: 1 << 20) == before)
  }

  @Test(arguments: formats) func `a buffer whose memory may have gone is neither read nor written`(
    _ format: FeatureSet
  ) throws {
    let bench = try QueueBench(size: 4, format)
    let place = try bench.ram.allocate(1)
    let two = [
      RingDescriptor(address: place, length: 1),
      RingDescriptor(address: place, length: 1, flags: RingDescriptor.write),
    ]
    let id = UInt32(try bench.ring.offer(two))
    let held = try #require(try bench.take())
    // Any change of the map makes it unsure what is left.
    let other = GuestRange(start: GuestAddress(bench.readOnly.base), count: 4096)
    try bench.memory.remove(try #require(other))
    #expect(bench.read(held).isEmpty)
    bench.complete(held, writing: 0xff, count: 1)
    #expect(bench.ram.read(place, count: 1) == [0])
    #expect(try bench.ring.takeUsed() == UsedElement(head: id, length: 0))
  }

  @Test(arguments: formats) func `a ring whose memory has gone is left alone, and the next look says so`(
    _ format: FeatureSet
  ) throws {
    let bench = try QueueBench(size: 4, format)
    _ = try bench.ring.offer(part)
    let held = try #require(try bench.take())
    let before = bench.ram.read(QueueBench.base, count: 1 << 20)
    try bench.setMapped(false)
    bench.complete(held)
    bench.memory.withAccess { bench.queue.suppressDoorbell(in: $0) }
    #expect(!bench.wantsInterrupt())
    let fault = RingFault.area(.unmapped(GuestAddress(bench.ring.places.descriptorTable)))
    #expect(throws: fault) { try bench.take() }
    #expect(throws: fault) { try bench.requestDoorbell() }
    #expect(bench.ram.read(QueueBench.base, count: 1 << 20) == before)
  }

  @Test(arguments: formats) func `a ring that wraps around the end of the address space is not taken over`(
    _ format: FeatureSet
  ) throws {
    let bench = try QueueBench()
    let last = UInt64.max & ~0xf
    let setup = QueueSetup(
      size: 4, descriptorArea: last, driverArea: QueueBench.base, deviceArea: QueueBench.base)
    #expect(throws: RingFault.area(.unmapped(GuestAddress(last)))) {
      try bench.memory.withAccess { (access) throws(RingFault) in
        _ = try Virtqueue(
          index: 0, setup: setup, features: format, era: 0, resets: bench.resets, in: access)
      }
    }
  }

  @Test(arguments: formats) func `a chain may lie in 8192 runs of memory and not in one more`(
    _ format: FeatureSet
  ) throws {
    let bench = try QueueBench(size: 256, format)
    // Regions of a page each, so that one descriptor lies in 64 runs.
    let block = try RAMBlock(base: 0x4000_0000, size: 64 * 4096)
    for page in 0..<64 {
      let region = try MappedRegion(
        fileDescriptor: block.descriptor, offset: UInt64(page) * 4096, count: 4096, writable: true)
      try bench.memory.add(region, at: GuestAddress(block.base + UInt64(page) * 4096))
    }
    let all = RingDescriptor(address: block.base, length: UInt32(block.size))
    _ = try bench.ring.offer(Array(repeating: all, count: 128))
    bench.complete(try #require(try bench.take()))
    _ = try bench.ring.takeUsed()
    _ = try bench.ring.offer(Array(repeating: all, count: 128) + part)
    #expect(throws: RingFault.chainTooLong) { try bench.take() }
  }

  @Test(arguments: formats) func `after the host asked for a reset nothing is written`(_ format: FeatureSet)
    throws
  {
    let bench = try QueueBench(size: 4, format)
    _ = try bench.ring.offer(part)
    let held = try #require(try bench.take())
    bench.resets.forced.store(1, ordering: .releasing)
    let before = bench.ram.read(QueueBench.base, count: 1 << 20)
    bench.complete(held)
    #expect(bench.ram.read(QueueBench.base, count: 1 << 20) == before)
  }
}

/// A queue's size and addresses, and whether a ring of each format may have them.
@Suite struct WellFormedTests {
  struct Row: Sendable, CustomTestStringConvertible {
    var size: UInt16 = 4
    var maximum: UInt16 = 32768
    var areas: (UInt64, UInt64, UInt64) = (0x1000, 0x2000, 0x3000)
    var split: Bool
    var packed: Bool
    var testDescription: String { "size \(size) of \(maximum), \(areas)" }
  }

  static let rows: [Row] = [
    Row(split: true, packed: true),
    Row(size: 1, split: true, packed: true),
    Row(size: 3, split: false, packed: true),
    Row(size: 300, split: false, packed: true),
    Row(size: 32767, split: false, packed: true),
    Row(size: 32768, split: true, packed: true),
    Row(size: 32769, maximum: .max, split: false, packed: false),
    Row(size: 0, split: false, packed: false),
    Row(size: 8, maximum: 7, split: false, packed: false),
    Row(areas: (0x1008, 0x2000, 0x3000), split: false, packed: false),
    Row(areas: (0x1000, 0x2002, 0x3000), split: true, packed: false),
    Row(areas: (0x1000, 0x2001, 0x3000), split: false, packed: false),
    Row(areas: (0x1000, 0x2000, 0x3002), split: false, packed: false),
    Row(areas: (.max - 0x3f, 0, 0), split: false, packed: false),
    Row(areas: (.max - 0x4f, 0, 0), split: true, packed: true),
    Row(areas: (0, .max - 3, 0), split: false, packed: false),
    Row(areas: (0, .max - 7, 0), split: false, packed: true),
    Row(areas: (0, 0, .max - 3), split: false, packed: false),
    Row(areas: (0, 0, .max - 7), split: false, packed: true),
    Row(areas: (0, 0, .max - 0x2b), split: true, packed: true),
  ]

  @Test(arguments: rows) func `size and areas have to be such as the format allows`(_ row: Row) {
    var setup = QueueSetup(maximumSize: row.maximum)
    setup.size = row.size
    (setup.descriptorArea, setup.driverArea, setup.deviceArea) = row.areas
    #expect(setup.isWellFormed([.version1]) == row.split)
    #expect(setup.isWellFormed([.version1, .ringPacked]) == row.packed)
  }
}
