import DeviceMachine
import GuestDriver
import HostThreads
import ScanoutDevice
import Testing

/// What must not be done from inside a call of the device ends the process with a sentence, where it would hang else.
@Suite(.timeLimit(.minutes(15))) struct ThreadRuleTests {
  /// Does what it is told to when the pin is asserted.
  private final class Sink: InterruptSink {
    let ownsMSIXTable = false
    private let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    func signalMessage(vector: Int, address: UInt64, data: UInt32) {}
    func setINTx(asserted: Bool) { if asserted { body() } }
  }

  private final class Counter: Sendable {
    let count = Lock(0)
  }

  /// Does what it is told to when an output has changed.
  private final class FrontEnd: DisplayFrontEnd {
    let interface = InterfaceVersion(type: "display", label: "test", major: 1, minor: 1)
    private let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    func attached(to channel: any DisplayChannel) {}
    func outputChanged(_ index: Int) { body() }
  }

  private static func makeDevice(_ memory: GuestMemory) throws -> DisplayDevice {
    try DisplayDevice(outputs: [OutputMode(width: 640, height: 480)!], memory: memory)
  }

  /// Brings the device up without a ring, and changes its configuration, so that the pin is asserted.
  private static func interrupt(_ device: DisplayDevice) {
    let function = device.function
    function.write(.configuration, at: 0x04, width: 2, 6)
    for (offset, width, value): (UInt64, Int, UInt64) in [
      (0x14, 1, 3), (0x08, 4, 1), (0x0c, 4, 1), (0x14, 1, 11), (0x14, 1, 15),
    ] {
      function.write(.bar(4), at: offset, width: width, value)
    }
    device.setOutput(0, to: OutputPreference(mode: OutputMode(width: 800, height: 600)!))
  }

  private static func text(_ result: ExitTest.Result?) -> String {
    String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
  }

  @Test("an interrupt sink is told of the pin, and may ring a doorbell")
  func sink() throws {
    let device = try Self.makeDevice(GuestMemory())
    let function = device.function
    let calls = Counter()
    function.connect(
      Sink {
        for doorbell in function.doorbells { function.ring(doorbell) }
        calls.count.withLock { $0 += 1 }
      })
    Self.interrupt(device)
    #expect(calls.count.withLock { $0 } == 1)
    function.connect(nil)
  }

  @Test("an interrupt sink that changes guest memory")
  func memoryFromSink() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let memory = GuestMemory()
      let device = try ThreadRuleTests.makeDevice(memory)
      device.function.connect(Sink { memory.removeAll() })
      ThreadRuleTests.interrupt(device)
    }
    #expect(Self.text(result).contains("guest memory was changed from inside a call of a device"))
  }

  @Test("an interrupt sink that reads configuration space")
  func registersFromSink() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let device = try ThreadRuleTests.makeDevice(GuestMemory())
      let function = device.function
      function.connect(Sink { _ = function.read(.configuration, at: 4, width: 4) })
      ThreadRuleTests.interrupt(device)
    }
    #expect(Self.text(result).contains("a call of the device was answered by a call of the device"))
  }

  @Test("a front-end that changes guest memory where it is told of a change")
  func memoryFromFrontEnd() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let vmm = try ExampleVMM()
      _ = try vmm.device.attach(FrontEnd { [memory = vmm.memory] in memory.removeAll() })
      try vmm.run(blue: 1, green: 2, red: 3)
    }
    #expect(Self.text(result).contains("guest memory was changed from inside a call of a device"))
  }

  @Test("a front-end that resets the function where it is told of a change")
  func resetFromFrontEnd() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let vmm = try ExampleVMM()
      _ = try vmm.device.attach(FrontEnd { [function = vmm.device.function] in function.reset() })
      try vmm.run(blue: 1, green: 2, red: 3)
    }
    #expect(Self.text(result).contains("a call of the device was answered by a call of the device"))
  }

  @Test("a log of refused requests that changes guest memory")
  func memoryFromLog() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let memory = GuestMemory()
      let device = try DisplayDevice(
        outputs: [OutputMode(width: 640, height: 480)!], memory: memory, log: { _ in memory.removeAll() })
      let block = try RAMBlock(base: 0x4000_0000, size: 1 << 20), ram = GuestRAMImage()
      ram.add(block)
      let machine = try InProcessMachine(device.function, memory: memory)
      try machine.mapRAM(block, access: .readWrite)
      let guest = GPUDriver(machine, ram: ram)
      try guest.bringUp()
      _ = try guest.send(.unref(id: 77))  // no such resource
    }
    #expect(Self.text(result).contains("guest memory was changed from inside a call of a device"))
  }
}
