import GuestDriver
import ScanoutDevice
import Testing

/// The region that blobs of host memory could be mapped into (virtio 1.4 §5.7.5): there when asked for, and empty.
@Suite struct HostVisibleMemoryTests {
  private typealias Response = GPULayout.Response

  private func makeBench(_ path: DevicePath, _ size: UInt64, blobs: Bool = true) throws -> Bench {
    let bench = try Bench(path, hostVisibleMemory: size)
    var options = GPUDriver.Options()
    if blobs { options.wantedFeatures |= 1 << UInt64(GPULayout.Feature.resourceBlob) }
    try bench.driver.bringUp(options)
    return bench
  }

  /// The shared memory regions: id, BAR, and size.
  private func regions(_ bench: Bench) throws -> [[UInt64]] {
    try bench.driver.function.inventory.virtioStructures.filter { $0.type == 8 }.map { structure in
      let high = try bench.machine.readConfig(structure.capabilityOffset + 20, width: 4)
      return [UInt64(structure.identifier), UInt64(structure.bar), structure.length | UInt64(high) << 32]
    }
  }

  @Test(arguments: DevicePath.allCases, [4096, 1 << 28, 8 << 30] as [UInt64])
  func `the region is found in BAR 2, and by default there is none`(_ path: DevicePath, _ size: UInt64) throws
  {
    #expect(try regions(makeBench(path, size)) == [[1, 2, size]])
    #expect(try regions(makeBench(path, 0)).isEmpty)
  }

  @Test(arguments: DevicePath.allCases)
  func `nothing can be mapped, since without 3D there is no memory of the host's`(_ path: DevicePath) throws {
    let bench = try makeBench(path, 1 << 20)
    let page = GPUMemoryEntry(address: Stage.memory, length: 4096)
    for command in Stage.commands { try bench.driver.expectOK(command) }
    // With every flag, so that it says that it is to be mapped.
    try bench.driver.expectOK(.createBlob(id: 10, memory: 1, flags: 7, blobID: 0, size: 4096, [page]))
    let answers: [(UInt32, UInt32)] = [
      (0, Response.invalidResourceID), (99, Response.invalidResourceID),
      (Stage.shown, Response.invalidParameter), (10, Response.invalidParameter),
    ]
    for (id, answer) in answers {
      // Inside, not aligned, with its end outside, at the end, far outside, and wrapping around.
      for offset: UInt64 in [0, 4096, 1, (1 << 20) - 2048, 1 << 20, 1 << 40, .max - 4095, .max] {
        let reply = try bench.driver.send(.mapBlob(id: id, offset: offset))
        #expect(reply.type == answer && reply.usedLength == 24, "map \(id) at \(offset)")
      }
      #expect(try bench.driver.send(.unmapBlob(id: id)).type == answer, "unmap \(id)")
    }
    let short = try bench.driver.send(
      .raw(type: GPULayout.Request.resourceMapBlob, [UInt8](repeating: 0, count: 15)))
    #expect(short.type == Response.invalidParameter)
    try bench.expectSane()
  }

  @Test(arguments: DevicePath.allCases)
  func `without the region or without blobs the requests are unknown`(_ path: DevicePath) throws {
    for bench in [try makeBench(path, 0), try makeBench(path, 1 << 20, blobs: false)] {
      for command in [GPUCommand.mapBlob(id: 1, offset: 0), .unmapBlob(id: 1)] {
        #expect(try bench.driver.send(command).type == Response.unspecified)
      }
    }
  }
}
