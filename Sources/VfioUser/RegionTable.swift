import Glibc
import PCIBus

/// The regions of a PCI device, by VFIO's index: six BARs, the ROM, configuration space, VGA.
struct RegionTable {
  /// VFIO_PCI_CONFIG_REGION_INDEX
  static let configurationIndex = 7
  /// VFIO_PCI_NUM_REGIONS
  static let count = 9

  private struct Row {
    let region: PCIRegion
    let size: UInt64
  }

  /// Nil where there is nothing: a BAR that is absent, the ROM, VGA.
  private let rows: [Row?]
  /// Where PCI Express's configuration space ends, and a conventional function's accesses at the latest.
  private static let configurationEnd: UInt64 = 4096
  private let largestAccess: UInt32

  /// - Parameter largestAccess: bytes that one read or write may have.
  init(_ function: any PCIFunction, largestAccess: UInt32) {
    var rows = [Row?](repeating: nil, count: Self.count)
    for (index, bar) in function.bars.prefix(6).enumerated() where bar.kind != .absent {
      rows[index] = Row(region: .bar(index), size: bar.size)
    }
    rows[Self.configurationIndex] = Row(region: .configuration, size: UInt64(function.configurationSpaceSize))
    self.rows = rows
    self.largestAccess = largestAccess
  }

  /// What a client is told of a region. None can be mapped: every access is a message, so that writes to memory
  /// BARs stay posted.
  func info(_ index: UInt32) throws(Refusal) -> RegionInfoRecord {
    guard let index = Int(exactly: index), rows.indices.contains(index) else { throw Refusal(errno: EINVAL) }
    guard let row = rows[index] else { return RegionInfoRecord(index: UInt32(index), flags: 0, count: 0) }
    return RegionInfoRecord(
      index: UInt32(index), flags: RegionInfoRecord.readable | RegionInfoRecord.writable, count: row.size)
  }

  /// The region that an access names, if all of the access lies in it.
  ///
  /// Nil: nobody is there, as on a bus where a read finds ones and a write is lost. That is what lies behind a
  /// conventional function's configuration space: a VMM may pass on what its guest looks for there, and Cloud
  /// Hypervisor would wait for ever for the data that an error reply does not have.
  func region(of access: RegionAccessRecord) throws(Refusal) -> PCIRegion? {
    guard let index = Int(exactly: access.region), rows.indices.contains(index), let row = rows[index] else {
      throw Refusal(errno: EINVAL)
    }
    guard access.count > 0, access.count <= largestAccess else { throw Refusal(errno: EINVAL) }
    let (end, wraps) = access.offset.addingReportingOverflow(UInt64(access.count))
    guard !wraps else { throw Refusal(errno: EINVAL) }
    if end <= row.size { return row.region }
    guard index == Self.configurationIndex, access.offset >= row.size, end <= Self.configurationEnd else {
      throw Refusal(errno: EINVAL)
    }
    return nil
  }
}
