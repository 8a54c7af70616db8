import GuestDriver
import GuestRAM
import VirtioCore

/// Where a world is played: guest memory with a ring, a buffer for each descriptor, and a table in each buffer.
///
/// Buffers differ in length so that the sums of a chain tell which descriptors it has.
final class Stage {
  let size: Int
  let isPacked: Bool
  private let memory = GuestMemory()
  private let ram: GuestSlice
  private let resets = Virtqueue.HostResets()

  private static let base: UInt64 = 0x1_0000
  private static let byteCount = 0x1_0000
  /// From the start of memory, in bytes.
  static let descriptorArea = 0
  static let driverArea = 0x100
  static let deviceArea = 0x200
  /// A table that the worlds write, where there is one.
  static let tableArea = 0x300

  /// A stage for rings of so many descriptors.
  init(size: Int, isPacked: Bool) throws {
    self.size = size
    self.isPacked = isPacked
    let block = try RAMBlock(base: Self.base, size: Self.byteCount)
    let range = GuestRange(start: GuestAddress(Self.base), count: UInt64(Self.byteCount))!
    // The mapping outlives the block, and the map does not change any more.
    try memory.add(
      try MappedRegion(
        fileDescriptor: block.descriptor, offset: 0, count: UInt64(block.size), writable: true),
      at: range.start)
    ram = try memory.withAccess { (access) throws(GuestFault) in try access.window(range, writable: true) }
    try play { access in
      for index in 0..<size {
        for (entry, cell) in Self.table(index, isPacked: isPacked).enumerated() {
          write(cell, at: Self.offset(index) + 16 * entry, in: access)
        }
      }
    }
  }

  /// Lends memory for one world after the other.
  func play(_ body: (borrowing GuestAccess) throws -> Void) throws { try memory.withAccess(body) }

  /// Writes a descriptor as the ring's format has it.
  func write(_ cell: Cell, at offset: Int, in access: borrowing GuestAccess) {
    ram.store(cell.address.littleEndian, at: offset, in: access)
    ram.store(cell.length.littleEndian, at: offset + 8, in: access)
    ram.store(cell.flags.littleEndian, at: offset + (isPacked ? 14 : 12), in: access)
    ram.store(cell.link.littleEndian, at: offset + (isPacked ? 12 : 14), in: access)
  }

  /// Reads a descriptor.
  func cell(at offset: Int, in access: borrowing GuestAccess) -> Cell {
    Cell(
      address: UInt64(littleEndian: ram.load(UInt64.self, at: offset, in: access)),
      length: UInt32(littleEndian: ram.load(UInt32.self, at: offset + 8, in: access)),
      flags: load16(offset + (isPacked ? 14 : 12), in: access),
      link: load16(offset + (isPacked ? 12 : 14), in: access))
  }

  func store16(_ value: UInt16, at offset: Int, in access: borrowing GuestAccess) {
    ram.store(value.littleEndian, at: offset, in: access)
  }

  func load16(_ offset: Int, in access: borrowing GuestAccess) -> UInt16 {
    UInt16(littleEndian: ram.load(UInt16.self, at: offset, in: access))
  }

  /// The element of a split ring's used ring with this number, as its head and its length.
  func usedElement(_ number: Int, in access: borrowing GuestAccess) -> (head: UInt32, length: UInt32) {
    let at = Self.deviceArea + 4 + 8 * (number % size)
    return (
      UInt32(littleEndian: ram.load(UInt32.self, at: at, in: access)),
      UInt32(littleEndian: ram.load(UInt32.self, at: at + 4, in: access))
    )
  }

  /// A queue as after DRIVER_OK.
  func makeQueue(hasIndirect: Bool, in access: borrowing GuestAccess) throws(RingFault) -> Virtqueue {
    var features: FeatureSet = .version1
    if isPacked { features.insert(.ringPacked) }
    if hasIndirect { features.insert(.indirectDescriptors) }
    let setup = QueueSetup(
      size: UInt16(size), descriptorArea: Self.base + UInt64(Self.descriptorArea),
      driverArea: Self.base + UInt64(Self.driverArea), deviceArea: Self.base + UInt64(Self.deviceArea))
    return try Virtqueue(index: 0, setup: setup, features: features, era: 0, resets: resets, in: access)
  }

  /// What the device makes of the ring: every chain completed at once, until there are no more or the ring is refused.
  func observe(_ queue: Virtqueue, in access: borrowing GuestAccess) -> Outcome {
    var outcome = Outcome()
    do throws(RingFault) {
      while let chain = try queue.next(in: access) {
        let seen = SeenChain(
          descriptors: chain.descriptorCount, readable: chain.readableCount, writable: chain.writableCount)
        queue.complete(chain, written: 0, in: access)
        if !outcome.append(seen) { break }
      }
    } catch {
      outcome.refusal = Refusal(error)
    }
    return outcome
  }

  private static func offset(_ index: Int) -> Int { 0x1000 * (index + 1) }

  /// Descriptor `index` before a world gives it flags: its buffer has 16, 32, 64 or 128 bytes.
  static func cell(_ index: Int) -> Cell {
    Cell(address: base + UInt64(offset(index)), length: 16 << UInt32(index))
  }

  /// The table that an INDIRECT descriptor `index` names: as many entries as its length says, the first half readable.
  static func table(_ index: Int, isPacked: Bool) -> [Cell] {
    let count = 1 << index
    return (0..<count).map { entry in
      var cell = Cell(
        address: base + 0x8000, length: UInt32(1000 * (index + 1) + entry),
        flags: entry < (count + 1) / 2 ? 0 : Cell.write)
      if !isPacked && entry + 1 < count {
        cell.flags |= Cell.next
        cell.link = UInt16(entry + 1)
      }
      return cell
    }
  }

  /// A descriptor that names the table at `tableArea`.
  static func indirectCell(length: UInt32) -> Cell {
    Cell(address: base + UInt64(tableArea), length: length, flags: Cell.indirect)
  }
}

/// A descriptor of either format.
struct Cell: Hashable, CustomStringConvertible {
  static let next: UInt16 = 1
  static let write: UInt16 = 2
  static let indirect: UInt16 = 4
  static let available: UInt16 = 1 << 7
  static let used: UInt16 = 1 << 15

  var address: UInt64 = 0
  var length: UInt32 = 0
  var flags: UInt16 = 0
  /// `next` of a split ring, the buffer ID of a packed one.
  var link: UInt16 = 0

  func has(_ flag: UInt16) -> Bool { flags & flag != 0 }

  var description: String {
    let names: [(UInt16, String)] = [
      (Self.next, "NEXT"), (Self.write, "WRITE"), (Self.indirect, "INDIRECT"), (Self.available, "AVAIL"),
      (Self.used, "USED"),
    ]
    let set = names.filter { has($0.0) }.map(\.1).joined(separator: "|")
    return "length \(length), flags \(set.isEmpty ? "none" : set), next or id \(link)"
  }
}

/// A chain that is taken and stays so for a while.
final class HeldChain {
  private var chain: DescriptorChain?

  init(_ chain: consuming DescriptorChain) { self.chain = consume chain }

  func complete(in queue: Virtqueue, _ access: borrowing GuestAccess) {
    guard let chain = chain.take() else { preconditionFailure("completed before") }
    queue.complete(chain, written: 0, in: access)
  }
}
