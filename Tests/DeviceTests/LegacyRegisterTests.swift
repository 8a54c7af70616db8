import GuestDriver
import ScanoutDevice
import Testing

/// The legacy registers, met by accesses that are not of their own width or name what is not there.
@Suite(.timeLimit(.minutes(15))) struct LegacyRegisterTests {
  private func makeBench(_ path: DevicePath) throws -> Bench {
    var pci = VirtioPCIOptions()
    pci.transport = .transitional
    let bench = try Bench(path, pci: pci)
    var options = GPUDriver.Options()
    options.interface = .legacy
    try bench.driver.bringUp(options)
    return bench
  }

  @Test(arguments: DevicePath.allCases)
  func `the doorbell reads as 0 and is heard in a wider write too`(_ path: DevicePath) throws {
    let bench = try makeBench(path)
    let doorbell = LegacyRegister.queueNotify
    #expect(try bench.driver.legacy.read(doorbell) == 0)
    let ring = bench.driver.ring(GPULayout.controlQueue)
    _ = try ring.offer(try bench.layOut(.getDisplayInfo).descriptors)
    // The status stands behind it and takes no bit away.
    try bench.machine.writeBAR(0, at: UInt64(doorbell.offset), width: 4, 1 << 16 | 0)
    guard case .used = try bench.outcome() else {
      Issue.record("not answered")
      return
    }
    try bench.expectSane()
  }

  @Test(arguments: DevicePath.allCases, [UInt16(3), 0x7ff, 0xfffe, 0xffff])
  func `a vector that does not exist reads back as none`(_ path: DevicePath, _ vector: UInt16) throws {
    let bench = try makeBench(path)
    #expect(try bench.driver.legacy.setVector(vector, queue: 0) == 0xffff)
    #expect(try bench.driver.legacy.setConfigurationVector(vector) == 0xffff)
    #expect(try bench.driver.legacy.setVector(1, queue: 0) == 1)
    try bench.expectSane()
  }
}
