import Testing

@testable import MachineModel

@Suite struct AddressMapTests {
  private static let mib: UInt64 = 1 << 20

  @Test("memory goes on at 4 GiB when it does not fit below the registers")
  func memory() {
    #expect(AddressMap.memory(count: 64 * Self.mib) == [0..<64 * Self.mib])
    #expect(AddressMap.memory(count: 0xb000_0000) == [0..<0xb000_0000])
    #expect(
      AddressMap.memory(count: 0xb000_0000 + 4096) == [0..<0xb000_0000, 0x1_0000_0000..<0x1_0000_1000])
  }

  @Test("the list of addresses is in order, free of overlaps, and names all memory but what PCs keep back")
  func entries() {
    for count in [16 * Self.mib, 0xb000_0000, 8192 * Self.mib] {
      let entries = AddressMap.entries(memory: count)
      for (before, after) in zip(entries, entries.dropFirst()) {
        #expect(before.range.upperBound <= after.range.lowerBound)
      }
      let usable = entries.filter(\.isUsable).reduce(0) { $0 + UInt64($1.range.count) }
      #expect(usable == count - (0x10_0000 - 0x9_fc00))
      #expect(
        entries.contains { !$0.isUsable && $0.range.contains(AddressMap.configuration) },
        "a kernel trusts the configuration window only where the list keeps it back")
    }
  }

  @Test("nothing that this machine puts below a kernel lies over something else")
  func places() {
    let places: [(UInt64, Int)] = [
      (AddressMap.descriptorTable, ProcessorStart.descriptorTable.count), (AddressMap.bootInformation, 4096),
      (AddressMap.commandLine, AddressMap.commandLineLimit), (AddressMap.processorTable, 1024),
      (AddressMap.kernel, 0),
    ]
    for (before, after) in zip(places, places.dropFirst()) {
      #expect(before.0 + UInt64(before.1) <= after.0)
    }
  }
}

@Suite struct MachineMemoryTests {
  @Test("what is written is read, and nothing beyond an end is touched")
  func bounds() throws {
    let memory = try MachineMemory(mebibytes: 16)
    #expect(memory.write([1, 2, 3], at: 0xfffffd))
    #expect(memory.read(at: 0xfffffc, count: 4) == [0, 1, 2, 3])
    #expect(!memory.write([1, 2, 3, 4], at: 0xfffffd))
    #expect(!memory.write([1], at: 1 << 24))
    #expect(!memory.write([1], at: .max))
    #expect(!memory.write([1, 2], at: .max))
    #expect(memory.read(at: 0xfffffd, count: 4) == nil)
    #expect(memory.read(at: .max, count: 2) == nil)
  }

  @Test("devices see the same memory at the same addresses")
  func share() throws {
    let memory = try MachineMemory(mebibytes: 2817)
    let shared = try memory.share()
    #expect(shared.ranges.map { $0.start.value } == [0, 0x1_0000_0000])
    #expect(shared.ranges.map(\.count) == [0xb000_0000, 1 << 20])
    #expect(memory.write([7], at: 0x1_0000_0000))
    #expect(memory.read(at: 0x1_0000_0000, count: 1) == [7])
    #expect(!memory.write([7], at: 0xb000_0000))
  }
}
