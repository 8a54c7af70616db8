import FrontEndAPI
import GuestRAM

/// A picture that a guest made, with the guest's pages that are its backing; the device's thread alone knows it.
final class Resource {
  let id: ResourceID
  let pixels: PixelStore
  var backing: Backing?

  init(id: ResourceID, pixels: PixelStore) {
    self.id = id
    self.pixels = pixels
  }

  /// Whether the rectangle lies inside the picture.
  func holds(_ rectangle: Rectangle) -> Bool {
    rectangle.fits(width: pixels.width, height: pixels.height)
  }
}

/// The guest's pages of a resource, in order, as one run of bytes.
///
/// The validated list becomes unusable when a region of guest memory is removed. It is then built once more from
/// the ranges, against the memory that there is now.
final class Backing {
  private let ranges: [GuestRange]
  private var list: ScatterList
  private let charges: Charges

  /// The entries as they came, and what a list with more extents than entries takes beyond that.
  private struct Charges: ~Copyable {
    let entries: MemoryCharge
    let further: MemoryCharge?
  }

  /// Validates the ranges; their number is bounded by whoever decoded them, and none is empty.
  init(_ ranges: [GuestRange], budget: MemoryBudget, in access: borrowing GuestAccess) throws(DisplayFault) {
    // A range kept here and one or more host addresses in the list, for each entry.
    let expected = ranges.count * (MemoryLayout<GuestRange>.stride + Self.extentSize)
    guard let entries = budget.charge(UInt64(expected) + 256) else { throw .outOfMemory }
    self.ranges = Self.merged(ranges)
    do { list = try ScatterList(self.ranges, in: access) } catch { throw .backingNotMapped }
    // Entries that span many regions of guest memory have many extents.
    let actual = self.ranges.count * MemoryLayout<GuestRange>.stride + list.footprint
    guard actual > expected else {
      charges = Charges(entries: entries, further: nil)
      return
    }
    guard let further = budget.charge(UInt64(actual - expected)) else { throw .outOfMemory }
    charges = Charges(entries: entries, further: further)
  }

  /// Bytes of one entry of a `ScatterList`: where it is in the host, how long, where in the run.
  private static let extentSize = 24

  /// How long the run is, in bytes.
  var byteCount: UInt64 { list.byteCount }

  /// Copies rows out of the run into a resource's pixels.
  func copyRows(
    _ copy: RowCopy, into pixels: inout MutableRawSpan, in access: borrowing GuestAccess
  ) throws(DisplayFault) {
    do {
      if !list.isUsable(in: access) { list = try ScatterList(ranges, in: access) }
      try list.copyRows(copy, into: &pixels, in: access)
    } catch {
      throw error == .outOfBounds ? .backingTooShort : .backingNotMapped
    }
  }

  /// The ranges with neighbours that continue each other made one; most backings come as single pages.
  static func merged(_ ranges: [GuestRange]) -> [GuestRange] {
    var merged: [GuestRange] = []
    for range in ranges {
      if let last = merged.last {
        let count = last.count.addingReportingOverflow(range.count)
        if last.end == range.start, !count.overflow,
          let both = GuestRange(start: last.start, count: count.partialValue)
        {
          merged[merged.count - 1] = both
          continue
        }
      }
      merged.append(range)
    }
    return merged
  }
}
