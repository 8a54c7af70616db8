/// A multiboot 1 kernel in an ELF file of 32 bits.
public struct MultibootImage: Sendable {
  private let file: [UInt8]
  private let entry: UInt32
  private let segments: [Segment]

  private struct Segment {
    let bytes: Range<Int>
    let address: UInt64
    let memorySize: UInt64
  }

  /// `MULTIBOOT_HEADER_MAGIC`, and what the loader says of itself in eax (`MULTIBOOT_BOOTLOADER_MAGIC`).
  private static let headerMagic: UInt32 = 0x1bad_b002
  private static let loaderMagic: UInt32 = 0x2bad_b002
  /// Demands that a loader may not pass over (bits 0 to 15), less those for pages and for memory information.
  private static let unknownDemands: UInt32 = 0xfffc

  /// Looks at a file's headers.
  public init(_ file: [UInt8]) throws(BootImageError) {
    // In the first 8192 bytes, at a multiple of 4 (multiboot 0.6.96 §3.1).
    let place = stride(from: 0, to: min(file.count, 8192) - 11, by: 4).first { offset in
      let words = (0..<3).compactMap { file.number(UInt32.self, at: offset + 4 * $0) }
      return words.count == 3 && words[0] == Self.headerMagic && words.reduce(0, &+) == 0
    }
    guard let place, let flags = file.number(UInt32.self, at: place + 4) else {
      throw .notRecognised("multiboot kernel")
    }
    guard flags & Self.unknownDemands == 0 else { throw .unsupported("asks its loader for a video mode") }
    // ELF, 32 bits, little-endian; for the 386.
    guard file.starts(with: [0x7f, 0x45, 0x4c, 0x46, 1, 1]), file.number(UInt16.self, at: 18) == 3,
      let entry = file.number(UInt32.self, at: 24), let table = file.number(UInt32.self, at: 28),
      let rowSize = file.number(UInt16.self, at: 42), let rowCount = file.number(UInt16.self, at: 44)
    else { throw .notRecognised("ELF file of 32 bits for x86") }
    guard rowSize >= 32 else { throw .malformed("program header's size") }
    var segments: [Segment] = []
    for row in 0..<Int(rowCount) {
      if let segment = try Self.segment(of: file, at: Int(table) + row * Int(rowSize)) {
        segments.append(segment)
      }
    }
    guard !segments.isEmpty else { throw .malformed("program header table, which loads nothing,") }
    self.file = file
    self.entry = entry
    self.segments = segments
  }

  /// A row of the program header table; nil for one that loads nothing.
  private static func segment(of file: [UInt8], at row: Int) throws(BootImageError) -> Segment? {
    let words = (0..<6).compactMap { file.number(UInt32.self, at: row + 4 * $0) }
    guard words.count == 6 else { throw .malformed("program header table") }
    guard words[0] == 1 else { return nil }  // PT_LOAD
    let start = Int(words[1]), count = Int(words[4])
    guard start <= file.count, count <= file.count - start, words[5] >= words[4] else {
      throw .malformed("program header")
    }
    return Segment(
      bytes: start..<start + count, address: UInt64(words[3]), memorySize: UInt64(words[5]))
  }

  /// Puts the kernel and its command line into memory, which holds zeros, and says how it starts.
  public func load(into memory: MachineMemory, commandLine: String) throws(BootImageError) -> ProcessorStart {
    let place = Placement(memory: memory)
    for segment in segments {
      // What a loader leaves for the kernel lies below.
      guard segment.address >= AddressMap.kernel,
        segment.address + segment.memorySize <= memory.low.upperBound
      else { throw .doesNotFit("the kernel") }
      try place.put(file[segment.bytes], at: segment.address, "the kernel")
    }
    var information = FieldBytes(count: 120)
    information.put(1 | 4 as UInt32, at: 0)  // memory sizes, command line
    information.put(UInt32(AddressMap.processorTable >> 10), at: 4)
    information.put(UInt32(truncatingIfNeeded: (memory.low.upperBound - AddressMap.kernel) >> 10), at: 8)
    information.put(UInt32(AddressMap.commandLine), at: 16)
    try place.put(information.bytes, at: AddressMap.bootInformation, "the boot information")
    try place.putCommandLine(commandLine, limit: AddressMap.commandLineLimit)
    try place.put(ProcessorStart.descriptorTable, at: AddressMap.descriptorTable, "the descriptor table")
    var start = ProcessorStart(entry: entry)
    start.eax = Self.loaderMagic
    start.ebx = UInt32(AddressMap.bootInformation)
    return start
  }
}
