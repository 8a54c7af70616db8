/// What a VMM needs for each access of a vCPU, over the calls that every function has.
extension PCIFunction {
  /// Reads a little-endian register of 1 to 8 bytes.
  ///
  /// - Precondition: `width` is 1 to 8.
  public func read(_ region: PCIRegion, at offset: UInt64, width: Int) -> UInt64 {
    precondition((1...8).contains(width))
    var value: [8 of UInt8] = .init(repeating: 0)
    var span = value.mutableSpan
    var whole = unsafe span.mutableBytes  // any byte is a UInt8
    var bytes = whole._mutatingExtracting(0..<width)
    read(region, at: offset, into: &bytes)
    return bytes.bytes.littleEndianValue
  }

  /// Writes a little-endian register of 1 to 8 bytes; what does not fit of `value` is left out.
  ///
  /// - Precondition: `width` is 1 to 8.
  public func write(_ region: PCIRegion, at offset: UInt64, width: Int, _ value: UInt64) {
    precondition((1...8).contains(width))
    var bytes: [8 of UInt8] = .init(repeating: 0)
    for index in 0..<width { bytes[index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
    unsafe write(region, at: offset, bytes.span.bytes.extracting(0..<width))  // a UInt8 has no hole
  }

  /// Where the guest has put a BAR and lets it be reached: its first address, or its first port. nil: there is no such BAR,
  /// or the command register has this kind turned off (PCI Local Bus 3.0 §6.2.2, §6.2.5).
  ///
  /// It may have changed whenever the guest has written to configuration space, and after a reset. A guest that measures a
  /// BAR without turning it off makes it stand at a place that means nothing for a moment; none of its accesses go there.
  public func address(ofBAR index: Int) -> UInt64? {
    guard bars.indices.contains(index) else { return nil }
    let bar = bars[index]
    let wanted: UInt16
    switch bar.kind {
    case .absent: return nil
    case .io: wanted = ConfigSpace.Command.io
    case .memory32, .memory64: wanted = ConfigSpace.Command.memory
    }
    let command = read(.configuration, at: UInt64(ConfigSpace.Offset.command), width: 2)
    guard command & UInt64(wanted) != 0 else { return nil }
    let width = bar.kind == .memory64 ? 8 : 4
    return read(.configuration, at: UInt64(ConfigSpace.Offset.bar0 + 4 * index), width: width)
      & ~(bar.size - 1)
  }
}
