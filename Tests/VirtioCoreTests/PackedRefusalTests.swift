import GuestDriver
import GuestRAM
import Testing

@testable import VirtioCore

/// A packed ring that no driver should build, and the fault it has to be.
struct PackedRefusal: Sendable, CustomTestStringConvertible {
  var name: String
  var size = 4
  var features = PackedQueueTests.features
  /// Builds the ring and says which fault it is.
  var build: @Sendable (QueueBench) throws -> RingFault
  var testDescription: String { name }

  init(
    _ name: String, size: Int = 4, features: FeatureSet = PackedQueueTests.features,
    _ build: @escaping @Sendable (QueueBench) throws -> RingFault
  ) {
    self.name = name
    self.size = size
    self.features = features
    self.build = build
  }
}

private let next = RingDescriptor.next, write = RingDescriptor.write, indirect = RingDescriptor.indirect
private let available = PackedDescriptor.available
private let byte = QueueBench.base

extension QueueBench {
  /// Writes descriptors from the ring's start, with the flags given and AVAIL.
  fileprivate func put(_ descriptors: PackedDescriptor...) {
    for (index, descriptor) in descriptors.enumerated().reversed() {
      var descriptor = descriptor
      descriptor.flags |= available
      packed.setDescriptor(index, descriptor)
    }
  }

  /// A descriptor that names a table of these entries.
  fileprivate func table(_ entries: PackedDescriptor..., length: UInt32? = nil) throws -> PackedDescriptor {
    let at = try ram.allocate(16 * max(entries.count, 1))
    for (index, entry) in entries.enumerated() { ram.write(entry.encoded, at: at + UInt64(16 * index)) }
    return PackedDescriptor(address: at, length: length ?? UInt32(16 * entries.count), flags: indirect)
  }
}

enum PackedRefusals {
  static let chains: [PackedRefusal] = [
    PackedRefusal("a chain that goes on where nothing is available") { bench in
      bench.put(PackedDescriptor(address: byte, length: 1, flags: next))
      return .unavailable
    },
    PackedRefusal("a chain that goes on where a descriptor of the other round stands", size: 2) { bench in
      bench.packed.setDescriptor(1, PackedDescriptor(address: byte, length: 1, flags: PackedDescriptor.used))
      bench.put(PackedDescriptor(address: byte, length: 1, flags: next))
      return .unavailable
    },
    PackedRefusal("a chain of as many descriptors as the ring has and one more", size: 2) { bench in
      let part = PackedDescriptor(address: byte, length: 1, flags: next)
      bench.put(part, part)
      return .chainTooLong
    },
    PackedRefusal("a descriptor with NEXT alone in its ring", size: 1) { bench in
      bench.put(PackedDescriptor(address: byte, length: 1, flags: next))
      return .chainTooLong
    },
    PackedRefusal("a descriptor made available again before it was used", size: 2) { bench in
      let part = RingDescriptor(address: byte, length: 1)
      _ = try bench.ring.offer([part, part])
      let held = try #require(try bench.take())
      defer { bench.complete(held) }
      bench.packed.setFlags(0, PackedDescriptor.used)  // available in the second round
      #expect(throws: RingFault.descriptorInUse) { try bench.take() }
      return .descriptorInUse
    },
    PackedRefusal("a chain that runs into one in flight", size: 3) { bench in
      let part = RingDescriptor(address: byte, length: 1)
      _ = try bench.ring.offer([part, part])
      let held = try #require(try bench.take())
      defer { bench.complete(held) }
      bench.packed.setFlags(0, PackedDescriptor.used)
      _ = try bench.ring.offer([RingDescriptor(address: byte, length: 1, flags: next)])
      #expect(throws: RingFault.descriptorInUse) { try bench.take() }
      return .descriptorInUse
    },
    PackedRefusal("readable behind writable") { bench in
      bench.put(
        PackedDescriptor(address: byte, length: 1, flags: write | next),
        PackedDescriptor(address: byte, length: 1))
      return .order
    },
    PackedRefusal("more than 2^32 bytes") { bench in
      bench.put(
        PackedDescriptor(address: byte, length: 2, flags: next),
        PackedDescriptor(address: 1 << 62, length: .max))
      return .chainTooLarge
    },
  ]

