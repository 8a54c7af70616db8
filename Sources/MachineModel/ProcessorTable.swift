/// Tells a system without ACPI of its processors and of where interrupts go (Intel MultiProcessor Specification 1.4 §4).
public struct ProcessorTable: Sendable {
  /// Local APICs count from 0; the first processor starts the machine.
  public let processorCount: Int
  /// The interrupt line of each device on PCI bus 0 that has a pin INTA, by device number.
  public let pciLines: [Int: Int]

  /// The most processors for which the table fits its KiB.
  public static let mostProcessors = 16
  private static let pciBus: UInt8 = 0
  private static let isaBus: UInt8 = 1

  /// A table for these; lines are those of both PICs, 0 to 15.
  public init(processorCount: Int, pciLines: [Int: Int]) {
    precondition((1...Self.mostProcessors).contains(processorCount) && pciLines.count <= 32)
    self.processorCount = processorCount
    self.pciLines = pciLines
  }

  /// The floating pointer and the table behind it, for `AddressMap.processorTable`.
  public var bytes: [UInt8] {
    var entries = processors + buses
    // The I/O APIC has the first number behind those of the processors.
    var controller = FieldBytes(count: 8)
    controller.put([2, UInt8(processorCount), 0x11, 1], at: 0)
    controller.put(UInt32(AddressMap.ioAPIC), at: 4)
    entries.append(controller.bytes)
    entries += interrupts
    return pointer + Self.header(of: entries) + entries.joined()
  }

  private var pointer: [UInt8] {
    var pointer = FieldBytes(count: 16)
    pointer.put("_MP_".utf8, at: 0)
    pointer.put(UInt32(AddressMap.processorTable) + 16, at: 4)
    pointer.put([1, 4], at: 8)  // sixteen bytes; version 1.4
    pointer.checksum(0..<16, at: 10)
    return pointer.bytes
  }

  private static func header(of entries: [[UInt8]]) -> [UInt8] {
    let count = 44 + entries.reduce(0) { $0 + $1.count }
    var header = FieldBytes(count: count)
    header.put("PCMP".utf8, at: 0)
    header.put(UInt16(count), at: 4)
    header.put(4 as UInt8, at: 6)
    header.put("SCANOUT VMM         ".utf8, at: 8)
    header.put(UInt16(entries.count), at: 34)
    header.put(UInt32(AddressMap.localAPIC), at: 36)
    header.put(entries.joined(), at: 44)
    header.checksum(0..<count, at: 7)
    return Array(header.bytes[..<44])
  }

  private var processors: [[UInt8]] {
    (0..<processorCount).map { number in
      var entry = FieldBytes(count: 20)
      entry.put([0, UInt8(number), 0x14, number == 0 ? 3 : 1], at: 0)  // enabled; the first one starts
      entry.put(0x600 as UInt32, at: 4)
      entry.put(0x201 as UInt32, at: 8)  // FPU, APIC
      return entry.bytes
    }
  }

  private var buses: [[UInt8]] {
    [[1, Self.pciBus] + "PCI   ".utf8, [1, Self.isaBus] + "ISA   ".utf8]
  }

  private var interrupts: [[UInt8]] {
    let target = UInt8(processorCount)
    let pci = pciLines.sorted { $0.key < $1.key }.map { device, line -> [UInt8] in
      [3, 0, 0, 0, Self.pciBus, UInt8(device << 2), target, UInt8(line)]
    }
    // The others are as on any PC; line 2 is where the second PIC hangs.
    let isa = (0..<16).filter { $0 != 2 && !pciLines.values.contains($0) }.map { line -> [UInt8] in
      [3, 0, 0, 0, Self.isaBus, UInt8(line), target, UInt8(line)]
    }
    // Of the local APICs: the PICs' interrupt at the first, NMI at all.
    return pci + isa + [[4, 3, 0, 0, Self.isaBus, 0, 0, 0], [4, 1, 0, 0, Self.isaBus, 0, 0xff, 1]]
  }
}
