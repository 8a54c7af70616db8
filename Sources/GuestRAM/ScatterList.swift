import Glibc

/// Guest pages that together hold one picture: validated once, neighbours merged, any byte found by halving.
///
/// The list can be used as long as every region that it lies in is mapped; after one was removed it is unusable for
/// good, even if the same addresses are mapped again, since that may be other memory.
package struct ScatterList {
  /// One run of host addresses; `start` is its place in the picture.
  @safe
  struct Extent {
    let base: UnsafeMutableRawPointer
    let count: Int
    let start: UInt64
  }

  private let extents: [Extent]
  private let regionIDs: [UInt64]
  private var generation: UInt64
  /// Bytes of all pages together.
  package let byteCount: UInt64
  /// How many bytes of the device's memory the list takes, for budgets.
  package var footprint: Int { extents.count * MemoryLayout<Extent>.stride }
  /// Runs of host addresses after merging.
  package var extentCount: Int { extents.count }

  /// Checks that every range is wholly guest memory that the device may read, and translates it.
  ///
  /// - Parameter extentLimit: how many runs of host addresses there may be. One range has as many as it crosses
  ///   regions, and a driver may name the same range again and again.
  /// - Throws: `.unmapped`; `.outOfBounds` when the ranges together have more bytes than 64 bits count;
  ///   `.tooManyPieces` at `extentLimit`, when it is met and not at the end.
  package init(
    _ ranges: [GuestRange], extentLimit: Int = .max, in access: borrowing GuestAccess
  ) throws(GuestFault) {
    var extents: [Extent] = []
    extents.reserveCapacity(min(ranges.count, extentLimit))
    var ids: Set<UInt64> = []
    var pieces: [GuestSlice] = []
    var total: UInt64 = 0
    var lastID: UInt64 = 0
    for range in ranges {
      pieces.removeAll(keepingCapacity: true)
      try access.translate(range, writable: false, into: &pieces)
      for piece in pieces {
        let (sum, wraps) = total.addingReportingOverflow(UInt64(piece.count))
        guard !wraps else { throw .outOfBounds }
        if let last = extents.last, piece.regionID == lastID, unsafe last.base + last.count == piece.base {
          // The same mapping goes on where the last extent ended, so both are one run.
          extents[extents.count - 1] = unsafe Extent(
            base: last.base, count: last.count + piece.count, start: last.start)
        } else {
          guard extents.count < extentLimit else { throw .tooManyPieces }
          unsafe extents.append(Extent(base: piece.base, count: piece.count, start: total))
        }
        if piece.regionID != lastID { ids.insert(piece.regionID) }
        lastID = piece.regionID
        total = sum
      }
    }
    self.extents = extents
    regionIDs = Array(ids)
    generation = access.generation
    byteCount = total
  }

  /// Whether every region it lies in is still the one that was checked.
  package mutating func isUsable(in access: borrowing GuestAccess) -> Bool {
    if generation == access.generation { return true }
    guard regionIDs.allSatisfy({ access.holdsRegion(id: $0) }) else { return false }
    generation = access.generation
    return true
  }

  /// Copies a rectangle of rows out of the pages.
  ///
  /// - Throws: `.removed` when the list has become unusable, `.outOfBounds` when the rows are not wholly inside.
  package mutating func copyRows(
    _ copy: RowCopy, into destination: inout MutableRawSpan, in access: borrowing GuestAccess
  ) throws(GuestFault) {
    guard isUsable(in: access) else { throw .removed }
    guard copy.rows > 0, copy.rowBytes > 0 else { return }
    guard let sourceEnd = copy.sourceEnd, sourceEnd <= byteCount,
      let end = copy.destinationEnd, end <= UInt64(destination.byteCount)
    else { throw .outOfBounds }
    // Rows that touch on both sides are one long row.
    let isOneRun = copy.rowBytes == copy.sourceStride && copy.rowBytes == copy.destinationStride
    let rows = isOneRun ? 1 : copy.rows
    let rowBytes = isOneRun ? copy.rowBytes * copy.rows : copy.rowBytes
    let extents = self.extents
    unsafe destination.withUnsafeMutableBytes { bytes in
      unsafe extents.withUnsafeBufferPointer { extents in
        var index = 0
        for row in 0..<rows {
          // No sum wraps: the last row's end was checked above, and the earlier ones lie before it.
          var position = copy.sourceOffset &+ UInt64(row) &* UInt64(copy.sourceStride)
          var to = unsafe bytes.baseAddress! + (copy.destinationOffset &+ row &* copy.destinationStride)
          var left = rowBytes
          unsafe index = Self.find(position, from: index, in: extents)
          while left > 0 {
            // `position` is inside extent `index`, and the list holds bytes up to the row's end.
            let extent = unsafe extents[index]
            let skip = Int(position &- extent.start)
            let count = min(left, extent.count &- skip, Self.piece)
            unsafe memcpy(to, extent.base + skip, count)
            unsafe to += count
            position &+= UInt64(count)
            left &-= count
            if skip &+ count == extent.count, index &+ 1 < extents.count { index &+= 1 }
          }
        }
      }
    }
  }

  /// Bytes copied by one memcpy, a page.
  ///
  /// A long memcpy goes past the caches from some hundreds of KiB on, which takes a fifth more time here, and what was
  /// just drawn is read again soon: by the front-end that shows it.
  private static let piece = 4096

  /// The extent that holds `position`; the last one found and its successor are tried before halving.
  @inline(__always)
  private static func find(
    _ position: UInt64, from index: Int, in extents: UnsafeBufferPointer<Extent>
  ) -> Int {
    // Indices stay below the count: the caller has checked that `position` is inside the list.
    var low = 0
    if unsafe extents[index].start <= position {
      if unsafe position < extents[index].start &+ UInt64(extents[index].count) { return index }
      let next = index &+ 1
      if next < extents.count,
        unsafe position < extents[next].start &+ UInt64(extents[next].count)
      {
        return next
      }
      low = index
    }
    var high = extents.count
    while high &- low > 1 {
      let middle = (low &+ high) / 2
      if unsafe extents[middle].start <= position { low = middle } else { high = middle }
    }
    return low
  }
}

