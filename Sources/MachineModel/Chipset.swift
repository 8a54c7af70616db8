/// All of the machine that is neither memory nor KVM's: where an access of a processor goes.
///
/// Any thread may call, with any port, address and width of 1 to 8 bytes.
public struct Chipset: Sendable {
  private let pci: PCIHost
  private let serial: SerialPort
  private let clock: ClockChip
  private let reset: @Sendable () -> Void

  /// - Parameter reset: the guest wants the machine to begin anew.
  public init(
    pci: PCIHost, serial: SerialPort, clock: ClockChip = ClockChip(), reset: @escaping @Sendable () -> Void
  ) {
    self.pci = pci
    self.serial = serial
    self.clock = clock
    self.reset = reset
  }

  /// Where PCs' keyboard controller takes commands, and the one that pulls the reset line.
  private static let keyboardPort: UInt16 = 0x64
  private static let resetCommand: UInt8 = 0xfe
  /// Where PCs' chipsets have a reset of their own: bit 2 does it.
  private static let resetPort: UInt16 = 0xcf9

  /// Reads a port.
  public func readPort(_ port: UInt16, width: Int) -> UInt64 {
    if let value = pci.readPort(port, width: width) { return value }
    // Byte by byte, as on the bus of old that these ports come from.
    return (0..<width).reduce(0) { $0 | UInt64(readByte(port &+ UInt16($1))) << (8 * UInt64($1)) }
  }

  /// Writes a port.
  public func writePort(_ port: UInt16, width: Int, _ value: UInt64) {
    if pci.writePort(port, width: width, value) { return }
    for index in 0..<width {
      writeByte(port &+ UInt16(index), UInt8(truncatingIfNeeded: value >> (8 * UInt64(index))))
    }
  }

  /// Reads an address that is no memory.
  public func readMemory(at address: UInt64, width: Int) -> UInt64 {
    pci.readMemory(at: address, width: width)
  }

  /// Writes an address that is no memory.
  public func writeMemory(at address: UInt64, width: Int, _ value: UInt64) {
    pci.writeMemory(at: address, width: width, value)
  }

  private func serialRegister(_ port: UInt16) -> Int? {
    let ports = SerialPort.firstPort..<SerialPort.firstPort + 8
    return ports.contains(port) ? Int(port - ports.lowerBound) : nil
  }

  private func readByte(_ port: UInt16) -> UInt8 {
    if port == ClockChip.firstPort + 1 { return clock.read() }
    return serialRegister(port).map(serial.read) ?? 0xff
  }

  private func writeByte(_ port: UInt16, _ value: UInt8) {
    if let register = serialRegister(port) { return serial.write(register, value) }
    if port == ClockChip.firstPort { return clock.select(value) }
    let isReset =
      port == Self.keyboardPort && value == Self.resetCommand || port == Self.resetPort && value & 4 != 0
    if isReset { reset() }
  }
}
