import DeviceMachine
import GuestDriver
import GuestRAM
import ScanoutDevice
import Synchronization
import Testing

/// A clock that stands still until a test moves it.
final class TestClock: Sendable {
  private let start = ContinuousClock.now
  private let milliseconds = Atomic(0)
  var now: ContinuousClock.Instant {
    start.advanced(by: .milliseconds(milliseconds.load(ordering: .acquiring)))
  }
  func advance(milliseconds count: Int) { milliseconds.add(count, ordering: .releasing) }
}

/// A device that answers fenced flushes at refreshes, which are 16.7 ms apart by a clock of the test's, with a frame buffer
/// on its first output.
struct PacedStand {
  let clock = TestClock()
  let bench: Bench
  let framebuffer: Framebuffer
  var driver: GPUDriver { bench.driver }
  var control: any DriverRing { driver.control }

  init(_ path: DevicePath, _ options: GPUDriver.Options = GPUDriver.Options()) throws {
    bench = try Bench(
      path, outputs: [(640, 480), (640, 480)], fences: .refresh, clock: { [clock] in clock.now })
    try bench.driver.bringUp(options)
    framebuffer = try bench.driver.createFramebuffer(width: 64, height: 64)
    try bench.driver.show(framebuffer)
  }

  /// Sends a request and does not wait; what names its buffer when it is used, and its chain.
  @discardableResult
  func offer(_ command: GPUCommand, fence: UInt64? = nil) throws -> (name: UInt32, chain: LaidOutChain) {
    let bytes = fence.map { command.encoded(fence: $0) } ?? command.encoded()
    let chain = try bench.ram.layOut(
      request: bytes, responseRoom: command.responseRoom, driver.suited(ChainLayout()))
    return (UInt32(try driver.submit(chain.descriptors)), chain)
  }

  /// Sends a flush with a fence and waits until it is carried out.
  @discardableResult
  func flush(fence: UInt64) throws -> (name: UInt32, chain: LaidOutChain) {
    let offered = try offer(flush, fence: fence)
    #expect(isResting())
    return offered
  }

  var flush: GPUCommand { .flush(framebuffer.bounds, resource: framebuffer.resource) }

  /// Whether the control queue comes to rest with a buffer that the driver does not have yet.
  func isResting() -> Bool {
    bench.eventually {
      let snapshot = bench.device.device.inspect(withinMilliseconds: Bench.patienceInMilliseconds)
      return (snapshot.function.virtio.queues[0].ring?.inFlight ?? 0) > 0
    }
  }

  /// Has the device look at both queues once more: the control queue first, so what was due there is there afterwards.
  func lookAgain() throws { try driver.expectOK(.moveCursor(scanout: 0, x: 1, y: 2)) }
}

/// When fences of flushes are signalled (virtio 1.4 §5.7.6.5).
@Suite struct FlushFenceTests {
  /// The ways in which buffers come back.
  enum Format: CaseIterable {
    case split, splitInOrder, packed, packedInOrder

    var options: GPUDriver.Options {
      var options = GPUDriver.Options()
      typealias Feature = VirtioLayout.Feature
      if self == .packed || self == .packedInOrder {
        options.wantedFeatures |= 1 << UInt64(Feature.ringPacked)
      }
      if self == .splitInOrder || self == .packedInOrder {
        options.wantedFeatures |= 1 << UInt64(Feature.inOrder)
      }
      return options
    }
  }

  @Test(arguments: DevicePath.allCases, Format.allCases)
  func `a fenced flush is seen at once and answered at the next refresh, and what is behind it stays behind`(
    _ path: DevicePath, _ format: Format
  ) throws {
    let stand = try PacedStand(path, format.options)
    stand.driver.draw(stand.framebuffer, pattern(4))
    try stand.driver.transfer(stand.framebuffer)
    let flush = try stand.flush(fence: 0x77)
    #expect(stand.bench.picture() == Picture(width: 64, height: 64, pattern(4)))
    let second = try stand.offer(
      .transferToHost2D(stand.framebuffer.bounds, offset: 0, resource: stand.framebuffer.resource),
      fence: 0x78)
    let third = try stand.offer(stand.flush)
    stand.clock.advance(milliseconds: 16)
    try stand.lookAgain()
    #expect(!stand.control.hasUsed, "before the refresh")
    stand.clock.advance(milliseconds: 1)
    for (offered, fence) in [(flush, UInt64(0x77)), (second, 0x78), (third, 0)] {
      let used = try stand.driver.awaitUsed()
      #expect(used.head == offered.name)
      let reply = GPUReply(usedLength: used.length, room: stand.driver.answer(in: offered.chain))
      #expect(reply.isOK && reply.header?.fenceID == fence)
    }
  }

