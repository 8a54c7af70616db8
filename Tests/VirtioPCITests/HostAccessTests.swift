import GuestRAM
import PCIBus
import Testing
import VirtioCore
import VirtioPCI

/// The accesses that a VMM makes, a register at a time, and where it finds BARs.
@Suite struct HostAccessTests {
  private func make(_ transport: VirtioPCIOptions.Transport) throws -> VirtioPCIFunction {
    var options = VirtioPCIOptions()
    options.transport = transport
    return try VirtioPCIFunction(
      IdleDevice(), classCode: 0x00ff00, memory: GuestMemory(), scheduling: .inline, options: options)
  }

  @Test("registers are little-endian, and an access is as wide as it says", arguments: 1...8)
  func widths(_ width: Int) throws {
    let function = try make(.modern)
    let mask = width == 8 ? UInt64.max : 1 << UInt64(8 * width) - 1
    function.write(.bar(4), at: 0x20, width: 8, 0x8877_6655_4433_2211)  // queue_desc, 16-byte aligned or not
    #expect(function.read(.bar(4), at: 0x20, width: 8) & 0xff == 0x11)
    function.write(.configuration, at: 0x20, width: 8, .max)
    #expect(function.read(.configuration, at: 0x20, width: width) == 0xffff_ffff_ffff_800c & mask)
    function.write(.configuration, at: 0x20, width: 8, 0)
    function.write(.configuration, at: 0x20, width: width, .max)
    #expect(function.read(.configuration, at: 0x20, width: 8) == 0xffff_ffff_ffff_8000 & mask | 0xc)
  }

  @Test("a BAR that no function has reads as 0 and swallows writes", arguments: [-1, 6, Int.max])
  func noSuchBAR(_ index: Int) throws {
    let function = try make(.modern)
    function.write(.configuration, at: 0x04, width: 2, 6)
    function.write(.bar(index), at: 0x14, width: 1, 0xff)
    #expect(function.read(.bar(index), at: 0x14, width: 8) == 0)
    #expect(function.read(.bar(4), at: 0x14, width: 1) == 0)
  }

  @Test("a BAR is where the guest has put it, while the command register has its kind turned on")
  func places() throws {
    let function = try make(.transitional)
    function.write(.configuration, at: 0x10, width: 4, 0xc001)
    function.write(.configuration, at: 0x14, width: 4, 0xfe00_1000)
    function.write(.configuration, at: 0x20, width: 8, 0x1234_c000_0000)
    func places() -> [UInt64?] { (-1...6).map { function.address(ofBAR: $0) } }
    #expect(places() == [UInt64?](repeating: nil, count: 8))
    function.write(.configuration, at: 0x04, width: 2, 2)
    #expect(places() == [nil, nil, 0xfe00_1000, nil, nil, 0x1234_c000_0000, nil, nil])
    function.write(.configuration, at: 0x04, width: 2, 1)
    #expect(places() == [nil, 0xc000, nil, nil, nil, nil, nil, nil])
    function.reset()
    #expect(places() == [UInt64?](repeating: nil, count: 8))
  }
}
