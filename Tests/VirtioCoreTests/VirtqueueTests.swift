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
