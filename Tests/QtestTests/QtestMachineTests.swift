import Glibc
import GuestDriver
import Testing

/// A machine type of QEMU.
enum MachineType: String, CaseIterable, CustomTestStringConvertible {
  case pc, q35
  var testDescription: String { rawValue }
}

/// Which interrupts a driver asks for.
enum Interrupts: String, CaseIterable, CustomTestStringConvertible {
  case vectors, pin
  var testDescription: String { rawValue }

  var options: GPUDriver.Options {
    var options = GPUDriver.Options()
    options.usesVectors = self == .vectors
    return options
  }
}

/// The QEMU under test: another than the system's for a run by hand.
let qemu = unsafe getenv("SCANOUT_QEMU").map { unsafe String(cString: $0) } ?? "qemu-system-x86_64"

/// A driver before a device of QEMU's.
struct QtestBench {
  let machine: QtestMachine
  let driver: GPUDriver

  init(_ type: MachineType, device: String = "virtio-gpu-pci,id=gpu,max_outputs=2") throws {
    machine = try QtestMachine(command: [qemu, "-machine", type.rawValue, "-device", device])
    driver = GPUDriver(machine, ram: machine.ram)
  }

  /// Draws a picture and compares it with what QEMU shows.
  func expectPicture(of width: Int, by height: Int, _ layout: BackingLayout) throws {
    let framebuffer = try driver.createFramebuffer(width: width, height: height, layout: layout)
    driver.draw(framebuffer) { x, y in Self.pixel(x, y) }
    try driver.show(framebuffer)
    try driver.present(framebuffer)
    let shown = try machine.screenshot()
    #expect(shown.width == width && shown.height == height)
    let drawn = (0..<width * height).flatMap { index in
      let pixel = Self.pixel(index % width, index / width)
      return [pixel.red, pixel.green, pixel.blue]
    }
    // Not the arrays themselves: a difference would be printed byte for byte.
    let isSame = shown.bytes == drawn
    #expect(isSame, "the picture that was drawn")
  }

  private static func pixel(_ x: Int, _ y: Int) -> GPUPixel {
    GPUPixel(
      red: UInt8(truncatingIfNeeded: x), green: UInt8(truncatingIfNeeded: y),
      blue: UInt8(truncatingIfNeeded: x ^ 3 * y))
  }
}

/// QEMU's own device, driven through the qtest protocol.
@Suite struct QtestMachineTests {
  @Test(arguments: MachineType.allCases, Interrupts.allCases)
  func `QEMU's virtio GPU comes up, tells its outputs and shows a picture`(
    _ type: MachineType, _ interrupts: Interrupts
  ) throws {
    let bench = try QtestBench(type)
    try bench.driver.bringUp(interrupts.options)
    let displays = try #require(try bench.driver.send(.getDisplayInfo, fence: 7).displays)
    #expect(displays[0].isEnabled && displays[0].rect.width > 0)
    #expect(try bench.driver.function.readDevice(GPULayout.Config.scanoutCount, width: 4) == 2)
    try bench.expectPicture(of: 640, by: 480, .contiguous)
    try bench.expectPicture(of: 333, by: 77, .shuffledPages(seed: 5))
  }

  @Test(arguments: MachineType.allCases, Interrupts.allCases)
  func `each answer comes with an interrupt of its queue and none comes without`(
    _ type: MachineType, _ interrupts: Interrupts
  ) throws {
    let bench = try QtestBench(type)
    let driver = bench.driver, machine = bench.machine
    try driver.bringUp(interrupts.options)
    for (queue, command) in [
      (GPULayout.controlQueue, GPUCommand.getDisplayInfo),
      (GPULayout.cursorQueue, .moveCursor(scanout: 0, x: 1, y: 1)),
    ] {
      let line = driver.line(of: queue)
      #expect(try !machine.waitForInterrupt(line, timeoutInMilliseconds: 20))
      let chain = try machine.ram.layOut(request: command.encoded(), responseRoom: command.responseRoom)
      try driver.submit(chain.descriptors, on: queue)
      #expect(try machine.waitForInterrupt(line, timeoutInMilliseconds: 60_000))
      #expect(try driver.ring(queue).takeUsed() != nil)
      if line == .pin {
        // Virtio 1.4 §4.1.4.5: reading the status lowers the pin; until then it is high again at once.
        try machine.acknowledgeInterrupt(.pin)
        #expect(try machine.waitForInterrupt(.pin, timeoutInMilliseconds: 0))
        #expect(try driver.function.readInterruptStatus() == VirtioLayout.InterruptStatus.queue)
        try machine.acknowledgeInterrupt(.pin)
      }
      #expect(try !machine.waitForInterrupt(line, timeoutInMilliseconds: 20))
    }
  }

