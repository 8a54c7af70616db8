import Testing

@testable import MachineModel

/// Writes a little-endian number into bytes.
private func put(_ value: UInt64, width: Int, at offset: Int, in bytes: inout [UInt8]) {
  for index in 0..<width { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index))) }
}

/// The smallest bzImage: header, one sector of setup code, 16 bytes of kernel.
private func bzImage(_ changes: [(offset: Int, width: Int, value: UInt64)] = []) -> [UInt8] {
  var file = [UInt8](repeating: 0, count: 1024 + 16)
  let fields: [(Int, Int, UInt64)] = [
    (0x1f1, 1, 1), (0x1fe, 2, 0xaa55), (0x200, 1, 0xeb), (0x201, 1, 0x66), (0x202, 4, 0x5372_6448),
    (0x206, 2, 0x020f), (0x211, 1, 1), (0x22c, 4, 0x7fff_ffff), (0x238, 4, 2047), (0x258, 8, 0x100_0000),
    (0x260, 4, 0x20_0000),
  ]
  for (offset, width, value) in fields + changes.map({ ($0.offset, $0.width, $0.value) }) {
    put(value, width: width, at: offset, in: &file)
  }
  for index in 0..<16 { file[1024 + index] = UInt8(index + 1) }
  return file
}

@Suite struct LinuxImageTests {
  private let memory: MachineMemory

  init() throws { memory = try MachineMemory(mebibytes: 64) }

  private func word(_ address: UInt64) throws -> UInt32 {
    try #require(memory.read(at: address, count: 4)?.number(UInt32.self, at: 0))
  }

  @Test("a kernel, its initrd and its command line lie where the boot protocol lets a kernel find them")
  func good() throws {
    let start = try LinuxImage(bzImage()).load(
      into: memory, initrd: Array(repeating: 9, count: 5000), commandLine: "quiet")
    #expect(start.entry == 0x10_0000)
    let parameters = UInt64(start.esi)
    #expect(memory.read(at: 0x10_0000, count: 17) == Array(1...16) + [0])
    #expect(try word(parameters + 0x202) == 0x5372_6448)
    #expect(memory.read(at: parameters + 0x210, count: 1) == [0xff])
    #expect(memory.read(at: UInt64(try word(parameters + 0x228)), count: 6) == Array("quiet".utf8) + [0])
    let initrd = UInt64(try word(parameters + 0x218))
    #expect(initrd % 4096 == 0 && initrd + 5000 <= 64 << 20)
    #expect(try word(parameters + 0x21c) == 5000)
    #expect(memory.read(at: initrd, count: 5001) == Array(repeating: 9, count: 5000) + [0])
    #expect(memory.read(at: parameters + 0x1e8, count: 1) == [4])
    // The third row: usable memory from 1 MiB on.
    #expect(memory.read(at: parameters + 0x2d0 + 40, count: 4) == [0, 0, 0x10, 0])
    #expect(try word(parameters + 0x2d0 + 40 + 8) == 63 << 20)
    #expect(try word(parameters + 0x2d0 + 40 + 16) == 1)
  }

  @Test("four sectors of setup code are meant by none")
  func oldSetup() throws {
    var file = bzImage([(0x1f1, 1, 0)])
    file += [UInt8](repeating: 7, count: 3 * 512)
    _ = try LinuxImage(file).load(into: memory, initrd: [], commandLine: "")
    #expect(memory.read(at: 0x10_0000, count: 2) == [7, 7])
  }

  @Test(
    "a file that is no kernel, or lies about itself, is refused",
    arguments: [
      (0x1fe, 2, UInt64(0)), (0x202, 4, 0), (0x206, 2, 0x0209), (0x201, 1, 0x10), (0x1f1, 1, 200),
      (0x1f1, 1, 2), (0x211, 1, 0),
    ])
  func malformed(offset: Int, width: Int, value: UInt64) {
    #expect(throws: BootImageError.self) { try LinuxImage(bzImage([(offset, width, value)])) }
  }

