import GuestRAM
import HostThreads
import PCIBus
import Testing
import VirtioCore
import VirtioPCI

/// The INTx pin and ISR status over the life of a driver.
@Suite struct PinTests {
  private final class Pin: InterruptSink {
    let levels = Lock<[Bool]>([])
    let ownsMSIXTable = false
    func signalMessage(vector: Int, address: UInt64, data: UInt32) {}
    func setINTx(asserted: Bool) { levels.withLock { $0.append(asserted) } }
  }

  private let function: VirtioPCIFunction
  private let pin = Pin()

  init() throws {
    function = try VirtioPCIFunction(
      IdleDevice(), classCode: 0x038000, memory: GuestMemory(), scheduling: .inline)
    function.connect(pin)
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

  private func setStatus(_ status: UInt8) { write(.bar(4), 0x14, [status]) }

  /// A driver whose ring lies where no memory is: DEVICE_NEEDS_RESET, and a configuration interrupt.
  private func breakRing() {
    write(.configuration, 4, [6, 0])
    for status: UInt8 in [1, 3] { setStatus(status) }
    write(.bar(4), 0x08, [1, 0, 0, 0])
    write(.bar(4), 0x0c, [1, 0, 0, 0])  // VERSION_1
    setStatus(11)
    write(.bar(4), 0x1c, [1, 0])
    setStatus(15)
    #expect(read(.bar(4), 0x14) == 0x4f)
  }

  @Test("a driver that resets the device takes its interrupt back, so that the pin is low for the next one")
  func reset() {
    breakRing()
    setStatus(0)
    // The driver may still handle it, until it knows that the device is reset.
    #expect(pin.levels.withLock { $0 } == [true])
    while read(.bar(4), 0x14) != 0 {}
    #expect(pin.levels.withLock { $0 } == [true, false])
    #expect(read(.configuration, 6) & 8 == 0)
    #expect(read(.bar(4), 0x1000) == 0)
  }

  @Test("a write of the status is no look at it: after a reset it still shows what it was")
  func writeIsNoRead() {
    breakRing()
    setStatus(0)
    setStatus(0x40)  // not the driver's to set
    #expect(read(.bar(4), 0x14) == 0x4f)
    #expect(read(.bar(4), 0x14) == 0)
  }

  @Test("a driver that resets twice and reads nothing does so too")
  func resetBlindly() {
    breakRing()
    setStatus(0)
    setStatus(0)
    #expect(pin.levels.withLock { $0 } == [true, false])
  }

  @Test("a driver that used MSI-X leaves no pin asserted when it has reset the device and disables MSI-X")
  func msix() {
    write(.configuration, 0x42, [0, 0x80])
    breakRing()
    setStatus(0)
    while read(.bar(4), 0x14) != 0 {}
    write(.configuration, 0x42, [0, 0])
    #expect(pin.levels.withLock { $0 } == [])
  }

  @Test("with nobody to take them interrupts are lost and the device goes on")
  func nobodyListens() {
    function.connect(nil)
    write(.configuration, 0x42, [0, 0x80])
    breakRing()
    setStatus(0)
    while read(.bar(4), 0x14) != 0 {}
    function.connect(pin)
    write(.configuration, 0x42, [0, 0])
    #expect(pin.levels.withLock { $0 } == [])
    breakRing()
    #expect(pin.levels.withLock { $0 } == [true])
  }
}
