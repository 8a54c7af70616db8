/// A place in guest-physical memory.
package struct GuestExtent: Hashable, Sendable {
  package var address: UInt64
  /// In bytes.
  package var count: Int

  package init(address: UInt64, count: Int) {
    self.address = address
    self.count = count
  }
}

/// All guest memory of one machine: its blocks, and an allocator for the simulator's structures.
///
/// Accesses may cross from one block into its neighbour. Memory stays readable here after the device
/// has lost it, as it does for a guest.
package final class GuestRAMImage {
  /// The blocks in the order they were added.
  package private(set) var blocks: [RAMBlock] = []
  private var next: UInt64 = 0
  private var limit: UInt64 = 0

  package init() {}

  /// Adds a block; the first one is where `allocate` takes memory from.
  package func add(_ block: RAMBlock) {
    if blocks.isEmpty {
      // The first page stays free: address 0 is nobody's structure by accident.
      next = block.base + 4096
      limit = block.end
    }
    blocks.append(block)
  }

  /// The block that holds an address, if there is one.
  package func block(at address: UInt64) -> RAMBlock? {
    blocks.first { $0.contains(address, count: 1) }
  }

  /// The first address behind every block: no memory there.
  package var endOfRAM: UInt64 { blocks.map(\.end).max() ?? 0 }

  // MARK: Allocation

  /// Takes `count` bytes from the first block, zeroed, at a multiple of `alignment` plus `skew`.
  package func allocate(_ count: Int, alignment: Int = 16, skew: Int = 0) throws -> UInt64 {
    let step = UInt64(alignment)
    let address = (next + step - 1) / step * step + UInt64(skew)
    guard address < limit, UInt64(count) <= limit - address else { throw DriverError.outOfMemory }
    next = address + UInt64(count)
    fill(address, count: count, with: 0)
    return address
  }

  /// How far `allocate` has come; hand it to `release` to take back all that came after.
  package var mark: UInt64 { next }

  /// Takes back everything allocated since `mark`.
  package func release(to mark: UInt64) { next = mark }

  /// What `allocate` can still hand out, in bytes.
  package var freeByteCount: Int { Int(limit - next) }

  // MARK: Access

  /// Copies bytes to guest memory, across neighbouring blocks.
  package func write(_ bytes: [UInt8], at address: UInt64) {
    var at = address, rest = bytes[...]
    while !rest.isEmpty {
      let block = existingBlock(at: at)
      let piece = rest.prefix(Int(min(UInt64(rest.count), block.end - at)))
      block.write(Array(piece), at: at)
      at += UInt64(piece.count)
      rest = rest.dropFirst(piece.count)
    }
  }

  /// Copies bytes from guest memory, across neighbouring blocks.
  package func read(_ address: UInt64, count: Int) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(count)
    while result.count < count {
      let at = address + UInt64(result.count)
      let block = existingBlock(at: at)
      result += block.read(at, count: Int(min(UInt64(count - result.count), block.end - at)))
    }
    return result
  }

  /// Sets bytes of guest memory to one value, across neighbouring blocks.
  package func fill(_ address: UInt64, count: Int, with byte: UInt8) {
    var at = address, rest = count
    while rest > 0 {
      let block = existingBlock(at: at)
      let piece = Int(min(UInt64(rest), block.end - at))
      block.fill(at, count: piece, with: byte)
      at += UInt64(piece)
      rest -= piece
    }
  }

  /// Writes a little-endian field of `width` bytes.
  package func store(_ value: UInt64, width: Int, at address: UInt64) {
    var bytes: [UInt8] = []
    bytes.append(value, width: width)
    write(bytes, at: address)
  }

  /// Reads a little-endian field of `width` bytes.
  package func load(_ address: UInt64, width: Int) -> UInt64 {
    read(address, count: width).field(at: 0, width: width)
  }

  package func loadAcquire16(_ address: UInt64) -> UInt16 {
    existingBlock(at: address).loadAcquire16(address)
  }

  package func storeRelease16(_ address: UInt64, _ value: UInt16) {
    existingBlock(at: address).storeRelease16(address, value)
  }

  private func existingBlock(at address: UInt64) -> RAMBlock {
    guard let block = block(at: address) else {
      preconditionFailure("the simulator itself stays inside its memory: \(address)")
    }
    return block
  }
}