  @Test("a file that ends too early is refused, wherever it does")
  func short() {
    let file = bzImage()
    for count in 0...1024 {
      #expect(throws: BootImageError.self) { try LinuxImage(Array(file[..<count])) }
    }
  }

  @Test(
    "a kernel that needs more memory than there is, is refused",
    arguments: [(0x258, 8, UInt64.max), (0x258, 8, 64 << 20), (0x260, 4, 0xffff_ffff)])
  func tooLarge(offset: Int, width: Int, value: UInt64) throws {
    let image = try LinuxImage(bzImage([(offset, width, value)]))
    #expect(throws: BootImageError.self) { try image.load(into: memory, initrd: [], commandLine: "") }
  }

  @Test("an initrd that would lie over the kernel, or beyond its own limit, is refused")
  func initrd() throws {
    let large = [UInt8](repeating: 0, count: 60 << 20)
    #expect(throws: BootImageError.doesNotFit("kernel and initrd")) {
      try LinuxImage(bzImage()).load(into: memory, initrd: large, commandLine: "")
    }
    #expect(throws: BootImageError.doesNotFit("the initrd")) {
      try LinuxImage(bzImage([(0x22c, 4, 4095)])).load(into: memory, initrd: large, commandLine: "")
    }
  }

  @Test("a command line that is too long for the kernel, or has an end inside, is refused")
  func commandLine() throws {
    let image = try LinuxImage(bzImage())
    _ = try image.load(into: memory, initrd: [], commandLine: String(repeating: "x", count: 2047))
    #expect(throws: BootImageError.self) {
      try image.load(into: memory, initrd: [], commandLine: String(repeating: "x", count: 2048))
    }
    #expect(throws: BootImageError.malformed("command line")) {
      try image.load(into: memory, initrd: [], commandLine: "a\0b")
    }
  }
}

/// A multiboot kernel of one segment: ELF header, a program header, 12 bytes of multiboot header, 4 of code.
private func multibootKernel(_ changes: [(offset: Int, width: Int, value: UInt64)] = []) -> [UInt8] {
  var file = [UInt8](repeating: 0, count: 100)
  let fields: [(Int, Int, UInt64)] = [
    (0, 4, 0x464c_457f), (4, 1, 1), (5, 1, 1), (18, 2, 3), (24, 4, 0x10_000c), (28, 4, 52), (42, 2, 32),
    (44, 2, 1),
    // The program header: PT_LOAD, offset, virtual and physical address, sizes in the file and in memory.
    (52, 4, 1), (56, 4, 84), (60, 4, 0x10_0000), (64, 4, 0x10_0000), (68, 4, 16), (72, 4, 4096),
    (84, 4, 0x1bad_b002), (88, 4, 2), (92, 4, 0xe452_4ffc), (96, 4, 0xfeeb_fa90),
  ]
  for (offset, width, value) in fields + changes.map({ ($0.offset, $0.width, $0.value) }) {
    put(value, width: width, at: offset, in: &file)
  }
  return file
}

@Suite struct MultibootImageTests {
  private let memory: MachineMemory

  init() throws { memory = try MachineMemory(mebibytes: 16) }

