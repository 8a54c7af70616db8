import ScanoutDevice

extension PCIFunction {
  /// What the function decodes at the moment. A place that reaches beyond the ports, 4 GiB or all addresses is none.
  func windows(device: Int) -> [PCIHost.Window] {
    bars.enumerated().compactMap { index, bar in
      guard let start = address(ofBAR: index) else { return nil }
      let (end, wraps) = start.addingReportingOverflow(bar.size)
      let limit: UInt64 =
        switch bar.kind {
        case .io: 1 << 16
        case .memory32: 1 << 32
        case .memory64, .absent: .max
        }
      guard !wraps, end <= limit else { return nil }
      return PCIHost.Window(device: device, bar: index, isPorts: bar.kind == .io, range: start..<end)
    }
  }
}

extension UInt64 {
  /// What reads where nobody answers.
  static func ones(width: Int) -> UInt64 { width >= 8 ? .max : (1 << (8 * UInt64(width))) - 1 }
}
