import ScanoutDevice

/// Where a PCI function is plugged into the VMM: what vCPU threads reach when they leave the guest.
struct Slot: Sendable {
  let function: any PCIFunction

  /// A read of guest memory that no RAM answers; nil: nor does this function.
  func read(_ address: UInt64, width: Int) -> UInt64? {
    guard let (bar, offset) = place(address) else { return nil }
    return function.read(.bar(bar), at: offset, width: width)
  }

  /// A write likewise; false: nobody listens there.
  func write(_ address: UInt64, width: Int, _ value: UInt64) -> Bool {
    guard let (bar, offset) = place(address) else { return false }
    function.write(.bar(bar), at: offset, width: width, value)
    return true
  }

  /// The BAR that the guest has put there. A VMM with many functions keeps a map instead, and looks anew when the guest
  /// has written to configuration space.
  private func place(_ address: UInt64) -> (bar: Int, offset: UInt64)? {
    for (index, bar) in function.bars.enumerated() where bar.kind != .io {
      guard let start = function.address(ofBAR: index), address >= start, address - start < bar.size
      else { continue }
      return (index, address - start)
    }
    return nil
  }
}
