import FrontEndAPI
import GuestDriver
import Glibc
import GuestRAM
import PCIBus
import ScanoutDevice
import Testing

/// The two ways to a device: every case runs on both.
enum DevicePath: String, CaseIterable, CustomTestStringConvertible {
  case inProcess = "in the process"
  case socket = "over vfio-user"
  var testDescription: String { rawValue }
}

/// One device with a driver before it and a front-end behind it.
final class Bench {
  /// Where guest memory lies: not at 0, and with a neighbour and a hole.
  static let ramBase: UInt64 = 0x1000_0000
  static let ramSize = 48 << 20

  let path: DevicePath
  let device: TestDevice
  let machine: any Machine
  let driver: GPUDriver
  let ram: GuestRAMImage
  /// Memory next to the first block, mapped as a region of its own.
  let neighbour: RAMBlock
  /// Memory that the device may only read.
  let readOnly: RAMBlock

  init(
    _ path: DevicePath, outputs: [(width: Int, height: Int)] = [(1024, 768)],
    pci: VirtioPCIOptions = VirtioPCIOptions(), limits: DisplayLimits = DisplayLimits(),
    hostVisibleMemory: UInt64 = 0, fences: FlushFences = .now,
    clock: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
  ) throws {
    self.path = path
    device = try TestDevice(
      outputs: outputs, pci: pci, limits: limits, hostVisibleMemory: hostVisibleMemory, fences: fences,
      clock: clock)
    machine = try device.machine(path)
    ram = GuestRAMImage()
    let main = try RAMBlock(base: Self.ramBase, size: Self.ramSize)
    neighbour = try RAMBlock(base: main.end, size: 1 << 20)
    readOnly = try RAMBlock(base: neighbour.end + 0x10_0000, size: 1 << 20)
    for block in [main, neighbour, readOnly] {
      ram.add(block)
      try machine.mapRAM(block, access: block === readOnly ? .readable : .readWrite)
    }
    driver = GPUDriver(machine, ram: ram)
    driver.timeoutInMilliseconds = Self.patienceInMilliseconds
  }

  /// A guest-physical address where nothing is, between two blocks.
  var hole: UInt64 { neighbour.end + 0x8_0000 }

  /// What an output shows to a front-end.
  func picture(_ output: Int = 0) -> Picture? { Picture(of: device.channel, output: output) }

  // MARK: Sane after

  /// The next valid commands succeed.
  func expectSane(sourceLocation: SourceLocation = #_sourceLocation) throws {
    let info = try driver.send(.getDisplayInfo, fence: 0x5a)
    #expect(info.displays != nil, "display information after misbehaviour", sourceLocation: sourceLocation)
    #expect(info.header?.fenceID == 0x5a, sourceLocation: sourceLocation)
    let id: UInt32 = 0x00ff_fff0
    let steps: [GPUCommand] = [
      .createResource2D(id: id, format: GPUFormat.bgrx.rawValue, width: 4, height: 4), .unref(id: id),
      .moveCursor(scanout: 0, x: 1, y: 1),
    ]
    for command in steps {
      let reply = try driver.send(command)
      #expect(
        reply.type == GPULayout.Response.okNoData, "\(command) after misbehaviour",
        sourceLocation: sourceLocation)
    }
  }

  /// After a reset and another bring-up the device works, whatever was before.
  func expectSaneAfterReset(sourceLocation: SourceLocation = #_sourceLocation) throws {
    try driver.bringUp()
    try expectSane(sourceLocation: sourceLocation)
    let framebuffer = try driver.createFramebuffer(width: 19, height: 5)
    driver.draw(framebuffer, pattern(3))
    try driver.show(framebuffer)
    try driver.present(framebuffer)
    #expect(
      picture() == Picture(width: 19, height: 5, pattern(3)), "a picture after misbehaviour",
      sourceLocation: sourceLocation)
  }

  // MARK: Broken rings

  /// What a device may do with what it cannot accept.
  enum Outcome: Equatable {
    /// It stopped with DEVICE_NEEDS_RESET.
    case needsReset
    /// It gave the chain back; the used element.
    case used(UsedElement)
    /// Neither, for as long as the test waited.
    case nothing
  }

  /// How long a test waits for what has to come. It bounds a hang and nothing else: under a sanitizer, beside other
  /// tests on a busy machine, a thread may not get its turn for seconds.
  static let patienceInMilliseconds = 60_000

  /// Waits until something is so, as it has to be once the device's thread has had its turn; false when it never is.
  func eventually(_ isSo: () throws -> Bool) rethrows -> Bool {
    for _ in 0..<Self.patienceInMilliseconds {
      if try isSo() { return true }
      usleep(1000)
    }
    return false
  }

  /// Waits until the device has had its last look at a split control ring, whose buffers have all come back.
  ///
  /// A turn of its thread looks at the control queue before the cursor queue. When the device has asked for doorbells of
  /// the cursor queue again, the next buffer there is for another turn, which comes with a last look at what was rung on
  /// the control queue before.
  func settle() throws {
    let ring = driver.splitCursor!
    try driver.expectOK(.moveCursor(scanout: 0, x: 1, y: 1))
    while ring.availableEvent != ring.availableIndex { usleep(1000) }
    try driver.expectOK(.moveCursor(scanout: 0, x: 1, y: 1))
  }

  /// Waits for the device to stop or to answer on a queue.
  func outcome(
    on queue: UInt16 = GPULayout.controlQueue, withinMilliseconds limit: Int = patienceInMilliseconds
  ) throws -> Outcome {
    var waited = 0
    while true {
      if try driver.function.status & VirtioLayout.Status.needsReset != 0 { return .needsReset }
      if let element = try driver.ring(queue).takeUsed() { return .used(element) }
      guard waited < limit else { return .nothing }
      usleep(1000)
      waited += 1
    }
  }

  /// Offers a head without asking whether the device wants a doorbell, and rings it.
  func offerAndKick(_ chain: [RingDescriptor], on queue: UInt16 = GPULayout.controlQueue) throws {
    _ = try driver.ring(queue).offer(chain)
    try driver.kick(queue)
  }

  /// A valid request in memory, with room for its answer.
  func layOut(_ command: GPUCommand, _ layout: ChainLayout = ChainLayout()) throws -> LaidOutChain {
    try ram.layOut(request: command.encoded(), responseRoom: command.responseRoom, layout)
  }
}
