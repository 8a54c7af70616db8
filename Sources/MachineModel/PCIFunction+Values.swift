import ScanoutDevice

extension PCIFunction {
  /// Reads a number of 1 to 8 bytes.
  func read(_ region: PCIRegion, at offset: UInt64, width: Int) -> UInt64 {
    var value: UInt64 = 0
    // Little-endian as this machine is; the span covers bytes of the variable alone.
    unsafe withUnsafeMutableBytes(of: &value) { bytes in
      var span = unsafe MutableRawSpan(_unsafeBytes: bytes[..<width])
      read(region, at: offset, into: &span)
    }
    return value
  }

  /// Writes a number of 1 to 8 bytes.
  func write(_ region: PCIRegion, at offset: UInt64, width: Int, _ value: UInt64) {
    // As above.
    unsafe withUnsafeBytes(of: value) { bytes in
      write(region, at: offset, unsafe RawSpan(_unsafeBytes: bytes[..<width]))
    }
  }

  /// What the function decodes at the moment, as its command register and its base address registers say.
  func windows(device: Int) -> [PCIHost.Window] {
    let command = read(.configuration, at: 4, width: 2)
    return bars.enumerated().compactMap { index, bar in
      let register = read(.configuration, at: UInt64(0x10 + 4 * index), width: bar.kind == .memory64 ? 8 : 4)
      let isPorts = bar.kind == .io
      guard bar.kind != .absent, command & (isPorts ? 1 : 2) != 0 else { return nil }
      let start = register & ~(isPorts ? 3 : 15)
      let (end, wraps) = start.addingReportingOverflow(bar.size)
      guard !wraps, !isPorts || end <= 1 << 16, bar.kind != .memory32 || end <= 1 << 32 else { return nil }
      return PCIHost.Window(device: device, bar: index, isPorts: isPorts, range: start..<end)
    }
  }
}

extension UInt64 {
  /// What reads where nobody answers.
  static func ones(width: Int) -> UInt64 { width >= 8 ? .max : (1 << (8 * UInt64(width))) - 1 }
}