  static let tables: [PackedRefusal] = [
    PackedRefusal(
      "an indirect descriptor that was not negotiated", features: [.version1, .ringPacked]
    ) { bench in
      bench.put(try bench.table(PackedDescriptor(address: byte, length: 1)))
      return .indirect
    },
    PackedRefusal("an indirect descriptor with NEXT") { bench in
      var first = try bench.table(PackedDescriptor(address: byte, length: 1))
      first.flags |= next
      bench.put(first, PackedDescriptor(address: byte, length: 1))
      return .indirect
    },
    PackedRefusal("an indirect descriptor behind another") { bench in
      bench.put(
        PackedDescriptor(address: byte, length: 1, flags: next),
        try bench.table(PackedDescriptor(address: byte, length: 1)))
      return .indirect
    },
    PackedRefusal("an empty table") { bench in
      bench.put(try bench.table())
      return .indirect
    },
    PackedRefusal("a table with half an entry more") { bench in
      bench.put(try bench.table(PackedDescriptor(address: byte, length: 1), length: 24))
      return .indirect
    },
    PackedRefusal("a table of 1025 entries") { bench in
      bench.put(PackedDescriptor(address: byte, length: 16 * 1025, flags: indirect))
      return .chainTooLong
    },
    PackedRefusal("a table of 2^28 - 1 entries") { bench in
      bench.put(PackedDescriptor(address: byte, length: .max - 15, flags: indirect))
      return .chainTooLong
    },
    PackedRefusal("a table where no memory is") { bench in
      bench.put(PackedDescriptor(address: bench.hole, length: 16, flags: indirect))
      return .buffer(.unmapped(GuestAddress(bench.hole)))
    },
    PackedRefusal("a table that wraps around the address space") { bench in
      bench.put(PackedDescriptor(address: .max - 15, length: 32, flags: indirect))
      return .buffer(.unmapped(GuestAddress(.max - 15)))
    },
    PackedRefusal("readable behind writable in a table") { bench in
      bench.put(
        try bench.table(
          PackedDescriptor(address: byte, length: 1, flags: write), PackedDescriptor(address: byte, length: 1)
        ))
      return .order
    },
    PackedRefusal("a table entry that names no memory") { bench in
      bench.put(try bench.table(PackedDescriptor(address: bench.hole, length: 1)))
      return .buffer(.unmapped(GuestAddress(bench.hole)))
    },
    PackedRefusal("a table that adds up to more than 2^32 bytes") { bench in
      let huge = PackedDescriptor(address: .max - 0xffff_ffff, length: .max)
      bench.put(try bench.table(PackedDescriptor(address: byte, length: 2), huge))
      return .chainTooLarge
    },
  ]

  static let buffers: [PackedRefusal] = [
    PackedRefusal("a buffer where no memory is") { bench in
      bench.put(PackedDescriptor(address: bench.hole, length: 1))
      return .buffer(.unmapped(GuestAddress(bench.hole)))
    },
    PackedRefusal("a buffer that runs out of memory at its end") { bench in
      bench.put(PackedDescriptor(address: byte, length: 1 << 20 + 1))
      return .buffer(.unmapped(GuestAddress(byte + 1 << 20)))
    },
    PackedRefusal("a buffer that wraps around the address space") { bench in
      bench.put(PackedDescriptor(address: .max, length: 1, flags: write))
      return .buffer(.unmapped(GuestAddress(.max)))
    },
    PackedRefusal("a writable buffer in memory that the device may only read") { bench in
      bench.put(PackedDescriptor(address: bench.readOnly.base, length: 1, flags: write))
      return .buffer(.readOnly(GuestAddress(bench.readOnly.base)))
    },
  ]
}

@Suite struct PackedRefusalTests {
  @Test(arguments: PackedRefusals.chains + PackedRefusals.tables + PackedRefusals.buffers)
  func `a bad ring is refused with its fault, and leaves memory as it was`(_ bad: PackedRefusal) throws {
    let bench = try QueueBench(size: bad.size, bad.features)
    let fault = try bad.build(bench)
    guard fault != .descriptorInUse else { return }  // seen while the buffer was in flight
    let before = bench.ram.read(QueueBench.base, count: 1 << 20)
    #expect(throws: fault) { try bench.take() }
    #expect(bench.ram.read(QueueBench.base, count: 1 << 20) == before)
  }

  @Test("an area that the device cannot use is a fault of the queue", arguments: 0..<5)
  func areas(_ which: Int) throws {
    let bench = try QueueBench()
    let good = RingPlaces(
      descriptorTable: try bench.ram.allocate(64), available: try bench.ram.allocate(4),
      used: try bench.ram.allocate(4))
    var places = good
    let fault: GuestFault
    switch which {
    case 0:
      places.descriptorTable = bench.hole
      fault = .unmapped(GuestAddress(bench.hole))
    case 1:
      places.available = bench.hole
      fault = .unmapped(GuestAddress(bench.hole))
    case 2:
      places.used = bench.hole
      fault = .unmapped(GuestAddress(bench.hole))
    case 3:
      // The device writes used descriptors into it.
      places.descriptorTable = bench.readOnly.base
      fault = .readOnly(GuestAddress(bench.readOnly.base))
    default:
      places.used = bench.readOnly.base
      fault = .readOnly(GuestAddress(bench.readOnly.base))
    }
    #expect(throws: RingFault.area(fault)) {
      try bench.start(size: 4, PackedQueueTests.features, places: places)
    }
    places = good
    places.available = bench.readOnly.base  // which it only reads
    try bench.start(size: 4, PackedQueueTests.features, places: places)
  }
}
