public import ScanoutDevice
import Synchronization

/// The host bridge of PCI bus 0: brings configuration accesses to functions, and others to where the guest placed them.
///
/// Any thread may call. Nothing here trusts the guest: an access that is nobody's reads as ones and swallows writes.
public final class PCIHost: Sendable {
  /// Where the guest has placed a base address register, while the function decodes it.
  public struct Window: Hashable, Sendable {
    /// The function's number on the bus.
    public let device: Int
    /// Its base address register, 0 to 5.
    public let bar: Int
    /// Whether it lies among the ports; else in memory.
    public let isPorts: Bool
    /// The ports or the addresses.
    public let range: Range<UInt64>
  }

  /// The ports of the first configuration mechanism (PCI Local Bus 3.0 §3.2.2.3.2).
  static let addressPort: UInt16 = 0xcf8
  static let dataPorts: ClosedRange<UInt16> = 0xcfc...0xcff
  /// A host bridge (QEMU's, which no driver wants), without any register: identity, and class at 8.
  private static let bridge: [Int: UInt32] = [0: 0x0008_1b36, 8: 0x0600_0000]

  /// By device number; the bridge itself is number 0.
  public let functions: [Int: any PCIFunction]
  private let follow: @Sendable ([Window]) -> Void
  private let state = Mutex(State())

  private struct State {
    var address: UInt32 = 0
    var windows: [Window] = []
  }

  /// A bus with these functions from number 1 on, each placed, and told its interrupt line.
  ///
  /// There is no firmware that could do it.
  ///
  /// - Parameters:
  ///   - lines: the interrupt line of each function, as many.
  ///   - follow: told of all windows when one has changed, on the thread of the access that did it; one call at a time.
  public init(
    _ functions: [any PCIFunction], lines: [Int], follow: @escaping @Sendable ([Window]) -> Void = { _ in }
  ) {
    precondition(functions.count <= 31 && functions.count == lines.count)
    let numbered = zip(1..., functions).map { ($0, $1) }
    self.functions = Dictionary(uniqueKeysWithValues: numbered)
    self.follow = follow
    var assignment = BARAssignment()
    for (_, function) in numbered { assignment.place(function) }
    for ((_, function), line) in zip(numbered, lines) where function.hasINTx {
      function.write(.configuration, at: 0x3c, width: 1, UInt64(line))
    }
  }

  // MARK: Configuration

  /// Reads configuration space.
  func readConfiguration(bus: Int, device: Int, function: Int, at offset: UInt64, width: Int) -> UInt64 {
    guard bus == 0, function == 0 else { return .ones(width: width) }
    if device == 0 { return Self.readBridge(at: offset, width: width) }
    guard let target = functions[device],
      offset + UInt64(width) <= UInt64(target.configurationSpaceSize)
    else { return .ones(width: width) }
    return target.read(.configuration, at: offset, width: width)
  }

  /// Writes configuration space, and looks where the function's registers are after that.
  func writeConfiguration(
    bus: Int, device: Int, function: Int, at offset: UInt64, width: Int, _ value: UInt64
  ) {
    guard bus == 0, function == 0, let target = functions[device] else { return }
    // Outside the lock: a write that resets a function may wait for its command in hand.
    target.write(.configuration, at: offset, width: width, value)
    state.withLock { state in
      let windows = target.windows(device: device)
      guard windows != state.windows.filter({ $0.device == device }) else { return }
      state.windows.removeAll { $0.device == device }
      state.windows += windows
      follow(state.windows)
    }
  }

  private static func readBridge(at offset: UInt64, width: Int) -> UInt64 {
    let start = Int(offset)
    let word = UInt64(bridge[start & ~3] ?? 0) >> (8 * (start & 3))
    return word & .ones(width: min(width, 4 - start & 3))
  }

  // MARK: Ports and memory

