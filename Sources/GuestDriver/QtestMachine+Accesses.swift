/// I/O ports of PCI's configuration mechanism 1.
private enum ConfigPort {
  static let address: UInt16 = 0xcf8
  static let data: UInt16 = 0xcfc
}

/// Where q35 has configuration space in memory: PCIEXBAR of its host bridge.
private enum ExtendedConfig {
  /// Vendor and device of the host bridge.
  static let q35: UInt32 = 0x29c0_8086
  static let register = 0x60
  static let base: UInt64 = 0xb000_0000
}

/// The accesses of a processor: ports, and memory where base addresses point.
extension QtestMachine {
  // MARK: Configuration space

  package func readConfig(_ offset: Int, width: Int) throws -> UInt32 {
    try readConfig(function, offset, width: width)
  }

  package func writeConfig(_ offset: Int, width: Int, _ value: UInt32) throws {
    bases = [:]
    try writeConfig(function, offset, width: width, value)
  }

  /// Mechanism 1 reaches four bytes at a time, and QEMU 11.1 reads zeroes at a port that is not a multiple
  /// of the width: all other accesses go byte by byte.
  func readConfig(_ function: Function, _ offset: Int, width: Int) throws -> UInt32 {
    guard Self.isWhole(offset, width) else {
      return try (0..<width).reduce(0) { value, byte in
        let read = try readConfig(function, offset + byte, width: 1)
        return value | read << UInt32(8 * byte)
      }
    }
    if offset >= 256 {
      let address = try mapped(function, offset)
      return UInt32(truncatingIfNeeded: try number("read\(Self.suffix(width) ?? "l") 0x\(hex(address))"))
    }
    return UInt32(truncatingIfNeeded: try readPort(try aim(function, offset), width: width))
  }

  func writeConfig(_ function: Function, _ offset: Int, width: Int, _ value: UInt32) throws {
    guard Self.isWhole(offset, width) else {
      for byte in 0..<width {
        try writeConfig(function, offset + byte, width: 1, value >> UInt32(8 * byte) & 0xff)
      }
      return
    }
    if offset >= 256 {
      let address = try mapped(function, offset)
      return try call("write\(Self.suffix(width) ?? "l") 0x\(hex(address)) 0x\(hex(UInt64(value)))")
    }
    try writePort(try aim(function, offset), width: width, UInt64(value))
  }

  /// Where configuration space behind its first 256 bytes lies in memory: q35 alone maps it, once it is told where.
  private func mapped(_ function: Function, _ offset: Int) throws -> UInt64 {
    let bridge = Function(device: 0, function: 0)
    guard try readConfig(bridge, 0, width: 4) == ExtendedConfig.q35, offset < 4096 else {
      throw DriverError.missing("configuration space at \(offset) on this machine")
    }
    try writeConfig(bridge, ExtendedConfig.register + 4, width: 4, 0)
    try writeConfig(bridge, ExtendedConfig.register, width: 4, UInt32(ExtendedConfig.base | 1))
    return ExtendedConfig.base + UInt64(function.device << 15 | function.function << 12 | offset)
  }

  private static func isWhole(_ offset: Int, _ width: Int) -> Bool {
    [1, 2, 4].contains(width) && offset % width == 0
  }

  /// Writes the address; returns the port where its data are.
  private func aim(_ function: Function, _ offset: Int) throws -> UInt16 {
    guard (0..<256).contains(offset) else {
      throw DriverError.missing("configuration space at \(offset)")
    }
    let place = 1 << 31 | function.device << 11 | function.function << 8 | offset & 0xfc
    try writePort(ConfigPort.address, width: 4, UInt64(place))
    return ConfigPort.data + UInt16(offset & 3)
  }

  // MARK: Base address registers

  package func readBAR(_ index: Int, at offset: UInt64, width: Int) throws -> UInt64 {
    let base = try base(of: index), address = base.address &+ offset
    if base.isIO { return try readPorts(address, width: width) }
    if let suffix = Self.suffix(width) { return try number("read\(suffix) 0x\(hex(address))") }
    let answer = try explaining { try qtest.call("read 0x\(hex(address)) 0x\(hex(UInt64(width)))") }
    guard let value = UInt64(answer.dropFirst(2), radix: 16) else {
      throw DriverError.deviceFault("\(answer) as \(width) bytes")
    }
    // The bytes come in the order of their addresses.
    return value.byteSwapped >> UInt64(64 - 8 * width)
  }

  package func writeBAR(_ index: Int, at offset: UInt64, width: Int, _ value: UInt64) throws {
    let base = try base(of: index), address = base.address &+ offset
    if base.isIO { return try writePorts(address, width: width, value) }
    let kept = width >= 8 ? value : value & (1 << UInt64(8 * width) - 1)
    if let suffix = Self.suffix(width) { return try call("write\(suffix) 0x\(hex(address)) 0x\(hex(kept))") }
    let bytes = (0..<width).map { byte in
      let digits = hex(value >> UInt64(8 * byte) & 0xff)
      return digits.count == 1 ? "0" + digits : digits
    }
    try call("write 0x\(hex(address)) 0x\(hex(UInt64(width))) 0x\(bytes.joined())")
  }

  /// What qtest calls an access that it makes as one.
  private static func suffix(_ width: Int) -> String? { [1: "b", 2: "w", 4: "l", 8: "q"][width] }

  private func hex(_ value: UInt64) -> String { String(value, radix: 16) }

  /// The base address as it is programmed; kept until configuration space is written.
  private func base(of index: Int) throws -> Base {
    if let known = bases[index] { return known }
    guard (0..<6).contains(index) else { throw DriverError.missing("base address \(index)") }
    let offset = PCILayout.baseAddress0 + 4 * index
    let low = try readConfig(offset, width: 4)
    var base = Base(address: UInt64(low & ~15), isIO: low & 1 != 0)
    if base.isIO {
      base.address = UInt64(low & ~3)
    } else if low >> 1 & 3 == 2 {
      base.address |= UInt64(try readConfig(offset + 4, width: 4)) << 32
    }
    guard base.address != 0 else { throw DriverError.missing("an address in base address \(index)") }
    bases[index] = base
    return base
  }

  // MARK: Ports

  private func readPort(_ port: UInt16, width: Int) throws -> UInt64 {
    try number("in\(Self.suffix(width) ?? "l") 0x\(hex(UInt64(port)))")
  }

  private func writePort(_ port: UInt16, width: Int, _ value: UInt64) throws {
    let kept = value & (1 << UInt64(8 * width) - 1)
    try call("out\(Self.suffix(width) ?? "l") 0x\(hex(UInt64(port))) 0x\(hex(kept))")
  }

  /// A processor reads at most four bytes of ports at once; all other widths go byte by byte.
  private func readPorts(_ address: UInt64, width: Int) throws -> UInt64 {
    let piece = [1, 2, 4].contains(width) ? width : 1
    var value: UInt64 = 0
    for at in stride(from: 0, to: width, by: piece) {
      let port = UInt16(truncatingIfNeeded: address &+ UInt64(at))
      value |= try readPort(port, width: piece) << UInt64(8 * at)
    }
    return value
  }

  private func writePorts(_ address: UInt64, width: Int, _ value: UInt64) throws {
    let piece = [1, 2, 4].contains(width) ? width : 1
    for at in stride(from: 0, to: width, by: piece) {
      let port = UInt16(truncatingIfNeeded: address &+ UInt64(at))
      try writePort(port, width: piece, value >> UInt64(8 * at))
    }
  }
}
