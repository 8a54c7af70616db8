import GuestRAM
import PCIBus
import Testing
import VirtioCore
import VirtioPCI

/// What configuration space says of a device: who it is and where its memory lies.
@Suite struct LayoutTests {
  private func make(
    _ device: IdleDevice, _ transport: VirtioPCIOptions.Transport = .modern
  ) throws -> VirtioPCIFunction {
    var options = VirtioPCIOptions()
    options.transport = transport
    return try VirtioPCIFunction(
      device, classCode: 0x00ff00, memory: GuestMemory(), scheduling: .inline, options: options)
  }

  private func read(
    _ function: VirtioPCIFunction, _ offset: UInt64, width: Int, of region: PCIRegion = .configuration
  ) -> UInt64 {
    var out = [UInt8](repeating: 0xee, count: width)
    var span = out.mutableSpan
    var bytes = unsafe span.mutableBytes
    function.read(region, at: offset, into: &bytes)
    return out.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  @Test(
    "a function with a legacy interface has the transitional id of its type (virtio 1.4 §4.1.2)",
    arguments: [
      (1, 0x1000), (2, 0x1001), (3, 0x1003), (4, 0x1005), (5, 0x1002), (8, 0x1004), (9, 0x1009),
      (16, 0x1010),
    ] as [(UInt16, UInt64)], [VirtioPCIOptions.Transport.transitional, .legacy])
  func identity(type: (number: UInt16, id: UInt64), transport: VirtioPCIOptions.Transport) throws {
    let function = try make(IdleDevice(deviceID: type.number), transport)
    #expect(read(function, 0x02, width: 2) == type.id)
    #expect(read(function, 0x08, width: 1) == 0)
    #expect(read(function, 0x2e, width: 2) == UInt64(type.number))
  }

  @Test("shared memory regions lie in BAR 2, each at a multiple of its size, and a capability leads to each")
  func sharedMemory() throws {
    let large: UInt64 = 8 << 30
    let function = try make(
      IdleDevice(sharedMemory: [
        SharedMemoryRegion(id: 1, size: 4096), SharedMemoryRegion(id: 7, size: large),
      ]))
    #expect(function.bars[2] == BAR(.memory64, size: 2 * large, isPrefetchable: true))
    // VIRTIO_PCI_CAP_SHARED_MEMORY_CFG in its 64-bit form (virtio 1.4 §4.1.4.7).
    var found: [[UInt64]] = []
    var at = read(function, 0x34, width: 1)
    while at != 0 {
      if read(function, at, width: 1) == 0x09, read(function, at + 3, width: 1) == 8 {
        #expect(read(function, at + 2, width: 1) == 24 && read(function, at + 4, width: 1) == 2)
        found.append([
          read(function, at + 5, width: 1),
          read(function, at + 16, width: 4) << 32 | read(function, at + 8, width: 4),
          read(function, at + 20, width: 4) << 32 | read(function, at + 12, width: 4),
        ])
      }
      at = read(function, at + 1, width: 1)
    }
    #expect(found == [[1, 0, 4096], [7, large, large]])
  }

  @Test("shared memory that nobody has put anything into reads as 0 and swallows writes")
  func emptySharedMemory() throws {
    let function = try make(IdleDevice(sharedMemory: [SharedMemoryRegion(id: 1, size: 4096)]))
    let bytes: [UInt8] = [1, 2, 3, 4]
    unsafe function.write(.bar(2), at: 0, bytes.span.bytes)
    #expect(read(function, 0, width: 4, of: .bar(2)) == 0)
  }
}