/// Rows of a picture: where they lie in guest pages and where they go.
package struct RowCopy {
  /// The first byte of the first row, from the start of the pages.
  package var sourceOffset: UInt64
  /// Bytes from one row to the next in the pages.
  package var sourceStride: Int
  /// The first byte of the first row in the destination.
  package var destinationOffset: Int
  /// Bytes from one row to the next in the destination.
  package var destinationStride: Int
  /// Bytes of each row.
  package var rowBytes: Int
  /// How many rows.
  package var rows: Int

  /// Rows to copy; nothing is checked before `copyRows`, except that no number is negative.
  package init(
    sourceOffset: UInt64, sourceStride: Int, destinationOffset: Int, destinationStride: Int, rowBytes: Int,
    rows: Int
  ) {
    precondition(
      sourceStride >= 0 && destinationOffset >= 0 && destinationStride >= 0 && rowBytes >= 0 && rows >= 0)
    self.sourceOffset = sourceOffset
    self.sourceStride = sourceStride
    self.destinationOffset = destinationOffset
    self.destinationStride = destinationStride
    self.rowBytes = rowBytes
    self.rows = rows
  }

  /// The first byte behind the last row in the pages; nil when it needs more than 64 bits.
  var sourceEnd: UInt64? { Self.end(sourceOffset, sourceStride, rowBytes, rows) }
  /// The first byte behind the last row in the destination; nil when it needs more than 64 bits.
  var destinationEnd: UInt64? { Self.end(UInt64(destinationOffset), destinationStride, rowBytes, rows) }

  private static func end(_ offset: UInt64, _ stride: Int, _ rowBytes: Int, _ rows: Int) -> UInt64? {
    let (steps, a) = UInt64(stride).multipliedReportingOverflow(by: UInt64(max(rows, 1) - 1))
    let (last, b) = offset.addingReportingOverflow(steps)
    let (end, c) = last.addingReportingOverflow(UInt64(rowBytes))
    return a || b || c ? nil : end
  }
}
