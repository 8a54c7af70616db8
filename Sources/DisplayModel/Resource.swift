import FrontEndAPI
import GuestRAM

/// What a guest made and named; the device's thread alone knows it.
final class Resource {
  let id: ResourceID
  let content: Content
  /// Its UUID; nil until it is first asked for.
  private(set) var assignedUUID: ResourceUUID?

  enum Content {
    /// A picture, with the guest's pages that transfers come from.
    case picture(Picture)
    /// The guest's pages themselves.
    case blob(Blob)
  }

  /// Pixels of the device's own and the guest's pages that are their backing.
  final class Picture {
    let pixels: PixelStore
    var backing: Backing?

    init(_ pixels: PixelStore) { self.pixels = pixels }
  }

  init(id: ResourceID, _ content: Content) {
    self.id = id
    self.content = content
  }

  /// The same each time.
  var uuid: ResourceUUID {
    let uuid = assignedUUID ?? ResourceUUID()
    assignedUUID = uuid
    return uuid
  }

  var hasBacking: Bool {
    switch content {
    case .picture(let picture): picture.backing != nil
    case .blob(let blob): blob.hasPages
    }
  }

  /// How large its backing is; nil without one.
  var backingExtent: Backing.Extent? {
    switch content {
    case .picture(let picture): picture.backing?.extent
    case .blob(let blob): blob.backingExtent
    }
  }

  /// Gives it pages; it has none.
  ///
  /// - Throws: `.backingTooShort` when a blob needs more.
  func attach(_ backing: Backing) throws(DisplayFault) {
    switch content {
    case .picture(let picture): picture.backing = backing
    case .blob(let blob): try blob.attach(backing)
    }
  }

  /// Takes its pages away; when this has returned nobody reads them.
  func detach() {
    switch content {
    case .picture(let picture): picture.backing = nil
    case .blob(let blob): blob.detach()
    }
  }
}

/// The guest's pages of a resource, in order, as one run of bytes.
///
/// The validated list becomes unusable when a region of guest memory is removed. It is then built once more
/// from the ranges, against the memory that there is now.
final class Backing {
  private let ranges: [GuestRange]
  private let budget: MemoryBudget
  private var list: ScatterList
  /// What is charged for the ranges and the list.
  private let charge: MemoryCharge
  /// What is charged for a list that has more extents than there were entries; nil if it has not.
  private var furtherCharge: MemoryCharge?
  /// The generation of the map in which some of the ranges were found not to be memory; 0 for none. Whoever asks for
  /// band after band is not to look them all up each time.
  private var lostGeneration: UInt64 = 0

  /// Validates the ranges; their number is bounded by whoever decoded them, and none is empty.
  init(_ ranges: [GuestRange], budget: MemoryBudget, in access: borrowing GuestAccess) throws(DisplayFault) {
    // A range kept here and one host address in the list, for each entry.
    let entrySize = MemoryLayout<GuestRange>.stride + Self.extentSize
    guard let charge = budget.charge(UInt64(ranges.count * entrySize) + 256) else { throw .outOfMemory }
    let merged = Self.merged(ranges)
    let list = try Self.list(merged, budget, in: access)
    furtherCharge = try Self.furtherCharge(for: list, merged, beyond: charge, budget)
    self.ranges = merged
    self.list = list
    self.charge = charge
    self.budget = budget
  }

  /// Bytes of one extent of a `ScatterList`: where it is in the host, how long, where in the run.
  private static let extentSize = 24

  /// Looks the ranges up. What it takes is known only at its end, so it stops where no budget could pay for it.
  private static func list(
    _ ranges: [GuestRange], _ budget: MemoryBudget, in access: borrowing GuestAccess
  ) throws(DisplayFault) -> ScatterList {
    let affordable = (budget.limit - budget.inUse) / UInt64(extentSize)
    do {
      return try ScatterList(ranges, extentLimit: ranges.count + Int(clamping: affordable), in: access)
    } catch {
      throw error == .tooManyPieces ? .outOfMemory : .backingNotMapped
    }
  }

  /// Entries that span many regions of guest memory have many extents each; what that takes is charged as
  /// well.
  private static func furtherCharge(
    for list: ScatterList, _ ranges: [GuestRange], beyond charge: borrowing MemoryCharge,
    _ budget: MemoryBudget
  ) throws(DisplayFault) -> MemoryCharge? {
    let footprint = UInt64(list.footprint + ranges.count * MemoryLayout<GuestRange>.stride)
    guard footprint > charge.byteCount else { return nil }
    guard let further = budget.charge(footprint - charge.byteCount) else { throw .outOfMemory }
    return further
  }

  /// How long the run is, in bytes.
  var byteCount: UInt64 { list.byteCount }

  /// A backing's size.
  struct Extent {
    let byteCount: UInt64
    /// Ranges of guest memory, those that continue each other counted as one.
    let rangeCount: Int
  }

  var extent: Extent { Extent(byteCount: byteCount, rangeCount: ranges.count) }

  /// Copies rows out of the run.
  func copyRows(
    _ copy: RowCopy, into target: inout MutableRawSpan, in access: borrowing GuestAccess
  ) throws(DisplayFault) {
    if !list.isUsable(in: access) { try buildAnew(in: access) }
    do {
      try list.copyRows(copy, into: &target, in: access)
    } catch {
      throw error == .outOfBounds ? .backingTooShort : .backingNotMapped
    }
  }

  private func buildAnew(in access: borrowing GuestAccess) throws(DisplayFault) {
    guard lostGeneration != access.generation else { throw .backingNotMapped }
    let list: ScatterList
    do { list = try Self.list(ranges, budget, in: access) } catch {
      if error == .backingNotMapped { lostGeneration = access.generation }
      throw error
    }
    // The old list keeps its charge until there is one for the new.
    furtherCharge = try Self.furtherCharge(for: list, ranges, beyond: charge, budget)
    self.list = list
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
