import FrontEndAPI
import Glibc
import GuestDriver
import GuestRAM
import PCIBus
import ScanoutDevice
import Testing

/// What Cloud Hypervisor does otherwise than QEMU, replayed: `spec/vfio-user.md` says from which sources.
@Suite(.timeLimit(.minutes(15))) struct CloudHypervisorTests {
  typealias Command = VfioUserLayout.Command

  /// A GPU at a socket.
  private struct Served {
    let device: TestDevice
    let path: String

    init(_ pci: VirtioPCIOptions = VirtioPCIOptions()) throws {
      device = try TestDevice(outputs: [(1024, 768)], pci: pci)
      path = try device.serve()
    }
  }

  /// A VM with a driver of the GPU in it.
  private struct VM {
    let served: Served
    let machine: CloudHypervisorMachine
    let ram = GuestRAMImage()
    let driver: GPUDriver

    /// Memory below the hole and above 4 GiB, each in a file of its own without seals.
    init(_ served: Served, _ socket: StreamSocket? = nil, resetsFirst: Bool = false) throws {
      self.served = served
      let memory = [
        try RAMBlock(base: 0, size: 32 << 20, canShrink: true),
        try RAMBlock(base: 1 << 32, size: 4 << 20, canShrink: true),
      ]
      for block in memory { ram.add(block) }
      _ = try ram.allocate(4096)  // nothing lies at address 0
      let client = try CloudHypervisorClient(socket ?? StreamSocket(path: served.path))
      machine = try CloudHypervisorMachine(client, memory: memory, resetsFirst: resetsFirst)
      driver = GPUDriver(machine, ram: ram)
      driver.timeoutInMilliseconds = Bench.patienceInMilliseconds
    }

    var requests: [CloudHypervisorClient.Request] { machine.client.requests }
    /// The commands in order, those that read or write regions and neighbours of one kind as one.
    var order: [UInt16] {
      requests.map { $0.isAccess ? Command.regionRead : $0.command }.reduce(into: []) { order, command in
        if order.last != command { order.append(command) }
      }
    }

    /// Whether the device shows what `draw` drew; it does only as long as this VM is attached.
    func shows(_ seed: Int) -> Bool {
      Picture(of: served.device.channel, output: 0) == Picture(width: 67, height: 41, pattern(seed))
    }

    func draw(seed: Int, _ options: GPUDriver.Options = GPUDriver.Options()) throws {
      try driver.bringUp(options)
      let framebuffer = try driver.createFramebuffer(width: 67, height: 41)
      driver.draw(framebuffer, pattern(seed))
      try driver.show(framebuffer)
      try driver.present(framebuffer)
    }
  }

  // MARK: Attaching

  @Test func `the version's reply holds what its decoder wants, and room for blocks of 16 descriptors`()
    throws
  {
    let served = try Served()
    let client = try VM(served).machine.client
    #expect(try #require(client.capabilities.max_msg_fds) >= CloudHypervisorClient.mostDescriptors)
    #expect(try #require(client.capabilities.max_data_xfer_size) >= 8)
  }

  @Test func `nine regions are described, none of which can be mapped`() throws {
    let served = try Served()
    let client = try VM(served).machine.client
    #expect(client.regions.count == 9)
    #expect(client.regions.allSatisfy { !$0.isMappable })
    #expect(client.regions[6].size == 0 && client.regions[7].size == 256)
  }

  @Test func `interrupts come before memory, memory before base addresses, and no reset at all`() throws {
    let served = try Served()
    let vm = try VM(served)
    #expect(
      vm.order == [
        Command.version, Command.getInfo, Command.getRegionInfo, Command.regionRead,
        Command.getInterruptInfo, Command.regionRead, Command.getInterruptInfo, Command.setInterrupts,
        Command.dmaMap, Command.regionRead,
      ])
    #expect(served.device.memory.ranges.map(\.start.value) == [0, 1 << 32])
  }

  @Test func `a device that is reset is reset before anything else`() throws {
    let served = try Served()
    let vm = try VM(served, resetsFirst: true)
    #expect(
      vm.order.prefix(5) == [
        Command.version, Command.getInfo, Command.getRegionInfo, Command.reset, Command.regionRead,
      ])
    try vm.draw(seed: 1)
    #expect(vm.shows(1))
  }

  @Test("base addresses have the size of their regions", arguments: InterfaceTests.ways)
  func sizes(way: InterfaceTests.Way) throws {
    let served = try Served(way.pci)
    let vm = try VM(served)
    let regions = vm.machine.client.regions.prefix(6).enumerated().filter { $1.size > 0 }
    #expect(
      vm.machine.sizes == Dictionary(uniqueKeysWithValues: regions.map { ($0.offset, $0.element.size) }))
  }

  @Test func `the guest places base addresses without the device's hearing of it`() throws {
    let served = try Served()
    let vm = try VM(served)
    let attached = vm.requests.count
    try vm.driver.discover()
    let inventory = vm.driver.function.inventory
    #expect(!inventory.baseAddresses.isEmpty)
    let registers: Range<UInt64> = 0x10..<0x28
    #expect(
      !vm.requests[attached...].contains {
        $0.isAccess && $0.region == VfioUserLayout.Region.configuration && registers.contains($0.offset)
      })
    for base in inventory.baseAddresses {
      let offset = PCILayout.baseAddress0 + 4 * base.index
      #expect(try vm.machine.readConfig(offset, width: 4) & ~15 == UInt32(truncatingIfNeeded: base.address))
      #expect(
        try vm.machine.client.read(7, at: UInt64(offset), width: 4) & ~15 == 0x1_0000_0000 - base.size)
    }
  }

  @Test func `a guest that looks behind a conventional function's configuration space finds ones`() throws {
    let served = try Served()
    let vm = try VM(served)
    #expect(try vm.machine.readConfig(0x100, width: 4) == .max)
    #expect(try vm.machine.readConfig(0xffe, width: 2) == 0xffff)
    try vm.machine.writeConfig(0x100, width: 4, 0)
    try vm.draw(seed: 1)
    #expect(vm.shows(1))
  }

  // MARK: Driving

  @Test("a picture and a cursor come out of every way to the device", arguments: InterfaceTests.ways)
  func draws(way: InterfaceTests.Way) throws {
    let served = try Served(way.pci)
    let vm = try VM(served)
    for seed in 1...2 {
      try vm.draw(seed: seed, way.options)
      #expect(vm.shows(seed))
      let image = try vm.driver.createFramebuffer(width: 64, height: 64, format: .bgra)
      try vm.driver.showCursor(image, x: 11, y: 12, hotX: 1, hotY: 2)
      try vm.driver.expectOK(.moveCursor(scanout: 0, x: 30, y: 40))
      let cursor = try #require(served.device.channel.cursor(ofOutput: 0))
      #expect(cursor.x == 30 && cursor.y == 40 && cursor.image?.hotX == 1)
    }
  }

  @Test func `memory that is plugged in while the driver runs is drawn from`() throws {
    let served = try Served()
    let vm = try VM(served)
    try vm.draw(seed: 1)
    let more = try RAMBlock(base: 2 << 32, size: 1 << 20)
    vm.ram.add(more)
    try vm.machine.mapRAM(more, access: .readWrite)
    let lines = (0..<41).flatMap { y in (0..<67).flatMap { x in GPUFormat.bgrx.bytes(pattern(9)(x, y)) } }
    more.write(lines, at: more.base)
    let (id, all) = (UInt32(77), GPURect(0, 0, 67, 41))
    for command: GPUCommand in [
      .createResource2D(id: id, format: GPUFormat.bgrx.rawValue, width: 67, height: 41),
      .attachBacking(id: id, [GPUMemoryEntry(address: more.base, length: UInt32(lines.count))]),
      .transferToHost2D(all, offset: 0, resource: id), .setScanout(all, scanout: 0, resource: id),
      .flush(all, resource: id),
    ] { try vm.driver.expectOK(command) }
    #expect(vm.shows(9))
    #expect(served.device.memory.ranges.count == 3)
  }

  @Test func `a keyboard is attached beside the GPU, on a connection of its own`() throws {
    let vm = try VM(Served())
    let memory = GuestMemory()
    let keyboard = try KeyboardDevice(memory: memory)
    let service = try Service(keyboard.function, memory)
    defer { service.end() }
    let client = try CloudHypervisorClient(StreamSocket(path: service.path))
    let driver = try InputDriver(
      CloudHypervisorMachine(client, memory: vm.machine.memory), vm.ram)
    try vm.draw(seed: 1)
    try driver.bringUp(buffers: 8)
    #expect(keyboard.key(KeyCode(rawValue: 30), isPressed: true))
    #expect(try driver.next(timeoutInMilliseconds: Bench.patienceInMilliseconds) == 1 | 30 << 16 | 1 << 32)
    #expect(vm.shows(1))
  }

  // MARK: Interrupts

  /// Sends a request and takes its interrupt.
  private func isInterrupted(_ vm: VM) throws -> Bool {
    let chain = try vm.ram.layOut(
      request: GPUCommand.getDisplayInfo.encoded(), responseRoom: GPUCommand.getDisplayInfo.responseRoom,
      vm.driver.suited(ChainLayout()))
    try vm.driver.submit(chain.descriptors)
    let line = vm.driver.line(of: GPULayout.controlQueue)
    guard try vm.machine.waitForInterrupt(line, timeoutInMilliseconds: Bench.patienceInMilliseconds) else {
      return false
    }
    if line == .pin {
      #expect(try vm.driver.registers.readInterruptStatus() & 1 == 1)
    }
    return try vm.driver.control.takeUsed() != nil
  }

  @Test func `all vectors come at once, before the device's own enable bit and in place of the pin`() throws {
    let served = try Served()
    let vm = try VM(served)
    try vm.driver.bringUp()
    let control = try #require(vm.driver.function.inventory.vectorTable).capabilityOffset + 2
    let enabling = try #require(
      vm.requests.firstIndex {
        $0.command == Command.regionWrite && $0.region == 7 && $0.offset == UInt64(control)
      })
    typealias Set = VfioUserLayout.InterruptSet
    #expect(
      Array(vm.requests[enabling - 2..<enabling]) == [
        .init(
          command: Command.setInterrupts,
          payload: VfioUserPayload.setInterrupts(
            flags: Set.dataNone | Set.actionTrigger, index: 0, start: 0, count: 0)),
        .init(
          command: Command.setInterrupts,
          payload: VfioUserPayload.setInterrupts(
            flags: Set.dataEvent | Set.actionTrigger, index: 2, start: 0, count: 3),
          descriptorCount: 3),
      ])
    for _ in 1...3 { #expect(try isInterrupted(vm)) }
  }

  @Test func `the pin is let go of by any access to a base address, and comes again`() throws {
    let served = try Served()
    let vm = try VM(served)
    var options = GPUDriver.Options()
    options.usesVectors = false
    try vm.driver.bringUp(options)
    for _ in 1...3 { #expect(try isInterrupted(vm)) }
    let unmask = VfioUserLayout.InterruptSet.actionUnmask
    #expect(
      vm.requests.contains {
        $0.command == Command.setInterrupts && $0.payload.field32(at: 4) & unmask != 0
      })
  }

  @Test func `a driver goes from the pin to vectors and back`() throws {
    let served = try Served()
    let vm = try VM(served)
    for usesVectors in [true, false, true, false] {
      var options = GPUDriver.Options()
      options.usesVectors = usesVectors
      try vm.driver.bringUp(options)
      #expect(try isInterrupted(vm))
    }
  }

  @Test func `a vector is signalled whatever its mask, which only this side knows`() throws {
    let served = try Served()
    let vm = try VM(served)
    try vm.driver.bringUp()
    let table = try #require(vm.driver.function.inventory.vectorTable)
    guard case .vector(let vector) = vm.driver.line(of: GPULayout.controlQueue) else {
      Issue.record("the driver uses no vectors")
      return
    }
    let mask = table.tableOffset + UInt64(vector * PCILayout.MSIX.entrySize + PCILayout.MSIX.entryControl)
    try vm.machine.writeBAR(table.tableBAR, at: mask, width: 4, 1)
    let chain = try vm.ram.layOut(
      request: GPUCommand.getDisplayInfo.encoded(), responseRoom: GPUCommand.getDisplayInfo.responseRoom)
    try vm.driver.submit(chain.descriptors)
    for _ in 0..<Bench.patienceInMilliseconds where !vm.machine.isRaised(vector) { usleep(1000) }
    #expect(try !vm.machine.waitForInterrupt(.vector(vector), timeoutInMilliseconds: 0))
    try vm.machine.writeBAR(table.tableBAR, at: mask, width: 4, 0)
    #expect(try vm.machine.waitForInterrupt(.vector(vector), timeoutInMilliseconds: 0))
    #expect(!vm.requests.contains { $0.isAccess && $0.region == UInt32(table.tableBAR) && $0.offset < 0x800 })
  }

  @Test func `thirty-three vectors come in blocks of sixteen, and each reaches its event`() throws {
    let function = ManyVectors(count: 33)
    let service = try Service(function, GuestMemory())
    defer { service.end() }
    let machine = try CloudHypervisorMachine(
      CloudHypervisorClient(StreamSocket(path: service.path)), memory: [])
    let control = 0x42
    try machine.writeConfig(control, width: 2, UInt32(PCILayout.MSIX.controlEnable))
    let blocks = machine.client.requests.filter {
      $0.command == Command.setInterrupts && $0.payload.field32(at: 8) == 2
    }
    #expect(blocks.map(\.descriptorCount) == [16, 16, 1])
    #expect(blocks.map { $0.payload.field32(at: 12) } == [0, 16, 32])
    for vector in 0..<33 {
      function.signal(vector)
      #expect(machine.isRaised(vector))
      let mask = UInt64(vector * PCILayout.MSIX.entrySize + PCILayout.MSIX.entryControl)
      try machine.writeBAR(0, at: mask, width: 4, 0)
      #expect(try machine.waitForInterrupt(.vector(vector), timeoutInMilliseconds: 0))
    }
    #expect((0..<33).allSatisfy { !machine.isRaised($0) })
  }

  // MARK: Leaving

  @Test func `a VM that ends unmaps nothing, and the next finds the device as after power-on`() throws {
    let served = try Served()
    for seed in 1...3 {
      let vm = try VM(served)
      #expect(try vm.machine.readConfig(PCILayout.command, width: 2) == 0)
      try vm.driver.discover()
      #expect(try vm.driver.function.status == 0)
      try vm.draw(seed: seed)
      #expect(vm.shows(seed))
      let count = vm.requests.count
      try vm.machine.shutDown()
      #expect(vm.requests[count...].map(\.command) == [Command.setInterrupts])
    }
  }

  @Test func `a VM that starts before the last has gone waits for its turn`() throws {
    let served = try Served()
    let first = try VM(served)
    try first.draw(seed: 1)
    let next = try StreamSocket(path: served.path)
    try first.machine.shutDown()
    let vm = try VM(served, next)
    try vm.draw(seed: 2)
    #expect(vm.shows(2))
  }

  @Test func `unplugging takes memory away first, and the device can be plugged in again`() throws {
    let served = try Served()
    for seed in 1...2 {
      let vm = try VM(served)
      try vm.draw(seed: seed)
      #expect(vm.shows(seed))
      try vm.driver.reset()
      let count = vm.requests.count
      try vm.machine.unplug()
      #expect(
        vm.requests[count...].map(\.command) == [Command.dmaUnmap, Command.dmaUnmap, Command.setInterrupts])
    }
  }

  @Test func `unplugging under a running driver harms nobody`() throws {
    let served = try Served()
    let first = try VM(served)
    try first.draw(seed: 1)
    try first.machine.unplug()
    let vm = try VM(served)
    try vm.draw(seed: 2)
    #expect(vm.shows(2))
  }
}
