/// Where everything of the machine lies in the guest's physical addresses.
///
/// Memory fills the addresses from 0, leaves out what registers take below 4 GiB, and goes on there.
public enum AddressMap {
  /// A descriptor table for the first processor, and what its loader hands over: below all that a kernel claims.
  public static let descriptorTable: UInt64 = 0x1000
  /// What a kernel is told when it starts: one page.
  public static let bootInformation: UInt64 = 0x7000
  /// The command line.
  public static let commandLine: UInt64 = 0x2_0000
  /// The most bytes that it may have, with its end.
  public static let commandLineLimit = 0x1_0000
  /// The multiprocessor table, in the last KiB of the first 640: one of the places where systems look for it.
  public static let processorTable: UInt64 = 0x9_fc00
  /// Where PCs' video memory begins. It is memory here, but no system expects that.
  static let legacyHole: UInt64 = 0xa_0000
  /// Where kernels are put.
  public static let kernel: UInt64 = 0x10_0000
  /// The end of the memory below 4 GiB, however much there is.
  public static let lowMemoryEnd: UInt64 = 0xb000_0000
  /// Configuration space of PCI bus 0, in memory.
  public static let configuration: UInt64 = 0xb000_0000
  static let configurationSize: UInt64 = 1 << 20
  /// Where base address registers are placed to begin with; a guest may move them.
  public static let deviceMemory: ClosedRange<UInt64> = 0xc000_0000...0xfebf_ffff
  /// The same for ports.
  public static let devicePorts: ClosedRange<UInt64> = 0xc000...0xffff
  /// KVM's I/O APIC.
  static let ioAPIC: UInt64 = 0xfec0_0000
  /// KVM's local APICs.
  static let localAPIC: UInt64 = 0xfee0_0000
  /// A page that KVM itself needs on Intel's processors.
  public static let identityMap: UInt64 = 0xfffb_c000
  /// Three more.
  public static let taskState: UInt64 = 0xfffb_d000
  /// The rest of the memory.
  public static let highMemory: UInt64 = 1 << 32

  /// Where the memory of a machine lies, by address.
  ///
  /// - Parameter count: bytes, a multiple of 4096.
  public static func memory(count: UInt64) -> [Range<UInt64>] {
    guard count > lowMemoryEnd else { return [0..<count] }
    return [0..<lowMemoryEnd, highMemory..<highMemory + (count - lowMemoryEnd)]
  }

  /// A row of the list that PCs' firmware gives a kernel.
  public struct Entry: Equatable, Sendable {
    /// The addresses.
    public let range: Range<UInt64>
    /// Whether the kernel may take it as memory; else it keeps away.
    public let isUsable: Bool
  }

  /// That list (ACPI 6.5 §15.1), by address.
  public static func entries(memory count: UInt64) -> [Entry] {
    let memory = memory(count: count)
    var entries = [
      Entry(range: 0..<processorTable, isUsable: true),
      Entry(range: processorTable..<legacyHole, isUsable: false),
    ]
    for part in memory {
      entries.append(Entry(range: max(part.lowerBound, kernel)..<part.upperBound, isUsable: true))
    }
    let registers = Entry(range: configuration..<configuration + configurationSize, isUsable: false)
    entries.insert(registers, at: 3)
    return entries
  }
}
