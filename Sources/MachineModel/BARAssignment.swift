import ScanoutDevice

/// Gives base address registers their first places, as firmware does: one behind the other, each at a multiple of its size.
struct BARAssignment {
  private var memory = AddressMap.deviceMemory
  private var ports = AddressMap.devicePorts

  /// Places a function's registers; one for which there is no room stays at 0. Decoding stays off.
  mutating func place(_ function: any PCIFunction) {
    for (index, bar) in function.bars.enumerated() where bar.kind != .absent {
      let start = bar.kind == .io ? Self.take(bar.size, from: &ports) : Self.take(bar.size, from: &memory)
      guard let start else { continue }
      function.write(
        .configuration, at: UInt64(0x10 + 4 * index), width: bar.kind == .memory64 ? 8 : 4, start)
    }
  }

  /// - Parameter size: a power of two.
  static func take(_ size: UInt64, from free: inout ClosedRange<UInt64>) -> UInt64? {
    let (rounded, wraps) = free.lowerBound.addingReportingOverflow(size - 1)
    let start = rounded & ~(size - 1)
    // The last byte of a range is never taken, so that it does not become empty.
    guard !wraps, start <= free.upperBound, size <= free.upperBound - start else { return nil }
    free = start + size...free.upperBound
    return start
  }
}
