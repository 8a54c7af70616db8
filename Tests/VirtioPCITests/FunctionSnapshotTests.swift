import GuestRAM
import PCIBus
import Testing
import VirtioCore

@testable import VirtioPCI

/// What `VirtioPCIFunction.inspect` tells of the bus.
@Suite struct FunctionSnapshotTests {
  private func look(_ function: VirtioPCIFunction) throws -> (FunctionSnapshot, PCISnapshot) {
    let (snapshot, _) = function.inspect(withinMilliseconds: 60_000) {}
    return (snapshot, try #require(snapshot.pci))
  }

  private func write(_ function: VirtioPCIFunction, _ region: PCIRegion, at offset: UInt64, _ bytes: [UInt8])
  {
    unsafe function.write(region, at: offset, bytes.span.bytes)  // a UInt8 has no hole
  }

  private func make(_ transport: VirtioPCIOptions.Transport = .modern, express: Bool = false) throws
    -> VirtioPCIFunction
  {
    var options = VirtioPCIOptions()
    options.transport = transport
    options.placement = express ? .express : .conventional
    return try VirtioPCIFunction(
      IdleDevice(), classCode: 0x038000, memory: GuestMemory(), scheduling: .inline, options: options)
  }

  @Test("identity and base address registers are those that a driver reads")
  func identity() throws {
    let function = try make()
    write(function, .configuration, at: 0x14, [0, 0x10, 0, 0xfe])  // BAR 1
    write(function, .configuration, at: 0x20, [0x0c, 0, 0, 0xc0, 0x34, 0x12, 0, 0])  // BAR 4
    write(function, .configuration, at: 0x04, [0x06, 0x04])
    write(function, .configuration, at: 0x3c, [11])
    let (snapshot, pci) = try look(function)
    #expect(snapshot.transport == .modern && snapshot.isr == 0)
    #expect(pci.vendor == 0x1af4 && pci.device == 0x1050 && pci.subsystem == 0x1100 && pci.revision == 1)
    #expect(pci.classCode == 0x038000 && pci.configurationSpaceSize == 256 && pci.isFullyOn)
    #expect(pci.command == 0x0406 && pci.commandNames == ["MEMORY", "MASTER", "INTX_DISABLE"])
    #expect(pci.interruptLine == 11 && pci.isINTxDisabled && !pci.isINTxAsserted)
    #expect(pci.bars.map(\.index) == [1, 4])
    #expect(pci.bars.map(\.address) == [0xfe00_1000, 0x1234_c000_0000])
    #expect(pci.bars.map(\.bar) == [function.bars[1], function.bars[4]])
  }

  @Test("the transport is what was asked for", arguments: VirtioPCIOptions.Transport.allCases, [true, false])
  func transport(_ transport: VirtioPCIOptions.Transport, express: Bool) throws {
    let (snapshot, pci) = try look(try make(transport, express: express))
    #expect(snapshot.transport == transport)
    #expect(pci.configurationSpaceSize == (express ? 4096 : 256))
  }

  @Test("MSI-X is told as its registers and its table have it")
  func messages() throws {
    let function = try make()
    #expect(try look(function).1.msix.vectors.map(\.isMasked) == [true, true])
    write(function, .bar(1), at: 16, [0, 0, 0xe0, 0xfe, 1, 0, 0, 0])
    write(function, .bar(1), at: 24, [0x42, 0, 0, 0])
    write(function, .bar(1), at: 28, [0, 0, 0, 0])
    write(function, .configuration, at: 0x42, [0x01, 0xc0])
    let msix = try look(function).1.msix
    #expect(msix.isEnabled && msix.isMasked && !msix.isTableOfHost)
    let vector = msix.vectors[1]
    #expect(vector.address == 0x1_fee0_0000 && vector.data == 0x42 && !vector.isMasked && !vector.isPending)
    #expect(msix.vectors[0].isMasked)
  }
}
