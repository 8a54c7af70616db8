import Glibc
import GuestRAM

/// The client's memory as it told us: ranges that the device may use, with or without a file behind them.
///
/// Ranges with a file are mapped and appear in the guest memory; those without are only remembered, for clients
/// announce ROMs and other devices' BARs too and expect to be believed.
struct DMATable: ~Copyable {
  /// The most ranges at a time; what `max_dma_maps` promises.
  static let capacity = 4096
  /// A range of this size without a file is not a ROM or a BAR but memory that is not shared.
  static let memorySize: UInt64 = 32 << 20

  private struct Entry {
    let range: GuestRange
    let isMapped: Bool
  }

  private let memory: GuestMemory
  /// By address, none overlapping.
  private var entries: [Entry] = []

  init(_ memory: GuestMemory) { self.memory = memory }

  /// Ranges at present.
  var count: Int { entries.count }

  /// What became of a map.
  enum Added: Equatable {
    case mapped
    case remembered
    /// Only remembered, and it looks like the guest's memory.
    case unsharedMemory
  }

  /// VFIO_USER_DMA_MAP.
  mutating func map(_ record: DMAMapRecord, descriptors: inout DescriptorBatch) throws(Refusal) -> Added {
    let (readable, writable) = (DMAMapRecord.readable, DMAMapRecord.writable)
    guard record.flags & ~(readable | writable) == 0, record.flags != 0 else { throw Refusal(errno: EINVAL) }
    guard !descriptors.isIncomplete else { throw Refusal(errno: EMFILE) }
    guard descriptors.count <= 1 else { throw Refusal(errno: EINVAL) }
    let range = try Self.range(record.address, record.count)
    let place = firstIndex(endingBehind: range.start)
    guard place == entries.count || !entries[place].range.overlaps(range) else {
      throw Refusal(errno: EEXIST)
    }
    guard entries.count < Self.capacity else { throw Refusal(errno: ENOSPC) }
    guard let descriptor = descriptors.takeFirst() else {
      entries.insert(Entry(range: range, isMapped: false), at: place)
      return record.count >= Self.memorySize ? .unsharedMemory : .remembered
    }
    guard record.fileOffset % 4096 == 0 else { throw Refusal(errno: EINVAL) }
    let region: MappedRegion
    do throws(HostError) {
      region = try MappedRegion(
        fileDescriptor: descriptor.number, offset: record.fileOffset, count: record.count,
        writable: record.flags & writable != 0)
    } catch {
      throw Refusal(errno: error.errno)
    }
    do throws(GuestMemoryError) {
      try memory.add(region, at: range.start)
    } catch {
      throw Refusal(errno: Self.errno(error))
    }
    entries.insert(Entry(range: range, isMapped: true), at: place)
    return .mapped
  }

  /// VFIO_USER_DMA_UNMAP: returns when nothing can touch the memory any more.
  mutating func unmap(_ record: DMAUnmapRecord) throws(Refusal) {
    if record.flags == DMAUnmapRecord.all {
      guard record.address == 0, record.count == 0 else { throw Refusal(errno: EINVAL) }
      return removeAll()
    }
    guard record.flags == 0 else { throw Refusal(errno: EINVAL) }
    let range = try Self.range(record.address, record.count)
    let first = firstIndex(endingBehind: range.start)
    var last = first
    while last < entries.count, entries[last].range.overlaps(range) {
      // A range is never split.
      guard range.contains(entries[last].range) else { throw Refusal(errno: EINVAL) }
      last += 1
    }
    guard first < last else { throw Refusal(errno: ENOENT) }
    if entries[first..<last].contains(where: \.isMapped) {
      do throws(GuestMemoryError) {
        try memory.remove(range)
      } catch {
        throw Refusal(errno: Self.errno(error))
      }
    }
    entries.removeSubrange(first..<last)
  }

  /// Forgets everything; returns when nothing can touch the memory any more.
  mutating func removeAll() {
    memory.removeAll()
    entries.removeAll(keepingCapacity: true)
  }

  /// A range of whole pages that is not empty and does not wrap.
  private static func range(_ address: UInt64, _ count: UInt64) throws(Refusal) -> GuestRange {
    guard count > 0, count % 4096 == 0, address % 4096 == 0,
      let range = GuestRange(start: GuestAddress(address), count: count)
    else { throw Refusal(errno: EINVAL) }
    return range
  }

  /// The first entry whose end lies behind an address.
  private func firstIndex(endingBehind address: GuestAddress) -> Int {
    var (low, high) = (0, entries.count)
    while low < high {
      let middle = low + (high - low) / 2
      if entries[middle].range.end > address { high = middle } else { low = middle + 1 }
    }
    return low
  }

  private static func errno(_ error: GuestMemoryError) -> CInt {
    switch error {
    case .overlap: EEXIST
    case .notFound: ENOENT
    case .unaligned, .partial, .wraps: EINVAL
    }
  }
}
