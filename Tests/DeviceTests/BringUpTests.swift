import GuestDriver
import Testing

/// What a driver finds on its way to DRIVER_OK.
@Suite struct BringUpTests {
  @Test(arguments: DevicePath.allCases)
  func `the function says that it is a modern virtio GPU`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.discover()
    let inventory = bench.driver.function.inventory
    #expect(inventory.vendorID == 0x1af4)
    #expect(inventory.deviceID == 0x1050)
    // Virtio 1.4 §4.1.2.1: a non-transitional device has revision 1 or higher.
    #expect(inventory.revisionID >= 1)
    // §5.7.7: without VGA compatibility the class is DISPLAY_OTHER.
    #expect(inventory.baseClass == 3)
    #expect(inventory.subclass == 0x80)
    #expect(inventory.interruptPin == 1)
  }

  @Test(arguments: DevicePath.allCases)
  func `the capabilities name all structures, inside their BARs and aligned`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.discover()
    let inventory = bench.driver.function.inventory
    for type in [
      VirtioLayout.CapabilityType.common, VirtioLayout.CapabilityType.notify, VirtioLayout.CapabilityType.isr,
      VirtioLayout.CapabilityType.device,
    ] {
      let structure = try inventory.virtioStructure(type)
      let bar = try #require(inventory.baseAddresses.first { $0.index == structure.bar })
      #expect(structure.offset + structure.length <= bar.size)
      if type != VirtioLayout.CapabilityType.isr { #expect(structure.offset % 4 == 0) }
    }
    #expect(try inventory.virtioStructure(VirtioLayout.CapabilityType.common).length >= 56)
    #expect(try inventory.virtioStructure(VirtioLayout.CapabilityType.device).length >= 16)
    let window = try inventory.virtioStructure(VirtioLayout.CapabilityType.configurationAccess)
    #expect(window.capabilityLength >= 20)
    let multiplier = try inventory.virtioStructure(VirtioLayout.CapabilityType.notify).notifyMultiplier
    // §4.1.4.4.1: 0 or an even power of two.
    #expect(multiplier == 0 || multiplier.nonzeroBitCount == 1 && multiplier.trailingZeroBitCount % 2 == 0)
  }

  @Test(arguments: DevicePath.allCases)
  func `MSI-X has a vector for configuration and each queue`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.discover()
    let inventory = bench.driver.function.inventory
    let table = try #require(inventory.vectorTable)
    #expect(table.vectorCount >= 3)
    let tableBAR = try #require(inventory.baseAddresses.first { $0.index == table.tableBAR })
    let pendingBAR = try #require(inventory.baseAddresses.first { $0.index == table.pendingBAR })
    #expect(table.tableOffset + UInt64(table.vectorCount * 16) <= tableBAR.size)
    #expect(table.pendingOffset + UInt64((table.vectorCount + 63) / 64 * 8) <= pendingBAR.size)
  }

  @Test(arguments: DevicePath.allCases)
  func `the device offers VERSION_1 and EDID, and nothing it does not have`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.discover()
    try bench.driver.reset()
    let offered = try bench.driver.function.offeredFeatures()
    #expect(offered >> UInt64(VirtioLayout.Feature.version1) & 1 == 1)
    #expect(offered >> UInt64(GPULayout.Feature.edid) & 1 == 1)
    #expect(offered >> UInt64(VirtioLayout.Feature.indirectDescriptors) & 1 == 1)
    #expect(offered >> UInt64(VirtioLayout.Feature.eventIndex) & 1 == 1)
    #expect(offered >> UInt64(GPULayout.Feature.virgl) & 1 == 0)
    for select: UInt64 in [2, 3, 0x8000_0000, 0xffff_ffff] {
      try bench.driver.function.write(.deviceFeatureSelect, select)
      #expect(try bench.driver.function.read(.deviceFeature) == 0)
    }
  }

  @Test(
    arguments: DevicePath.allCases,
    [VirtioLayout.Feature.indirectDescriptors, VirtioLayout.Feature.eventIndex, GPULayout.Feature.edid])
  func `the device works without an optional feature`(_ path: DevicePath, _ feature: Int) throws {
    let bench = try Bench(path)
    var options = GPUDriver.Options()
    options.wantedFeatures &= ~(1 << UInt64(feature))
    try bench.driver.bringUp(options)
    #expect(!bench.driver.accepted(feature))
    try bench.expectSane()
  }

  @Test(arguments: DevicePath.allCases)
  func `after a reset every register is as after power-on`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    try bench.expectSane()
    try bench.driver.reset()
    let function = try #require(bench.driver.function)
    #expect(try function.read(.configVector) == 0xffff)
    for queue: UInt64 in 0..<2 {
      try function.write(.queueSelect, queue)
      #expect(try function.read(.queueEnable) == 0)
      #expect(try function.read(.queueVector) == 0xffff)
      #expect(try function.read(.queueDescriptorArea) == 0)
      #expect(try function.read(.queueDriverArea) == 0)
      #expect(try function.read(.queueDeviceArea) == 0)
      #expect(try function.read(.queueSize).nonzeroBitCount == 1)
    }
    try function.write(.driverFeatureSelect, 0)
    #expect(try function.read(.driverFeature) == 0)
    try bench.expectSaneAfterReset()
  }

  @Test(arguments: DevicePath.allCases)
  func `a function reset takes everything back, and the device comes up again`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    try bench.expectSane()
    try bench.machine.resetFunction()
    #expect(try bench.machine.readConfig(PCILayout.command, width: 2) & 7 == 0)
    let table = try #require(bench.driver.function.inventory.vectorTable)
    let control = try bench.machine.readConfig(table.capabilityOffset + PCILayout.MSIX.control, width: 2)
    #expect(UInt16(truncatingIfNeeded: control) & PCILayout.MSIX.controlEnable == 0)
    try bench.expectSaneAfterReset()
  }

  @Test(arguments: DevicePath.allCases)
  func `a device comes up a hundred times`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    for _ in 0..<100 { try bench.driver.bringUp() }
    try bench.expectSane()
  }

  @Test(arguments: DevicePath.allCases, [1, 2, 4, 8, 16, 32, 64])
  func `a queue may be as small as the driver wants`(_ path: DevicePath, _ size: Int) throws {
    let bench = try Bench(path)
    var options = GPUDriver.Options()
    options.queueSize = size
    try bench.driver.bringUp(options)
    #expect(bench.driver.control.size == size)
    let layout = ChainLayout(indirection: size == 1 ? .all : .none)
    for turn in 0..<UInt64(3 * size) {
      let reply = try bench.driver.send(.getDisplayInfo, fence: turn, layout: layout)
      #expect(reply.displays != nil && reply.header?.fenceID == turn)
    }
  }

  @Test(arguments: DevicePath.allCases, 1...5)
  func `ring parts lie wherever their alignment allows`(_ path: DevicePath, _ skew: Int) throws {
    let bench = try Bench(path)
    var options = GPUDriver.Options()
    options.ringSkew = skew
    options.queueSize = 16
    try bench.driver.bringUp(options)
    try bench.expectSane()
  }

  @Test(arguments: DevicePath.allCases)
  func `ring indices wrap at 65536`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    var options = GPUDriver.Options()
    options.queueSize = 256
    try bench.driver.bringUp(options)
    let command = GPUCommand.moveCursor(scanout: 0, x: 3, y: 4)
    let chain = try bench.ram.layOut(request: command.encoded(), responseRoom: 0)
    let ring = bench.driver.ring(GPULayout.cursorQueue)
    var used = 0
    while used < 66_000 {
      let old = ring.availableIndex
      for _ in 0..<ring.size { _ = try ring.offer(chain.descriptors) }
      if ring.wantsKick(since: old) { try bench.driver.kick(GPULayout.cursorQueue) }
      for _ in 0..<ring.size {
        #expect(try bench.driver.awaitUsed(GPULayout.cursorQueue).length == 0)
        used += 1
      }
    }
    try bench.expectSane()
  }

  @Test(arguments: DevicePath.allCases)
  func `device configuration tells the number of outputs`(_ path: DevicePath) throws {
    for count in [1, 2, 16] {
      let bench = try Bench(path, outputs: Array(repeating: (640, 480), count: count))
      try bench.driver.bringUp()
      #expect(try bench.driver.function.readDevice(GPULayout.Config.scanoutCount, width: 4) == UInt64(count))
      #expect(try bench.driver.function.readDevice(GPULayout.Config.capsetCount, width: 4) == 0)
      #expect(try bench.driver.function.readDevice(GPULayout.Config.eventsRead, width: 4) == 0)
    }
  }

  @Test(arguments: DevicePath.allCases)
  func `the configuration access window reads and writes registers`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.discover()
    try bench.driver.reset()
    let function = try #require(bench.driver.function), common = function.common
    let bar = UInt8(common.bar), at = UInt32(common.offset)
    func place(_ register: CommonRegister) -> UInt32 { at + UInt32(register.offset) }
    #expect(try function.readThroughWindow(bar: bar, offset: place(.queueCount), length: 2) == 2)
    try function.writeThroughWindow(bar: bar, offset: place(.deviceStatus), length: 1, 1)
    #expect(try function.status == 1)
    #expect(try function.readThroughWindow(bar: bar, offset: place(.deviceStatus), length: 1) == 1)
    try function.writeThroughWindow(bar: bar, offset: place(.deviceFeatureSelect), length: 4, 1)
    #expect(try function.readThroughWindow(bar: bar, offset: place(.deviceFeature), length: 4) & 1 == 1)
    try function.writeThroughWindow(bar: bar, offset: place(.queueSelect), length: 2, 1)
    #expect(try function.read(.queueSelect) == 1)
    let device = try function.device
    let scanouts = try function.readThroughWindow(
      bar: UInt8(device.bar), offset: UInt32(device.offset) + UInt32(GPULayout.Config.scanoutCount), length: 4
    )
    #expect(scanouts == 1)
  }

  @Test(arguments: DevicePath.allCases)
  func `a doorbell rung through the window starts the device`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    let chain = try bench.layOut(.getDisplayInfo), function = try #require(bench.driver.function)
    _ = try bench.driver.control.offer(chain.descriptors)
    try function.write(.queueSelect, 0)
    let offset = UInt64(try function.read(.queueNotifyOffset)) * UInt64(function.notify.notifyMultiplier)
    try function.writeThroughWindow(
      bar: UInt8(function.notify.bar), offset: UInt32(function.notify.offset + offset), length: 2, 0)
    let element = try bench.driver.awaitUsed()
    #expect(element.length == UInt32(GPULayout.displayInfoSize))
  }

  // MARK: Interrupts

  @Test(arguments: DevicePath.allCases, [GPULayout.controlQueue, GPULayout.cursorQueue])
  func `a used buffer raises the queue's vector, and no other`(_ path: DevicePath, _ queue: UInt16) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    let command: GPUCommand = queue == 0 ? .getDisplayInfo : .moveCursor(scanout: 0, x: 0, y: 0)
    try bench.driver.submit(try bench.layOut(command).descriptors, on: queue)
    #expect(
      try bench.machine.waitForInterrupt(
        bench.driver.line(of: queue), timeoutInMilliseconds: Bench.patienceInMilliseconds))
    #expect(try bench.driver.ring(queue).takeUsed() != nil)
    for other in [bench.driver.line(of: 1 - queue), bench.driver.configurationLine] {
      #expect(try !bench.machine.waitForInterrupt(other, timeoutInMilliseconds: 20))
    }
  }

  @Test(arguments: DevicePath.allCases)
  func `without MSI-X the pin is asserted until the ISR status is read`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    var options = GPUDriver.Options()
    options.usesVectors = false
    try bench.driver.bringUp(options)
    let function = try #require(bench.driver.function)
    for _ in 0..<5 {
      try bench.driver.submit(try bench.layOut(.getDisplayInfo).descriptors)
      #expect(try bench.machine.waitForInterrupt(.pin, timeoutInMilliseconds: Bench.patienceInMilliseconds))
      let status = try bench.machine.readConfig(PCILayout.status, width: 2)
      #expect(UInt16(truncatingIfNeeded: status) & PCILayout.Status.interrupt != 0)
      #expect(try function.readInterruptStatus() == VirtioLayout.InterruptStatus.queue)
      #expect(try function.readInterruptStatus() == 0)
      let quiet = try bench.machine.readConfig(PCILayout.status, width: 2)
      #expect(UInt16(truncatingIfNeeded: quiet) & PCILayout.Status.interrupt == 0)
      try bench.machine.acknowledgeInterrupt(.pin)
      #expect(try bench.driver.control.takeUsed() != nil)
      #expect(try !bench.machine.waitForInterrupt(.pin, timeoutInMilliseconds: 10))
    }
  }

  @Test(arguments: DevicePath.allCases)
  func `a pin that is not acknowledged fires again when it is`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    var options = GPUDriver.Options()
    options.usesVectors = false
    try bench.driver.bringUp(options)
    try bench.driver.submit(try bench.layOut(.getDisplayInfo).descriptors)
    #expect(try bench.machine.waitForInterrupt(.pin, timeoutInMilliseconds: Bench.patienceInMilliseconds))
    // The level is still high: nobody read the ISR status.
    try bench.machine.acknowledgeInterrupt(.pin)
    #expect(try bench.machine.waitForInterrupt(.pin, timeoutInMilliseconds: Bench.patienceInMilliseconds))
    _ = try bench.driver.function.readInterruptStatus()
    try bench.machine.acknowledgeInterrupt(.pin)
    #expect(try !bench.machine.waitForInterrupt(.pin, timeoutInMilliseconds: 20))
  }

  @Test(arguments: DevicePath.allCases, [true, false])
  func `an interrupt that the driver does not want does not come`(_ path: DevicePath, _ eventIndex: Bool)
    throws
  {
    let bench = try Bench(path)
    var options = GPUDriver.Options()
    if !eventIndex { options.wantedFeatures &= ~(1 << UInt64(VirtioLayout.Feature.eventIndex)) }
    try bench.driver.bringUp(options)
    if eventIndex {
      bench.driver.splitControl.setUsedEvent(7)
    } else {
      bench.driver.splitControl.setAvailableFlags(1)
    }
    try bench.driver.submit(try bench.layOut(.getDisplayInfo).descriptors)
    #expect(try bench.outcome() == .used(UsedElement(head: 0, length: UInt32(GPULayout.displayInfoSize))))
    #expect(try !bench.machine.waitForInterrupt(bench.driver.line(of: 0), timeoutInMilliseconds: 30))
  }
}
