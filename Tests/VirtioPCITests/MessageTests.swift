import GuestRAM
import HostThreads
import PCIBus
import Testing
import VirtioCore
import VirtioPCI

/// MSI-X messages of configuration changes, when the function may write to memory and when it may not.
@Suite struct MessageTests {
  private final class Messages: InterruptSink {
    let vectors = Lock<[Int]>([])
    let ownsMSIXTable: Bool
    init(ownsMSIXTable: Bool) { self.ownsMSIXTable = ownsMSIXTable }
    func signalMessage(vector: Int, address: UInt64, data: UInt32) {
      // What was made of the table's entry shows whose table it is.
      vectors.withLock { $0.append(vector + (address == (ownsMSIXTable ? 0 : 0xfee0_0000) ? 0 : 100)) }
    }
    func setINTx(asserted: Bool) { Issue.record("the pin is silent") }
  }

  private let function: VirtioPCIFunction

  init() throws {
    var options = VirtioPCIOptions()
    options.placement = .express
    function = try VirtioPCIFunction(
      IdleDevice(), classCode: 0x038000, memory: GuestMemory(), scheduling: .inline, options: options)
  }

  private func write(_ region: PCIRegion, _ offset: UInt64, _ bytes: [UInt8]) {
    unsafe function.write(region, at: offset, bytes.span.bytes)
  }

  private func read(_ region: PCIRegion, _ offset: UInt64) -> UInt8 {
    var out: [UInt8] = [0xee]
    var span = out.mutableSpan
    var bytes = unsafe span.mutableBytes
    function.read(region, at: offset, into: &bytes)
    return out[0]
  }

  private func setCommand(_ command: UInt8) { write(.configuration, 4, [command, 0]) }
  /// Memory accesses, and bus mastering.
  private let isMaster: UInt8 = 6, isNoMaster: UInt8 = 2

  /// The control register of the power management capability, which stands behind that of MSI-X.
  private func setPowerState(_ state: UInt8) {
    #expect(read(.configuration, 0x4c) == 0x01)
    write(.configuration, 0x50, [state, 0])
  }

  /// A driver at DRIVER_OK with MSI-X, whose configuration changes go to vector 1.
  private func bringUp(_ sink: Messages) {
    function.connect(sink)
    setCommand(isMaster)
    write(.bar(1), 16, [0, 0, 0xe0, 0xfe, 0, 0, 0, 0])
    if !sink.ownsMSIXTable { write(.bar(1), 28, [0, 0, 0, 0]) }
    write(.configuration, 0x42, [0, 0x80])
    write(.bar(4), 0x10, [1, 0])
    for status: UInt8 in [1, 3] { write(.bar(4), 0x14, [status]) }
    write(.bar(4), 0x08, [1, 0, 0, 0])
    write(.bar(4), 0x0c, [1, 0, 0, 0])  // VERSION_1
    for status: UInt8 in [11, 15] { write(.bar(4), 0x14, [status]) }
    #expect(read(.bar(4), 0x14) == 15)
  }

  private var pending: UInt8 { read(.bar(1), 0x800) }

  @Test("a change while bus mastering is off is told when it is on again", arguments: [false, true])
  func busMastering(_ ownsTable: Bool) {
    let sink = Messages(ownsMSIXTable: ownsTable)
    bringUp(sink)
    function.changeConfiguration {}
    #expect(sink.vectors.withLock { $0 } == [1])
    setCommand(isNoMaster)
    function.changeConfiguration {}
    function.changeConfiguration {}
    #expect(sink.vectors.withLock { $0 } == [1])
    #expect(pending == 2)
    setCommand(isMaster)
    #expect(sink.vectors.withLock { $0 } == [1, 1])
    #expect(pending == 0)
  }

  @Test("a change in D3hot is told in D0", arguments: [false, true])
  func sleep(_ ownsTable: Bool) {
    let sink = Messages(ownsMSIXTable: ownsTable)
    bringUp(sink)
    setPowerState(3)
    function.changeConfiguration {}
    // Bus mastering alone does not wake it.
    setCommand(isNoMaster)
    setCommand(isMaster)
    #expect(sink.vectors.withLock { $0 } == [])
    setPowerState(0)
    #expect(sink.vectors.withLock { $0 } == [1])
  }

  /// Who resets a function.
  enum Resetter: CaseIterable { case driver, host }

  @Test("what waits is void after a reset", arguments: Resetter.allCases)
  func reset(_ resetter: Resetter) {
    let sink = Messages(ownsMSIXTable: false)
    bringUp(sink)
    setCommand(isNoMaster)
    function.changeConfiguration {}
    #expect(pending == 2)
    switch resetter {
    case .driver:
      write(.bar(4), 0x14, [0])
      while read(.bar(4), 0x14) != 0 {}
    case .host: function.reset()
    }
    #expect(pending == 0)
    bringUp(sink)
    #expect(sink.vectors.withLock { $0 } == [])
    function.changeConfiguration {}
    #expect(sink.vectors.withLock { $0 } == [1])
  }

  @Test("with nobody to take them messages are lost, and a reset by the host changes nothing about that")
  func nobodyListens() {
    let sink = Messages(ownsMSIXTable: false)
    bringUp(sink)
    function.connect(nil)
    function.changeConfiguration {}
    function.reset()
    function.changeConfiguration {}
    bringUp(sink)
    #expect(sink.vectors.withLock { $0 } == [])
    function.changeConfiguration {}
    #expect(sink.vectors.withLock { $0 } == [1])
  }

  @Test("without anybody left who holds it a function goes, though its device's state is held")
  func noCycle() throws {
    weak var interrupts: Messages?
    do {
      let sink = Messages(ownsMSIXTable: true)
      interrupts = sink
      let other = try VirtioPCIFunction(
        IdleDevice(), classCode: 0x038000, memory: GuestMemory(), scheduling: .ownThread)
      other.connect(sink)
      other.changeConfiguration {}
    }
    #expect(interrupts == nil)
  }
}