  @Test(arguments: DevicePath.allCases)
  func `a flush waits for the refresh behind the one that answered the last`(_ path: DevicePath) throws {
    let stand = try PacedStand(path)
    let first = try stand.flush(fence: 1)
    let second = try stand.offer(stand.flush, fence: 2)
    for offered in [first, second] {
      stand.clock.advance(milliseconds: 17)
      #expect(try stand.driver.awaitUsed().head == offered.name)
      if offered.name == first.name { #expect(stand.isResting() && !stand.control.hasUsed) }
    }
  }

  @Test(arguments: DevicePath.allCases)
  func `what is no fenced flush of something shown is answered at once`(_ path: DevicePath) throws {
    let stand = try PacedStand(path), driver = stand.driver
    let hidden = try driver.createFramebuffer(width: 8, height: 8)
    let whole = stand.framebuffer.bounds
    try driver.expectOK(stand.flush)
    let requests: [(GPUCommand, isOK: Bool)] = [
      (.flush(hidden.bounds, resource: hidden.resource), true),
      (.flush(GPURect(3, 3, 0, 0), resource: stand.framebuffer.resource), true),
      (.flush(GPURect(3, 3, 64, 64), resource: stand.framebuffer.resource), false),
      (.transferToHost2D(whole, offset: 0, resource: stand.framebuffer.resource), true),
      (.getDisplayInfo, true),
    ]
    for (index, (command, isOK)) in requests.enumerated() {
      let reply = try driver.send(command, fence: UInt64(index))
      #expect(reply.isOK == isOK && reply.header?.isFenced == true, "\(command)")
    }
    try driver.expectOK(.setScanout(whole, scanout: 0, resource: 0))
    #expect(try driver.send(stand.flush, fence: 9).isOK, "nothing shows it any more")
  }

  @Test(arguments: DevicePath.allCases)
  func `of several outputs the last refresh counts, each from when it was turned on`(_ path: DevicePath)
    throws
  {
    let stand = try PacedStand(path)
    stand.clock.advance(milliseconds: 10)
    try stand.driver.show(stand.framebuffer, on: 1)
    try stand.flush(fence: 1)  // the outputs' refreshes are at 16.7 and 26.7
    stand.clock.advance(milliseconds: 10)
    try stand.lookAgain()
    #expect(!stand.control.hasUsed)
    stand.clock.advance(milliseconds: 7)
    _ = try stand.driver.awaitUsed()
  }

  @Test(arguments: DevicePath.allCases)
  func `another picture of the same size keeps an output's refreshes where they are`(_ path: DevicePath)
    throws
  {
    let stand = try PacedStand(path)
    let other = try stand.driver.createFramebuffer(width: 64, height: 64)
    stand.clock.advance(milliseconds: 10)
    try stand.driver.show(other)
    try stand.offer(.flush(other.bounds, resource: other.resource), fence: 1)
    #expect(stand.isResting())
    stand.clock.advance(milliseconds: 7)
    _ = try stand.driver.awaitUsed()
  }

  @Test func `by the system's clock fences come, in order`() throws {
    let bench = try Bench(.socket, fences: .refresh)
    try bench.driver.bringUp()
    let framebuffer = try bench.driver.createFramebuffer(width: 64, height: 64)
    try bench.driver.show(framebuffer)
    let command = GPUCommand.flush(framebuffer.bounds, resource: framebuffer.resource)
    let names = try (0..<5).map { index in
      let chain = try bench.ram.layOut(
        request: command.encoded(fence: UInt64(index)), responseRoom: command.responseRoom, ChainLayout())
      return UInt32(try bench.driver.submit(chain.descriptors))
    }
    for name in names { #expect(try bench.driver.awaitUsed().head == name) }
  }

  @Test func `where the doorbell's thread works the rings a flush is answered at once`() throws {
    let memory = GuestMemory(), clock = TestClock(), ram = GuestRAMImage()
    let mode = try #require(OutputMode(width: 640, height: 480))
    let device = try DisplayDevice(
      outputs: [OutputPreference(mode: mode)], memory: memory, scheduling: .inline, pci: VirtioPCIOptions(),
      limits: DisplayLimits(), hostVisibleMemory: 0, fences: .refresh, clock: { clock.now }, log: nil)
    let machine = try InProcessMachine(device.function, memory: memory)
    let block = try RAMBlock(base: Bench.ramBase, size: 1 << 20)
    ram.add(block)
    try machine.mapRAM(block, access: .readWrite)
    let driver = GPUDriver(machine, ram: ram)
    try driver.bringUp()
    let framebuffer = try driver.createFramebuffer(width: 64, height: 64)
    try driver.show(framebuffer)
    let reply = try driver.send(.flush(framebuffer.bounds, resource: framebuffer.resource), fence: 5)
    #expect(reply.isOK && reply.header?.fenceID == 5)
  }
}