  /// Reads a port; nil when it is not the bus's.
  func readPort(_ port: UInt16, width: Int) -> UInt64? {
    if port == Self.addressPort, width == 4 { return UInt64(state.withLock { $0.address }) }
    if Self.dataPorts.contains(port) {
      guard let at = selected(port, width: width) else { return .ones(width: width) }
      return readConfiguration(
        bus: at.bus, device: at.device, function: at.function, at: at.offset, width: width)
    }
    return window(at: UInt64(port), width: width, isPorts: true).map { function, window in
      function.read(.bar(window.bar), at: UInt64(port) - window.range.lowerBound, width: width)
    }
  }

  /// Writes a port; false when it is not the bus's.
  func writePort(_ port: UInt16, width: Int, _ value: UInt64) -> Bool {
    if port == Self.addressPort, width == 4 {
      state.withLock { $0.address = UInt32(truncatingIfNeeded: value) }
      return true
    }
    if Self.dataPorts.contains(port) {
      guard let at = selected(port, width: width) else { return true }
      writeConfiguration(
        bus: at.bus, device: at.device, function: at.function, at: at.offset, width: width, value)
      return true
    }
    guard let (function, window) = window(at: UInt64(port), width: width, isPorts: true) else { return false }
    function.write(.bar(window.bar), at: UInt64(port) - window.range.lowerBound, width: width, value)
    return true
  }

  /// Reads an address that is no memory.
  func readMemory(at address: UInt64, width: Int) -> UInt64 {
    if let at = Self.enhanced(address, width: width) {
      return readConfiguration(bus: 0, device: at.device, function: at.function, at: at.offset, width: width)
    }
    guard let (function, window) = window(at: address, width: width, isPorts: false) else {
      return .ones(width: width)
    }
    return function.read(.bar(window.bar), at: address - window.range.lowerBound, width: width)
  }

  /// Writes an address that is no memory.
  func writeMemory(at address: UInt64, width: Int, _ value: UInt64) {
    if let at = Self.enhanced(address, width: width) {
      return writeConfiguration(
        bus: 0, device: at.device, function: at.function, at: at.offset, width: width, value)
    }
    guard let (function, window) = window(at: address, width: width, isPorts: false) else { return }
    function.write(.bar(window.bar), at: address - window.range.lowerBound, width: width, value)
  }

  private typealias Place = (bus: Int, device: Int, function: Int, offset: UInt64)

  /// What the address register selects, and a data port in it; nil when it is off or the access leaves the four bytes.
  private func selected(_ port: UInt16, width: Int) -> Place? {
    let address = state.withLock { $0.address }
    let byte = Int(port - Self.dataPorts.lowerBound)
    guard address & 0x8000_0000 != 0, byte + width <= 4 else { return nil }
    return (
      Int(address >> 16 & 0xff), Int(address >> 11 & 0x1f), Int(address >> 8 & 7),
      UInt64(address & 0xfc) + UInt64(byte)
    )
  }

  /// A place in the enhanced configuration window of bus 0 (PCI Express 6.0 §7.2.2), 4096 bytes for each function.
  private static func enhanced(_ address: UInt64, width: Int) -> Place? {
    guard address >= AddressMap.configuration,
      address - AddressMap.configuration < AddressMap.configurationSize
    else { return nil }
    let place = address - AddressMap.configuration, offset = place & 0xfff
    // One that leaves a function's 4096 bytes is nobody's: no function has so many.
    guard offset + UInt64(width) <= 4096 else { return (0, 31, 7, offset) }
    return (0, Int(place >> 15 & 0x1f), Int(place >> 12 & 7), offset)
  }

  /// Who decodes an access, wholly; of several the one that was placed first.
  private func window(
    at address: UInt64, width: Int, isPorts: Bool
  ) -> (any PCIFunction, Window)? {
    let found = state.withLock { state in
      state.windows.first { window in
        window.isPorts == isPorts && window.range.contains(address)
          && UInt64(width) <= window.range.upperBound - address
      }
    }
    return found.flatMap { window in functions[window.device].map { ($0, window) } }
  }
}
