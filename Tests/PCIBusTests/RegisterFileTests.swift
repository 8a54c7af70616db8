import Testing

@testable import PCIBus

@Suite struct RegisterFileTests {
  struct Owner {
    var byte: UInt8 = 0x11
    var word: UInt16 = 0x2233
    var long: UInt32 = 0x4455_6677
    var quad: UInt64 = 0x8899_aabb_ccdd_eeff
    var writes: [UInt64] = []
    var observed: UInt16 {
      get { 0 }
      set { writes.append(UInt64(newValue)) }
    }
    static let registers = RegisterFile<Self>(
      size: 32,
      [
        .readWrite("byte", at: 0, \.byte), .readWrite("word", at: 2, \.word),
        .readOnly("long", at: 4, \.long),
        .readWrite("quad", at: 8, \.quad), .readWrite("observed", at: 16, \.observed),
      ])
  }

  static func read(_ owner: Owner, _ offset: Int, _ width: Int) -> [UInt8] {
    var out = [UInt8](repeating: 0xee, count: width)
    var span = out.mutableSpan
    var bytes = unsafe span.mutableBytes
    Owner.registers.read(owner, at: offset, into: &bytes)
    return out
  }

  static func write(_ owner: inout Owner, _ offset: Int, _ bytes: [UInt8]) {
    unsafe Owner.registers.write(&owner, at: offset, bytes.span.bytes)
  }

  @Test(
    "registers are little-endian, and any width reads what stands there",
    arguments: [
      (0, [0x11]), (2, [0x33, 0x22]), (3, [0x22]), (4, [0x77, 0x66, 0x55, 0x44]), (0, [0x11, 0, 0x33, 0x22]),
      (8, [0xff, 0xee, 0xdd, 0xcc]), (12, [0xbb, 0xaa, 0x99, 0x88]), (11, [0xcc, 0xbb]), (30, [0, 0, 0, 0]),
      (1, [0]), (100, [0, 0]),
    ] as [(Int, [UInt8])])
  func reads(offset: Int, expected: [UInt8]) {
    #expect(Self.read(Owner(), offset, expected.count) == expected)
  }

  @Test("a 64-bit register takes two halves, in either order, and single bytes")
  func halves() {
    var owner = Owner()
    Self.write(&owner, 12, [1, 2, 3, 4])
    Self.write(&owner, 8, [5, 6, 7, 8])
    #expect(owner.quad == 0x0403_0201_0807_0605)
    Self.write(&owner, 10, [0xff])
    #expect(owner.quad == 0x0403_0201_08ff_0605)
  }

  @Test("writes to read-only registers and to nothing change nothing")
  func ignored() {
    var owner = Owner()
    Self.write(&owner, 4, [0, 0, 0, 0])
    Self.write(&owner, 1, [9])
    Self.write(&owner, 31, [9, 9, 9])
    Self.write(&owner, 1000, [9])
    #expect(owner.long == 0x4455_6677 && owner.byte == 0x11 && owner.word == 0x2233 && owner.writes.isEmpty)
  }

  @Test("an access that covers several registers reaches each of them once")
  func several() {
    var owner = Owner()
    Self.write(&owner, 0, [1, 2, 3, 4])
    #expect(owner.byte == 1 && owner.word == 0x0403)
    Self.write(&owner, 16, [7, 0, 0, 0])
    #expect(owner.writes == [7])
  }

  @Test("a number fills eight bytes at most, and what is behind them is 0", arguments: [0, 1, 8, 12])
  func littleEndian(count: Int) {
    var bytes = [UInt8](repeating: 0xee, count: count)
    var span = bytes.mutableSpan
    var raw = unsafe span.mutableBytes  // any byte is a UInt8
    raw.setLittleEndian(0x0807_0605_0403_0201)
    #expect(bytes == (1...12).prefix(count).map { $0 <= 8 ? UInt8($0) : 0 })
  }
}
