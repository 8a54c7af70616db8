import GuestDriver
import ScanoutDevice
import Testing

/// What a PCI Express endpoint can do that a conventional function cannot: reset by its driver, and sleep.
@Suite(.timeLimit(.minutes(15))) struct ExpressTests {
  private func makeBench(_ path: DevicePath) throws -> Bench {
    var pci = VirtioPCIOptions()
    pci.placement = .express
    let bench = try Bench(path, pci: pci)
    try bench.driver.bringUp()
    return bench
  }

  /// Where a register of a capability lies.
  private func place(_ identifier: UInt8, _ register: Int, _ bench: Bench) throws -> Int {
    let capabilities = bench.driver.function.inventory.capabilities
    return try #require(capabilities.first { $0.identifier == identifier }).offset + register
  }

  @Test(arguments: DevicePath.allCases, [1, 2, 4])
  func `a function level reset leaves everything as after power-on`(_ path: DevicePath, _ width: Int) throws {
    let bench = try makeBench(path)
    let control = try place(PCILayout.CapabilityID.express, PCILayout.Express.deviceControl, bench)
    let before = try bench.machine.readConfig(control, width: 2)
    let reset = UInt32(PCILayout.Express.initiateReset)
    if width == 1 {
      try bench.machine.writeConfig(control + 1, width: 1, (before | reset) >> 8)
    } else {
      try bench.machine.writeConfig(control, width: width, before | reset)
    }
    #expect(try bench.machine.readConfig(control, width: 2) == before)  // it reads as 0
    #expect(try bench.machine.readConfig(PCILayout.command, width: 2) == 0)
    #expect(try bench.machine.readConfig(PCILayout.baseAddress0 + 4, width: 4) & ~0xf == 0)
    #expect(try bench.driver.function.status == 0)
    try bench.expectSaneAfterReset()
  }

  @Test(arguments: DevicePath.allCases)
  func `other writes to the device control register reset nothing`(_ path: DevicePath) throws {
    let bench = try makeBench(path)
    let control = try place(PCILayout.CapabilityID.express, PCILayout.Express.deviceControl, bench)
    let status = try bench.driver.function.status
    for value in [0, UInt32(~PCILayout.Express.initiateReset)] {
      try bench.machine.writeConfig(control, width: 2, value)
    }
    // Its low byte alone, and the register behind it.
    try bench.machine.writeConfig(control, width: 1, 0xff)
    try bench.machine.writeConfig(control + 2, width: 2, 0xffff)
    #expect(try bench.driver.function.status == status)
    try bench.expectSane()
  }

  @Test(arguments: DevicePath.allCases)
  func `in D3hot only configuration space answers, and nothing is lost`(_ path: DevicePath) throws {
    let bench = try makeBench(path)
    let control = try place(
      PCILayout.CapabilityID.powerManagement, PCILayout.PowerManagement.control, bench)
    let status = try bench.driver.function.status
    try bench.machine.writeConfig(control, width: 2, UInt32(PCILayout.PowerManagement.stateMask))
    #expect(try bench.driver.function.status == 0xff)
    #expect(try bench.driver.function.read(.queueDescriptorArea) == .max)
    try bench.driver.function.setStatus(0)
    _ = try bench.driver.submit(try bench.layOut(.getDisplayInfo).descriptors, on: GPULayout.controlQueue)
    #expect(try bench.driver.ring(GPULayout.controlQueue).takeUsed() == nil)
    #expect(try bench.machine.readConfig(PCILayout.deviceID, width: 2) == 0x1050)
    try bench.machine.writeConfig(control, width: 2, 0)
    #expect(try bench.driver.function.status == status)
    // What was offered meanwhile waits for a doorbell that is heard.
    try bench.driver.kick(GPULayout.controlQueue)
    guard case .used = try bench.outcome() else {
      Issue.record("not answered")
      return
    }
    try bench.expectSane()
  }

  @Test(arguments: [1, 2] as [UInt32], DevicePath.allCases)
  func `a power state that there is not is discarded`(_ state: UInt32, _ path: DevicePath) throws {
    let bench = try makeBench(path)
    let control = try place(
      PCILayout.CapabilityID.powerManagement, PCILayout.PowerManagement.control, bench)
    try bench.machine.writeConfig(control, width: 2, state)
    #expect(try bench.machine.readConfig(control, width: 2) & 3 == 0)
    try bench.expectSane()
    try bench.machine.writeConfig(control, width: 2, 3)
    try bench.machine.writeConfig(control, width: 1, state)
    #expect(try bench.machine.readConfig(control, width: 2) & 3 == 3)
  }
}
