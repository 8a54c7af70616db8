import GuestDriver
import Testing

/// What ends while a flush waits for a refresh that does not come, for the clock stands still.
@Suite struct FlushFenceEndTests {
  private typealias Status = VirtioLayout.Status

  @Test(arguments: DevicePath.allCases)
  func `a driver's reset does not wait for the refresh, and loses nothing that was sent before`(
    _ path: DevicePath
  ) throws {
    let stand = try PacedStand(path)
    var names = [try stand.flush(fence: 1).name]
    for fence: UInt64 in 2...4 { names.append(try stand.offer(stand.flush, fence: fence).name) }
    try stand.driver.registers.setStatus(0)
    #expect(try stand.bench.eventually { try stand.driver.registers.status == 0 })
    for name in names { #expect(try stand.control.takeUsed()?.head == name) }
    try stand.bench.expectSaneAfterReset()
  }

  @Test(arguments: DevicePath.allCases)
  func `after a reset by the host nothing is written, whatever the clock says`(_ path: DevicePath) throws {
    let stand = try PacedStand(path)
    try stand.flush(fence: 1)
    try stand.bench.machine.resetFunction()
    stand.clock.advance(milliseconds: 100)
    let snapshot = stand.bench.device.device.inspect(withinMilliseconds: Bench.patienceInMilliseconds)
    #expect(snapshot.function.virtio.queues[0].ring == nil && !stand.control.hasUsed)
    try stand.bench.expectSaneAfterReset()
  }

  @Test(arguments: DevicePath.allCases)
  func `after a reset of the queue nothing is written there, and the other queue goes on`(
    _ path: DevicePath
  ) throws {
    let stand = try PacedStand(path, .everything)
    try stand.flush(fence: 1)
    let function = try #require(stand.driver.function)
    try function.write(.queueSelect, 0)
    try function.write(.queueReset, 1)
    #expect(try stand.bench.eventually { try function.read(.queueReset) == 0 })
    stand.clock.advance(milliseconds: 100)
    try stand.lookAgain()
    #expect(!stand.control.hasUsed)
    try stand.bench.expectSaneAfterReset()
  }

  @Test(arguments: DevicePath.allCases)
  func `a device that is suspended gives back what it has done, and goes on later`(_ path: DevicePath) throws
  {
    var options = GPUDriver.Options()
    options.wantedFeatures |= 1 << UInt64(VirtioLayout.Feature.suspend)
    let stand = try PacedStand(path, options), driver = stand.driver
    let flush = try stand.flush(fence: 1)
    let next = try stand.offer(.getDisplayInfo)
    try driver.registers.setStatus(try driver.registers.status | Status.suspend)
    #expect(try stand.bench.eventually { try driver.registers.status & Status.suspend != 0 })
    #expect(try driver.awaitUsed().head == flush.name)
    #expect(!stand.control.hasUsed, "what was not begun waits until the device goes on")
    try driver.registers.setStatus(try driver.registers.status | Status.driverOK)
    #expect(try driver.awaitUsed().head == next.name)
    try stand.bench.expectSane()
  }

  @Test(arguments: DevicePath.allCases)
  func `an answer whose memory is unmapped meanwhile is not written any more, and its fence still comes`(
    _ path: DevicePath
  ) throws {
    let stand = try PacedStand(path), bench = stand.bench
    let request = stand.flush.encoded(fence: 1)
    let place = try bench.ram.allocate(request.count)
    bench.ram.write(request, at: place)
    let name = try stand.driver.submit([
      RingDescriptor(address: place, length: UInt32(request.count)),
      RingDescriptor(address: bench.neighbour.base, length: 24, flags: RingDescriptor.write),
    ])
    #expect(stand.isResting())
    try bench.machine.unmapRAM(bench.neighbour)
    let others = [UInt8](repeating: 0xee, count: 24)
    bench.neighbour.write(others, at: bench.neighbour.base)
    stand.clock.advance(milliseconds: 17)
    #expect(try stand.driver.awaitUsed() == UsedElement(head: UInt32(name), length: 24))
    #expect(bench.neighbour.read(bench.neighbour.base, count: 24) == others)
  }

  @Test(arguments: DevicePath.allCases)
  func `a ring whose memory is unmapped meanwhile is not written any more`(_ path: DevicePath) throws {
    let stand = try PacedStand(path), bench = stand.bench
    try stand.flush(fence: 1)
    let main = try #require(bench.ram.blocks.first)
    try bench.machine.unmapRAM(main)
    stand.clock.advance(milliseconds: 17)
    #expect(try bench.eventually { try stand.driver.registers.status & Status.needsReset != 0 })
    #expect(!stand.control.hasUsed)
    try bench.machine.mapRAM(main, access: .readWrite)
    try bench.expectSaneAfterReset()
  }

  @Test(arguments: DevicePath.allCases)
  func `a broken ring beside it does not keep a flush's answer`(_ path: DevicePath) throws {
    let stand = try PacedStand(path), driver = stand.driver
    let flush = try stand.flush(fence: 1)
    try stand.bench.offerAndKick(
      [RingDescriptor(address: stand.bench.hole, length: 56)], on: GPULayout.cursorQueue)
    #expect(try driver.awaitUsed().head == flush.name)
    #expect(try stand.bench.eventually { try driver.registers.status & Status.needsReset != 0 })
    try stand.bench.expectSaneAfterReset()
  }

  @Test(arguments: DevicePath.allCases)
  func `without bus mastering a flush waits on, however late it is`(_ path: DevicePath) throws {
    let stand = try PacedStand(path), driver = stand.driver
    let flush = try stand.flush(fence: 1)
    typealias Command = PCILayout.Command
    try driver.registers.setCommand(Command.memorySpace)
    stand.clock.advance(milliseconds: 100)
    // Whoever looks has the thread's place, or an answer of the thread's: it has followed the register.
    #expect(stand.isResting())
    #expect(!stand.control.hasUsed)
    try driver.registers.setCommand(Command.memorySpace | Command.busMaster)
    #expect(try driver.awaitUsed().head == flush.name)
  }

  @Test func `a VMM that goes away does not wait, and the next one finds a device as after power-on`() throws
  {
    let clock = TestClock()
    let device = try TestDevice(
      outputs: [(640, 480)], fences: .refresh, clock: { clock.now })
    let path = try device.serve()
    for _ in 0..<3 {
      let machine = try VfioUserMachine(path: path)
      let block = try RAMBlock(base: Bench.ramBase, size: 4 << 20), ram = GuestRAMImage()
      ram.add(block)
      try machine.mapRAM(block, access: .readWrite)
      let driver = GPUDriver(machine, ram: ram)
      driver.timeoutInMilliseconds = Bench.patienceInMilliseconds
      try driver.bringUp()
      let framebuffer = try driver.createFramebuffer(width: 64, height: 64)
      try driver.show(framebuffer)
      let flush = GPUCommand.flush(framebuffer.bounds, resource: framebuffer.resource)
      let chain = try ram.layOut(
        request: flush.encoded(fence: 1), responseRoom: flush.responseRoom, ChainLayout())
      try driver.submit(chain.descriptors)
    }
  }

  @Test func `a device that is let go of does not wait`() throws {
    for _ in 0..<3 { try PacedStand(.inProcess).flush(fence: 1) }
  }
}
