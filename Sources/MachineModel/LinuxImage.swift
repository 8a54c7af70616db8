/// A Linux kernel for PCs, as `make bzImage` makes it (Linux, Documentation/arch/x86/boot.rst).
public struct LinuxImage: Sendable {
  private let file: [UInt8]
  /// The setup header, from `setup_sects` to its end.
  private let header: Range<Int>
  /// What is started, in the file.
  private let kernel: Range<Int>

  /// Fields of the setup header, by their offsets in the file and in the boot parameters.
  enum Field {
    static let setupSectors = 0x1f1
    static let bootFlag = 0x1fe
    /// Its operand says where the header ends.
    static let jump = 0x201
    static let signature = 0x202
    static let version = 0x206
    static let loaderType = 0x210
    static let loadFlags = 0x211
    static let initrdAddress = 0x218
    static let initrdSize = 0x21c
    static let heapEnd = 0x224
    static let commandLine = 0x228
    static let initrdLimit = 0x22c
    static let commandLineSize = 0x238
    static let preferredAddress = 0x258
    static let initSize = 0x260
  }
  /// Fields of the boot parameters beside the header.
  private enum Parameter {
    static let entryCount = 0x1e8
    static let entries = 0x2d0
    static let size = 4096
  }
  /// `HdrS`
  private static let signature: UInt32 = 0x5372_6448
  /// The first version that says how long a command line may be and how much memory the kernel needs to unpack itself.
  private static let oldestVersion: UInt16 = 0x020a

  /// Looks at a file's header.
  public init(_ file: [UInt8]) throws(BootImageError) {
    guard file.number(UInt16.self, at: Field.bootFlag) == 0xaa55,
      file.number(UInt32.self, at: Field.signature) == Self.signature
    else { throw .notRecognised("bzImage: make one, or take the distribution's vmlinuz") }
    guard let version = file.number(UInt16.self, at: Field.version), version >= Self.oldestVersion else {
      throw .unsupported("is older than version 2.10 of the boot protocol")
    }
    header = Field.setupSectors..<Field.signature + Int(file[Field.jump])
    guard header.upperBound > Field.initSize + 3 else { throw .malformed("setup header's length") }
    // 0 means 4, for the oldest kernels' sake; the first sector comes on top.
    let sectors = file[Field.setupSectors] == 0 ? 4 : Int(file[Field.setupSectors])
    let start = (sectors + 1) * 512
    // Behind the header, which ends in the second sector at the latest.
    guard start < file.count else { throw .malformed("setup_sects") }
    guard file[Field.loadFlags] & 1 != 0 else { throw .unsupported("is a zImage, which is loaded low") }
    kernel = start..<file.count
    self.file = file
  }

  /// Puts the kernel, its command line and its first file system into memory, and says how it starts.
  ///
  /// It is entered at its 32-bit entry point, which any kernel has that is loaded high.
  ///
  /// - Parameter initrd: may be empty.
  public func load(
    into memory: MachineMemory, initrd: [UInt8], commandLine: String
  ) throws(BootImageError) -> ProcessorStart {
    let place = Placement(memory: memory)
    var parameters = FieldBytes(count: Parameter.size)
    parameters.put(file[header], at: header.lowerBound)
    let entries = AddressMap.entries(memory: memory.blocks.reduce(0) { $0 + UInt64($1.range.count) })
    parameters.put(UInt8(entries.count), at: Parameter.entryCount)
    for (index, entry) in entries.enumerated() {
      let at = Parameter.entries + 20 * index
      parameters.put(entry.range.lowerBound, at: at)
      parameters.put(UInt64(entry.range.count), at: at + 8)
      parameters.put(UInt32(entry.isUsable ? 1 : 2), at: at + 16)
    }
    parameters.put(0xff as UInt8, at: Field.loaderType)  // one that has no number
    parameters.put(UInt32(AddressMap.commandLine), at: Field.commandLine)

    let used = try end(in: memory)
    if !initrd.isEmpty {
      let limit = min(memory.low.upperBound, UInt64(number(Field.initrdLimit) as UInt32) + 1)
      guard UInt64(initrd.count) <= limit else { throw .doesNotFit("the initrd") }
      let address = (limit - UInt64(initrd.count)) & ~4095
      guard address >= used else { throw .doesNotFit("kernel and initrd") }
      try place.put(initrd, at: address, "the initrd")
      parameters.put(UInt32(truncatingIfNeeded: address), at: Field.initrdAddress)  // below 4 GiB
      parameters.put(UInt32(truncatingIfNeeded: initrd.count), at: Field.initrdSize)
    }
    try place.put(file[kernel], at: AddressMap.kernel, "the kernel")
    try place.putCommandLine(commandLine, limit: Int(number(Field.commandLineSize) as UInt32) + 1)
    try place.put(parameters.bytes, at: AddressMap.bootInformation, "the boot parameters")
    try place.put(ProcessorStart.descriptorTable, at: AddressMap.descriptorTable, "the descriptor table")
    var start = ProcessorStart(entry: UInt32(AddressMap.kernel))
    start.esi = UInt32(AddressMap.bootInformation)
    return start
  }

  /// The end of what the kernel takes before it looks at the list of memory: itself, and the place where it unpacks itself.
  private func end(in memory: MachineMemory) throws(BootImageError) -> UInt64 {
    let loaded = AddressMap.kernel + UInt64(kernel.count)
    let preferred = number(Field.preferredAddress) as UInt64
    let (unpacked, wraps) = max(preferred, AddressMap.kernel).addingReportingOverflow(
      UInt64(number(Field.initSize) as UInt32))
    guard !wraps else { throw .malformed("pref_address") }
    let end = max(loaded, unpacked)
    guard end <= memory.low.upperBound else { throw .doesNotFit("the kernel") }
    return end
  }

  /// A field of the header, which was found to lie inside the file.
  private func number<Number: FixedWidthInteger>(_ offset: Int) -> Number {
    file.number(Number.self, at: offset) ?? 0
  }
}
