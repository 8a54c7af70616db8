import Testing

@testable import PCIBus

@Suite struct ConfigSpaceTests {
  static let identity = ConfigSpace.Identity(
    vendor: 0x1af4, device: 0x1050, subsystemVendor: 0x1af4, subsystem: 0x1100, revision: 1,
    classCode: 0x038000)
  static let bars: [BAR] = [
    BAR(.io, size: 64), BAR(.memory32, size: 4096), BAR(.memory64, size: 1 << 33, isPrefetchable: true),
    .absent,
    .absent, .absent,
  ]

  static func space(_ capabilities: [Capability] = []) -> ConfigSpace {
    ConfigSpace(identity, bars: bars, hasINTx: true, capabilities: capabilities)
  }

  static func write(_ space: inout ConfigSpace, _ offset: Int, _ value: UInt32, _ width: Int) {
    unsafe space.write(at: offset, MSIXTests.le(UInt64(value), width).span.bytes)
  }

  @Test("the header says who the function is, and a driver cannot change it")
  func header() {
    var space = Self.space()
    for offset in stride(from: 0, to: 256, by: 4) where offset != 4 && !(0x10...0x24).contains(offset) {
      Self.write(&space, offset, 0xffff_ffff, 4)
    }
    #expect(space.value(at: 0x00, width: 4) == 0x1050_1af4)
    #expect(space.value(at: 0x08, width: 4) == 0x0380_0001)
    #expect(space.value(at: 0x2c, width: 4) == 0x1100_1af4)
    #expect(space.value(at: 0x3c, width: 2) == 0x01ff)
    #expect(space.value(at: 0x34, width: 1) == 0)
  }

  @Test("a read across the end gets zeros behind it")
  func beyondTheEnd() {
    var bytes = [UInt8](repeating: 0xee, count: 300)
    var span = bytes.mutableSpan
    var raw = unsafe span.mutableBytes  // any byte is a UInt8
    let space = Self.space()
    space.read(at: 0, into: &raw)
    #expect(bytes[..<4] == [0xf4, 0x1a, 0x50, 0x10] && bytes[256...].allSatisfy { $0 == 0 })
  }

  @Test("a function without an interrupt pin says so")
  func noPin() {
    let space = ConfigSpace(Self.identity, bars: Self.bars, hasINTx: false, capabilities: [])
    #expect(space.value(at: 0x3d, width: 1) == 0)
  }

  @Test("all ones in a base address register read back as its size and kind")
  func sizing() {
    var space = Self.space()
    for offset in stride(from: 0x10, to: 0x28, by: 4) { Self.write(&space, offset, 0xffff_ffff, 4) }
    #expect(space.value(at: 0x10, width: 4) == 0xffff_ffc1)
    #expect(space.value(at: 0x14, width: 4) == 0xffff_f000)
    #expect(space.value(at: 0x18, width: 4) == 0x0000_000c)
    #expect(space.value(at: 0x1c, width: 4) == 0xffff_fffe)
    #expect(space.value(at: 0x20, width: 4) == 0)
    space.reset()
    #expect(space.value(at: 0x18, width: 4) == 0xc)
  }

  @Test("capabilities form a list that a walk finds, and only their writable bits change")
  func capabilities() {
    var first = Capability(id: 9)
    first.append(0x12, width: 1)
    var second = Capability(id: 0x11)
    second.append(0x0002, width: 2, writable: 0xc000)
    var space = Self.space([first, second])
    #expect(space.value(at: 0x06, width: 2) & 0x10 != 0)
    let a = Int(space.value(at: 0x34, width: 1))
    let b = Int(space.value(at: a + 1, width: 1))
    #expect(space.value(at: a, width: 1) == 9 && space.value(at: b, width: 1) == 0x11)
    #expect(space.value(at: b + 1, width: 1) == 0)
    #expect(ConfigSpace.offset(of: 0, in: [first, second]) == a)
    #expect(ConfigSpace.offset(of: 1, in: [first, second]) == b)
    Self.write(&space, b + 2, 0xffff, 2)
    #expect(space.value(at: b + 2, width: 2) == 0xc002)
  }

  @Test("the command register keeps the bits that the function knows")
  func command() {
    var space = Self.space()
    Self.write(&space, 4, 0xffff_ffff, 4)
    #expect(space.value(at: 4, width: 2) == 0x0407)
  }
}
