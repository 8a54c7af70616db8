import GuestDriver
import GuestRAM

@testable import VirtioCore

/// Guest memory with a driver's ring in it and the device's queue over that.
final class QueueBench {
  let memory = GuestMemory()
  let ram = GuestRAMImage()
  /// Memory that the device may only read.
  let readOnly: RAMBlock
  private let main: RAMBlock
  private(set) var ring: (any DriverRing)!
  private(set) var queue: Virtqueue!
  let resets = Virtqueue.HostResets()

  static let base: UInt64 = 0x1000_0000

  init() throws {
    main = try RAMBlock(base: Self.base, size: 1 << 20)
    readOnly = try RAMBlock(base: main.end + 0x1_0000, size: 4096)
    for block in [main, readOnly] {
      ram.add(block)
      try map(block, writable: block === main)
    }
  }

  /// A bench with a queue at work.
  convenience init(size: Int, _ features: FeatureSet) throws {
    try self.init()
    try start(size: size, features)
  }

  private func map(_ block: RAMBlock, writable: Bool) throws {
    let region = try MappedRegion(
      fileDescriptor: block.descriptor, offset: 0, count: UInt64(block.size), writable: writable)
    try memory.add(region, at: GuestAddress(block.base))
  }

  /// Takes the ring's memory from the device, or gives it back.
  func setMapped(_ isMapped: Bool) throws {
    if isMapped { return try map(main, writable: true) }
    try memory.remove(GuestRange(start: GuestAddress(main.base), count: UInt64(main.size))!)
  }

  /// An address where nothing is.
  var hole: UInt64 { main.end + 0x8000 }

  /// Sets a ring up as a driver does, with its areas in the first block unless `places` says otherwise.
  func start(size: Int, _ features: FeatureSet, places: RingPlaces? = nil) throws {
    let isPacked = features.contains(.ringPacked)
    let counts = isPacked ? RingPlaces.packedByteCounts(size: size) : RingPlaces.byteCounts(size: size)
    let inside = RingPlaces(
      descriptorTable: try ram.allocate(counts.descriptorTable),
      available: try ram.allocate(counts.available),
      used: try ram.allocate(counts.used))
    let hasEvents = features.contains(.eventIndex), isInOrder = features.contains(.inOrder)
    ring =
      isPacked
      ? PackedRing(
        queue: 0, size: size, places: inside, usesEventIndex: hasEvents, usesInOrder: isInOrder, ram: ram)
      : SplitRing(
        queue: 0, size: size, places: inside, usesEventIndex: hasEvents, usesInOrder: isInOrder, ram: ram)
    let places = places ?? inside
    var setup = QueueSetup(maximumSize: 32768)
    setup.size = UInt16(size)
    setup.descriptorArea = places.descriptorTable
    setup.driverArea = places.available
    setup.deviceArea = places.used
    queue = try memory.withAccess { (access) throws(RingFault) in
      try Virtqueue(index: 0, setup: setup, features: features, era: 0, resets: resets, in: access)
    }
  }

  /// The ring as a packed one.
  var packed: PackedRing { ring as! PackedRing }

  /// The next chain, held until it is completed.
  func take() throws(RingFault) -> HeldChain? {
    try memory.withAccess { (access) throws(RingFault) in
      guard let chain = try queue.next(in: access) else { return nil }
      return HeldChain(chain)
    }
  }

  /// Takes the next chain, reads all of it, and completes it with bytes of the same value.
  @discardableResult
  func serve(writing byte: UInt8 = 0, count: Int = 0) throws -> [UInt8]? {
    guard let held = try take() else { return nil }
    let bytes = read(held)
    complete(held, writing: byte, count: count)
    return bytes
  }

  /// The device-readable bytes of a chain from `offset`, which is not behind them; at most `count`.
  func read(_ held: HeldChain, at offset: Int = 0, count: Int = .max) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: min(count, held.readableCount - offset))
    let done = memory.withAccess { access in
      var span = bytes.mutableSpan
      var raw = unsafe span.mutableBytes
      return held.withChain { queue.read($0, at: offset, into: &raw, in: access) }
    }
    return Array(bytes.prefix(done))
  }

  /// Writes `count` bytes and completes the chain.
  func complete(_ held: HeldChain, writing byte: UInt8 = 0, count: Int = 0) {
    let bytes = [UInt8](repeating: byte, count: count)
    memory.withAccess { access in
      let done = held.withChain { unsafe queue.write($0, at: 0, bytes.span.bytes, in: access) }
      held.finish { queue.complete($0, written: done, in: access) }
    }
  }

  /// Writes bytes of the same value from `offset` of the device-writable part; says how many fitted.
  func write(_ held: HeldChain, at offset: Int, _ byte: UInt8, count: Int) -> Int {
    let bytes = [UInt8](repeating: byte, count: count)
    return memory.withAccess { access in
      held.withChain { unsafe queue.write($0, at: offset, bytes.span.bytes, in: access) }
    }
  }

  func wantsInterrupt() -> Bool { memory.withAccess { queue.takeInterruptDecision(in: $0) } }

  func requestDoorbell() throws(RingFault) -> Bool {
    try memory.withAccess { (access) throws(RingFault) in try queue.requestDoorbell(in: access) }
  }
}

/// A chain that outlives one access.
final class HeldChain {
  private var chain: DescriptorChain?
  let readableCount: Int
  let writableCount: Int
  let descriptorCount: Int

  init(_ chain: consuming DescriptorChain) {
    readableCount = chain.readableCount
    writableCount = chain.writableCount
    descriptorCount = chain.descriptorCount
    self.chain = consume chain
  }

  func withChain<Result>(_ body: (borrowing DescriptorChain) -> Result) -> Result {
    guard let taken = chain.take() else { preconditionFailure("completed before") }
    let result = body(taken)
    chain = consume taken
    return result
  }

  func finish(_ body: (consuming DescriptorChain) -> Void) {
    guard let taken = chain.take() else { preconditionFailure("completed before") }
    body(taken)
  }
}