  @Test(arguments: MachineType.allCases, Interrupts.allCases)
  func `a reset takes everything back, and the device comes up again`(
    _ type: MachineType, _ interrupts: Interrupts
  ) throws {
    let bench = try QtestBench(type)
    for _ in 0..<3 {
      try bench.driver.bringUp(interrupts.options)
      try bench.expectPicture(of: 64, by: 48, .pieces(1000))
      try bench.machine.resetFunction()
      #expect(try bench.machine.readConfig(PCILayout.command, width: 2) & 7 == 0)
      #expect(throws: DriverError.self) { try bench.machine.readBAR(4, at: 0, width: 4) }
    }
  }

  @Test(arguments: MachineType.allCases)
  func `accesses of every width say the same`(_ type: MachineType) throws {
    let bench = try QtestBench(type), machine = bench.machine
    try bench.driver.bringUp()
    func together(_ count: Int, _ read: (Int) throws -> UInt64) rethrows -> UInt64 {
      try (0..<count).reduce(0) { try $0 | read($1) << UInt64(8 * $1) }
    }
    for (offset, width) in [(0, 2), (0, 4), (2, 2), (1, 2), (3, 2), (1, 4), (0, 3)] {
      let whole = UInt64(try machine.readConfig(offset, width: width))
      #expect(
        try whole == together(width) { UInt64(try machine.readConfig(offset + $0, width: 1)) })
    }
    // The device's own configuration: what it holds does not change by reading.
    let device = try bench.driver.function.device
    for width in [2, 3, 4, 5, 8] {
      let whole = try machine.readBAR(device.bar, at: device.offset + 8, width: width)
      #expect(
        try whole
          == together(width) { try machine.readBAR(device.bar, at: device.offset + 8 + UInt64($0), width: 1) }
      )
    }
    // The address in an entry of the vector table holds what was written.
    let table = try #require(bench.driver.function.inventory.vectorTable)
    for width in [4, 8] {
      let value: UInt64 = 0x1122_3344_5566_7788 >> UInt64(64 - 8 * width) & ~3
      try machine.writeBAR(table.tableBAR, at: table.tableOffset, width: width, value)
      #expect(try machine.readBAR(table.tableBAR, at: table.tableOffset, width: width) == value)
    }
    // A width that no access has goes in pieces: here four bytes of one register and one of the next.
    let function = try #require(bench.driver.function)
    try bench.driver.reset()
    let place = function.common.offset + UInt64(CommonRegister.queueDescriptorArea.offset)
    try machine.writeBAR(function.common.bar, at: place, width: 5, 0x12_3456_7890)
    #expect(try function.read(.queueDescriptorArea) == 0x12_3456_7890)
  }

  @Test func `configuration space behind its first 256 bytes is in memory on q35, and nowhere on pc`() throws
  {
    let device = ["-device", "virtio-gpu-pci"]
    let q35 = try QtestMachine(command: [qemu, "-machine", "q35"] + device)
    // A function on the root complex: nothing stands there.
    #expect(try q35.readConfig(256, width: 4) == 0xffff_ffff || q35.readConfig(256, width: 4) == 0)
    #expect(throws: DriverError.self) { try q35.readConfig(4096, width: 4) }
    let pc = try QtestMachine(command: [qemu, "-machine", "pc"] + device)
    #expect(throws: DriverError.missing("configuration space at 256 on this machine")) {
      try pc.readConfig(256, width: 4)
    }
  }

  @Test func `an I/O base address gets a port, where the device answers`() throws {
    let machine = try QtestMachine(
      command: [qemu, "-machine", "pc", "-device", "virtio-rng-pci,disable-legacy=off"])
    let inventory = try PCIInventory(probing: machine)
    let ports = try #require(inventory.baseAddresses.first { $0.isIO })
    #expect(ports.address >= 0xc000 && ports.address + ports.size <= 0x1_0000)
    #expect(inventory.baseAddresses.allSatisfy { $0.isIO || $0.address >= 0xe000_0000 })
    try machine.writeConfig(PCILayout.command, width: 2, UInt32(PCILayout.Command.ioSpace))
    // Virtio 1.4 §4.1.4.10: the legacy header has the device status at 18.
    #expect(try machine.readBAR(ports.index, at: 18, width: 1) == 0)
    try machine.writeBAR(ports.index, at: 18, width: 1, 3)
    #expect(try machine.readBAR(ports.index, at: 18, width: 1) == 3)
    // The address of a queue, in pages, at 8.
    try machine.writeBAR(ports.index, at: 8, width: 4, 0x1234)
    #expect(try machine.readBAR(ports.index, at: 8, width: 4) == 0x1234)
  }

  @Test func `memory that is not the machine's own cannot be mapped`() throws {
    let bench = try QtestBench(.q35), own = try #require(bench.machine.ram.blocks.first)
    try bench.machine.mapRAM(own, access: .readWrite)
    #expect(throws: DriverError.self) { try bench.machine.mapRAM(own, access: .readable) }
    #expect(throws: DriverError.self) { try bench.machine.unmapRAM(own) }
    let other = try RAMBlock(base: bench.machine.ram.endOfRAM, size: 4096)
    bench.machine.ram.add(other)
    #expect(throws: DriverError.self) { try bench.machine.mapRAM(other, access: .readWrite) }
  }
}
