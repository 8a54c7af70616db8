import DeviceMachine
import GuestDriver
import HostThreads
import ScanoutDevice
import Synchronization
import Testing

/// Two displays in one VMM process, each with a guest, a thread and a view of memory of its own.
@Suite(.timeLimit(.minutes(15))) struct TwoDevicesTests {
  private static let side = 64
  private static let patienceInMilliseconds = 60_000

  /// A guest with two outputs: the first shows what it draws itself, the second what lies in memory that both guests share.
  private final class Guest {
    let device: DisplayDevice
    let driver: GPUDriver
    private let memory = GuestMemory()
    private let channel: any DisplayChannel
    private let viewer = Viewer()
    private let shared: RAMBlock
    private let sharedAddress: UInt64
    private let sharedResource: UInt32 = 0x1000

    init(shared: RAMBlock, at sharedAddress: UInt64) throws {
      let mode = try #require(OutputMode(width: side, height: side))
      device = try DisplayDevice(outputs: [mode, mode], memory: memory)
      channel = try device.attach(viewer)
      self.shared = shared
      self.sharedAddress = sharedAddress
      // Both guests have their own memory at the same address.
      let block = try RAMBlock(base: 0x1000_0000, size: 4 << 20), ram = GuestRAMImage()
      ram.add(block)
      let machine = try InProcessMachine(device.function, memory: memory)
      try machine.mapRAM(block, access: .readWrite)
      driver = GPUDriver(machine, ram: ram)
      driver.timeoutInMilliseconds = patienceInMilliseconds
      try mapShared()
    }

    deinit { channel.detach() }

    private func mapShared() throws {
      let region = try MappedRegion(
        fileDescriptor: shared.descriptor, offset: 0, count: UInt64(shared.size), writable: true)
      try memory.add(region, at: GuestAddress(sharedAddress))
    }

    /// Takes the shared memory away from this guest, and gives it back.
    func remapShared() throws {
      try memory.remove(
        #require(GuestRange(start: GuestAddress(sharedAddress), count: UInt64(shared.size))))
      try mapShared()
    }

    /// From power-on to pictures on both outputs.
    func start() throws -> Framebuffer {
      try driver.bringUp()
      let own = try driver.createFramebuffer(width: side, height: side)
      try driver.show(own)
      let side = UInt32(side), bounds = GPURect(0, 0, side, side)
      try driver.expectOK(
        .createResource2D(id: sharedResource, format: GPUFormat.bgrx.rawValue, width: side, height: side))
      try driver.expectOK(
        .attachBacking(
          id: sharedResource, [GPUMemoryEntry(address: sharedAddress, length: side * side * 4)]))
      try driver.expectOK(.setScanout(bounds, scanout: 1, resource: sharedResource))
      try driver.expectOK(.transferToHost2D(bounds, offset: 0, resource: sharedResource))
      try driver.expectOK(.flush(bounds, resource: sharedResource))
      return own
    }

    /// Draws a picture of one colour into the first output.
    func draw(_ own: Framebuffer, _ shade: UInt8) throws {
      driver.draw(own) { _, _ in GPUPixel(red: shade, green: shade, blue: shade) }
      try driver.present(own)
    }

    /// The colours that an output shows; none while it is off.
    func colours(_ output: Int) -> Set<UInt32> {
      _ = channel.takeChanges(ofOutput: output)
      let shown = channel.withSurface(ofOutput: output) { surface in
        var colours: Set<UInt32> = []
        for y in 0..<surface.height {
          for x in 0..<surface.width { colours.insert(surface.pixel(x: x, y: y)) }
        }
        return colours
      }
      return shown ?? []
    }
  }

  @Test("one is reset again and again while the other draws, and each shows what its own guest drew")
  func independence() throws {
    let shared = try RAMBlock(base: 0, size: 64 << 10)
    let image = GuestRAMImage()
    image.add(shared)
    for pixel in 0..<UInt64(Self.side * Self.side) { image.write([0x33, 0x22, 0x11, 0], at: 4 * pixel) }
    let isDrawing = Event(), hasEnded = Atomic(false)

    let resetter = try HostThread(name: "resetter") {
      do {
        let one = try Guest(shared: shared, at: 0x8000_0000)
        isDrawing.wait()
        for turn in 0..<50 {
          let own = try one.start()
          try one.draw(own, 0xff)
          #expect(one.colours(0) == [0xffffff] && one.colours(1) == [0x112233])
          try one.remapShared()
          if turn % 2 == 0 { one.device.function.reset() } else { try one.driver.reset() }
          #expect(one.colours(0).isEmpty && one.colours(1).isEmpty)
        }
      } catch { Issue.record(error) }
      hasEnded.store(true, ordering: .releasing)
    }
    defer {
      isDrawing.signal()
      resetter.join()
    }

    let other = try Guest(shared: shared, at: 0x2_0000_0000)
    let own = try other.start()
    isDrawing.signal()
    var pictures = 0
    while pictures < 50 || !hasEnded.load(ordering: .acquiring) {
      let shade = UInt8(pictures % 255)
      try other.draw(own, shade)
      try #require(other.colours(0) == [UInt32(shade) * 0x010101], "picture \(pictures)")
      try #require(other.colours(1) == [0x112233], "picture \(pictures)")
      pictures += 1
    }
  }
}