  @Test("a kernel lies at its addresses and is told of memory and command line")
  func good() throws {
    let start = try MultibootImage(multibootKernel()).load(into: memory, commandLine: "path=modern")
    #expect(start.entry == 0x10_000c && start.eax == 0x2bad_b002)
    #expect(memory.read(at: 0x10_000c, count: 5) == [0x90, 0xfa, 0xeb, 0xfe, 0])
    let information = try #require(memory.read(at: UInt64(start.ebx), count: 20))
    #expect(information.number(UInt32.self, at: 0) == 5)
    #expect(information.number(UInt32.self, at: 4) == 639)
    #expect(information.number(UInt32.self, at: 8) == 15360)
    let line = UInt64(try #require(information.number(UInt32.self, at: 16)))
    #expect(memory.read(at: line, count: 12) == Array("path=modern".utf8) + [0])
  }

  @Test(
    "a file that is no multiboot kernel, or lies about itself, is refused",
    arguments: [
      (84, 4, UInt64(0)), (92, 4, 1), (0, 1, 0), (4, 1, 2), (18, 2, 62), (42, 2, 16), (44, 2, 0), (44, 2, 2),
      (28, 4, 0xffff_fff0), (52, 4, 2), (56, 4, 0xffff_ffff), (56, 4, 90), (68, 4, 0xffff_ffff), (72, 4, 15),
    ])
  func malformed(offset: Int, width: Int, value: UInt64) {
    #expect(throws: BootImageError.self) { try MultibootImage(multibootKernel([(offset, width, value)])) }
  }

  @Test("one that wants a video mode of its loader is refused")
  func demands() {
    let file = multibootKernel([(88, 4, 4), (92, 4, 0xe452_4ffa)])
    #expect(throws: BootImageError.unsupported("asks its loader for a video mode")) {
      try MultibootImage(file)
    }
  }

  @Test("a file that ends too early is refused, wherever it does")
  func short() {
    let file = multibootKernel()
    for count in 0..<file.count {
      #expect(throws: BootImageError.self) { try MultibootImage(Array(file[..<count])) }
    }
  }

  @Test(
    "a segment below 1 MiB or beyond the memory is refused",
    arguments: [(64, 4, UInt64(0xf_ffff)), (64, 4, 0xff_f001), (72, 4, 0xffff_ffff), (64, 4, 0xffff_ffff)])
  func elsewhere(offset: Int, width: Int, value: UInt64) throws {
    let image = try MultibootImage(multibootKernel([(offset, width, value)]))
    #expect(throws: BootImageError.doesNotFit("the kernel")) { try image.load(into: memory, commandLine: "") }
  }

  @Test("each refusal has words of its own")
  func words() {
    let errors: [BootImageError] = [
      .notRecognised("a"), .malformed("a"), .unsupported("a"), .doesNotFit("a"),
    ]
    #expect(Set(errors.map(\.description)).count == errors.count)
  }
}

@Suite struct ProcessorTableTests {
  @Test(
    "the table adds up, for one processor and for the most", arguments: [1, ProcessorTable.mostProcessors])
  func checksums(processors: Int) throws {
    let table = ProcessorTable(processorCount: processors, pciLines: [1: 10, 2: 11, 3: 5, 4: 9]).bytes
    #expect(table.count <= 1024)
    #expect(Array(table[..<4]) == Array("_MP_".utf8))
    #expect(table[..<16].reduce(0, &+) == 0)
    #expect(table.number(UInt32.self, at: 4) == UInt32(AddressMap.processorTable) + 16)
    let body = Array(table[16...])
    #expect(Array(body[..<4]) == Array("PCMP".utf8))
    #expect(body.number(UInt16.self, at: 4) == UInt16(body.count))
    #expect(body.reduce(0, &+) == 0)
    // Walked as a system does it: 20 bytes for a processor, 8 for anything else.
    var at = 44, kinds: [UInt8: Int] = [:]
    while at < body.count {
      kinds[body[at], default: 0] += 1
      at += body[at] == 0 ? 20 : 8
    }
    #expect(at == body.count)
    #expect(kinds == [0: processors, 1: 2, 2: 1, 3: 4 + 15 - 4, 4: 2])
    #expect(body.number(UInt16.self, at: 34) == UInt16(kinds.values.reduce(0, +)))
  }

  @Test("each device's pin goes to its line of the I/O APIC")
  func pins() {
    let table = ProcessorTable(processorCount: 2, pciLines: [3: 5]).bytes
    let entry: [UInt8] = [3, 0, 0, 0, 0, 3 << 2, 2, 5]
    #expect(table.indices.contains { $0 + 8 <= table.count && Array(table[$0..<$0 + 8]) == entry })
  }
}
