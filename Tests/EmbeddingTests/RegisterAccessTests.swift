import CHeldPages
import DeviceMachine
import Glibc
import GuestDriver
import HostThreads
import ScanoutDevice
import Testing

/// What vCPU threads may do while the device's thread is in the middle of a picture.
@Suite(.serialized, .timeLimit(.minutes(15))) struct RegisterAccessTests {
  private static let patienceInMilliseconds: CInt = 60_000
  private static let width = 3840, height = 2160

  /// A device that draws a large picture out of memory that the test holds.
  @safe private final class Stand {
    static let ramBase: UInt64 = 0x4000_0000
    static let ramSize = 48 << 20
    let device: DisplayDevice
    let driver: GPUDriver
    let framebuffer: Framebuffer
    /// The device's own view of the guest's memory.
    private let lent: UnsafeMutableRawPointer
    private let memory = GuestMemory()
    private let ram = GuestRAMImage()

    init() throws {
      let block = try RAMBlock(base: Self.ramBase, size: Self.ramSize)
      ram.add(block)
      let mapped = unsafe mmap(
        nil, Self.ramSize, PROT_READ | PROT_WRITE, MAP_SHARED, block.descriptor, off_t(block.fileOffset))
      unsafe lent = try #require(unsafe mapped == MAP_FAILED ? nil : mapped)
      // Mapped above, and unmapped after it was removed.
      let region = unsafe try MappedRegion(borrowing: lent, count: Self.ramSize, writable: true)
      try memory.add(region, at: GuestAddress(Self.ramBase))
      let mode = try #require(OutputMode(width: width, height: height))
      var pci = VirtioPCIOptions()
      pci.transport = .transitional
      device = try DisplayDevice(outputs: [mode], memory: memory, pci: pci)
      driver = GPUDriver(try InProcessMachine(device.function, memory: memory), ram: ram)
      driver.timeoutInMilliseconds = Int(patienceInMilliseconds)
      try driver.bringUp()
      framebuffer = try driver.createFramebuffer(width: width, height: height)
      try driver.show(framebuffer)
    }

    deinit {
      memory.removeAll()
      _ = unsafe munmap(lent, Self.ramSize)
    }

    /// Asks for the whole picture, and returns when the device's thread is at its middle row.
    func holdInTransfer() throws -> LaidOutChain {
      let middle = framebuffer.backing[0].address - Self.ramBase + UInt64(width * height / 2 * 4)
      // The picture is in one piece inside the mapping.
      let page = unsafe lent + Int(middle & ~4095)
      #expect(unsafe held_pages_hold(page, 4096) == 0)
      let command = GPUCommand.transferToHost2D(framebuffer.bounds, offset: 0, resource: framebuffer.resource)
      let chain = try ram.layOut(
        request: command.encoded(), responseRoom: command.responseRoom, driver.suited(ChainLayout()))
      try driver.submit(chain.descriptors)
      try #require(held_pages_await(patienceInMilliseconds) == 1, "the transfer did not start")
      return chain
    }
  }

  /// Reads a register and writes a value back to it.
  private struct Register: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let region: PCIRegion
    let offset: UInt64
    let width: Int
    var value: UInt64? = nil
  }

  private static let registers: [Register] = [
    Register(testDescription: "identity", region: .configuration, offset: 0x00, width: 4),
    Register(testDescription: "command", region: .configuration, offset: 0x04, width: 2, value: 7),
    Register(testDescription: "a BAR", region: .configuration, offset: 0x14, width: 4, value: 0xfe00_0000),
    Register(testDescription: "MSI-X control", region: .configuration, offset: 0x42, width: 2, value: 0x8000),
    Register(testDescription: "common configuration", region: .bar(4), offset: 0x00, width: 4, value: 1),
    Register(testDescription: "device_status", region: .bar(4), offset: 0x14, width: 1, value: 15),
    Register(testDescription: "queue_select", region: .bar(4), offset: 0x16, width: 2, value: 1),
    Register(testDescription: "queue_enable", region: .bar(4), offset: 0x1c, width: 2, value: 1),
    Register(testDescription: "ISR status", region: .bar(4), offset: 0x1000, width: 1),
    Register(testDescription: "device configuration", region: .bar(4), offset: 0x2000, width: 4, value: 0),
    Register(testDescription: "events_clear", region: .bar(4), offset: 0x2004, width: 4, value: 1),
    Register(testDescription: "ring in one piece", region: .bar(4), offset: 0x3000, width: 4, value: 0),
    Register(testDescription: "doorbell", region: .bar(4), offset: 0x4000, width: 2, value: 0),
    Register(testDescription: "the other doorbell", region: .bar(4), offset: 0x4004, width: 4, value: 1),
    Register(testDescription: "MSI-X table", region: .bar(1), offset: 0x20, width: 4, value: 0xfee0_0000),
    Register(testDescription: "MSI-X pending bits", region: .bar(1), offset: 0x800, width: 8),
    Register(testDescription: "legacy features", region: .bar(0), offset: 0x00, width: 4),
    Register(testDescription: "legacy queue_select", region: .bar(0), offset: 0x0e, width: 2, value: 0),
    Register(testDescription: "legacy doorbell", region: .bar(0), offset: 0x10, width: 2, value: 0),
    Register(testDescription: "legacy ISR status", region: .bar(0), offset: 0x13, width: 1),
  ]

  @Test("every register is read and written while the device's thread is in the middle of a 4K transfer")
  func registers() throws {
    let stand = try Stand()
    let corner = GPURect(3800, 2100, 40, 60)
    stand.driver.draw(stand.framebuffer, in: corner) { x, y in
      GPUPixel(red: UInt8(x & 255), green: UInt8(y & 255), blue: 7)
    }
    let chain = try stand.holdInTransfer()
    // Whatever fails: the thread goes on, or nothing of this ever ends.
    var isHeld = true
    defer { if isHeld { held_pages_release() } }

    let device = stand.device, function = device.function
    let reached = Lock<[String]>([])
    let ended = Event()
    let processor = try HostThread(name: "vCPU") {
      for register in Self.registers {
        _ = function.read(register.region, at: register.offset, width: register.width)
        if let value = register.value {
          function.write(register.region, at: register.offset, width: register.width, value)
        }
        reached.withLock { $0.append(register.testDescription) }
      }
      for doorbell in function.doorbells { function.ring(doorbell) }
      _ = (0...5).map { function.address(ofBAR: $0) }
      device.setOutput(0, to: OutputPreference(mode: OutputMode(width: 800, height: 600)!))
      ended.signal()
    }
    let hasEnded = ended.wait(atMost: .milliseconds(Int(Self.patienceInMilliseconds)))
    #expect(hasEnded, "waits behind \(reached.withLock { $0.last ?? "nothing" })")
    #expect(try stand.driver.control.takeUsed() == nil, "the transfer is still held")

    held_pages_release()
    isHeld = false
    processor.join()
    _ = try stand.driver.awaitUsed()
    let answer = stand.driver.answer(in: chain)
    #expect(answer[0] == 0x00 && answer[1] == 0x11)  // VIRTIO_GPU_RESP_OK_NODATA
    try stand.driver.flush(stand.framebuffer)
    let viewer = Viewer(), channel = try stand.device.attach(viewer)
    #expect(viewer.pixel(3839, 2159, of: channel) == 0xff6f07)
    channel.detach()
  }

  @Test("a driver's reset returns at once in the middle of a 4K transfer, and is done when that is")
  func reset() throws {
    let stand = try Stand()
    _ = try stand.holdInTransfer()
    var isHeld = true
    defer { if isHeld { held_pages_release() } }
    let function = stand.device.function
    let status = Lock<UInt64?>(nil)
    let ended = Event()
    let processor = try HostThread(name: "vCPU") {
      function.write(.bar(4), at: 0x14, width: 1, 0)
      let seen = function.read(.bar(4), at: 0x14, width: 1)
      status.withLock { $0 = seen }
      ended.signal()
    }
    #expect(ended.wait(atMost: .milliseconds(Int(Self.patienceInMilliseconds))))
    #expect(status.withLock { $0 } == 15)
    held_pages_release()
    isHeld = false
    processor.join()
    while function.read(.bar(4), at: 0x14, width: 1) != 0 {}
    try stand.driver.bringUp()
    #expect(try stand.driver.send(.getDisplayInfo).displays?.first?.isEnabled == true)
  }
}
