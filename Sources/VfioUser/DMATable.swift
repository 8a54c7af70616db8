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

  private let memory: GuestMemory
  /// Has the ranges, by address, none overlapping; this alone changes them.
  private let regions: ServerRecord

  init(_ memory: GuestMemory, _ regions: ServerRecord) {
    self.memory = memory
    self.regions = regions
  }

  /// Ranges at present.
  var count: Int { regions.withRegions { $0.count } }

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
    let place = try place(for: range)
    func insert(isMapped: Bool) {
      let region = ServerSnapshot.Region(
        address: record.address, byteCount: record.count, isMapped: isMapped,
        isWritable: record.flags & writable != 0, fileOffset: isMapped ? record.fileOffset : 0)
      regions.withRegions { $0.insert(region, at: place) }
    }
    guard let descriptor = descriptors.takeFirst() else {
      insert(isMapped: false)
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
    insert(isMapped: true)
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
    let (inside, isAnyMapped) = try regions.withRegions { (entries) throws(Refusal) -> (Range<Int>, Bool) in
      let first = Self.firstIndex(endingBehind: range.start, in: entries)
      var last = first
      while last < entries.count, entries[last].range.overlaps(range) {
        // A range is never split.
        guard range.contains(entries[last].range) else { throw Refusal(errno: EINVAL) }
        last += 1
      }
      guard first < last else { throw Refusal(errno: ENOENT) }
      return (first..<last, entries[first..<last].contains(where: \.isMapped))
    }
    if isAnyMapped {
      do throws(GuestMemoryError) {
        try memory.remove(range)
      } catch {
        throw Refusal(errno: Self.errno(error))
      }
    }
    regions.withRegions { $0.removeSubrange(inside) }
  }

  /// Forgets everything; returns when nothing can touch the memory any more.
  mutating func removeAll() {
    memory.removeAll()
    regions.withRegions { $0.removeAll(keepingCapacity: true) }
  }

  /// A range of whole pages that is not empty and does not wrap.
  private static func range(_ address: UInt64, _ count: UInt64) throws(Refusal) -> GuestRange {
    guard count > 0, count % 4096 == 0, address % 4096 == 0,
      let range = GuestRange(start: GuestAddress(address), count: count)
    else { throw Refusal(errno: EINVAL) }
    return range
  }

  /// Where a new range belongs.
  private func place(for range: GuestRange) throws(Refusal) -> Int {
    try regions.withRegions { (entries) throws(Refusal) in
      let place = Self.firstIndex(endingBehind: range.start, in: entries)
      guard place == entries.count || !entries[place].range.overlaps(range) else {
        throw Refusal(errno: EEXIST)
      }
      guard entries.count < Self.capacity else { throw Refusal(errno: ENOSPC) }
      return place
    }
  }

  /// The first entry whose end lies behind an address.
  private static func firstIndex(
    endingBehind address: GuestAddress, in entries: [ServerSnapshot.Region]
  ) -> Int {
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

extension ServerSnapshot.Region {
  /// The range, which did not wrap when it was announced.
  fileprivate var range: GuestRange {
    guard let range = GuestRange(start: GuestAddress(address), count: byteCount) else {
      preconditionFailure("checked when announced")
    }
    return range
  }
}
