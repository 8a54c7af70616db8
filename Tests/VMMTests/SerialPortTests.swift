import Synchronization
import Testing

@testable import MachineModel

/// A port with somebody at both ends.
private final class Line: Sendable {
  let sent = Mutex<[UInt8]>([])
  let levels = Mutex<[Bool]>([])
  let resumed = Mutex(0)

  func port() -> SerialPort {
    SerialPort(
      send: { byte in self.sent.withLock { $0.append(byte) } },
      setLine: { level in self.levels.withLock { $0.append(level) } },
      resumeSender: { self.resumed.withLock { $0 += 1 } })
  }
}

@Suite struct SerialPortTests {
  private let line = Line()
  private let port: SerialPort

  init() { port = line.port() }

  private var levels: [Bool] { line.levels.withLock { $0 } }

  @Test("bytes go out in their order, and there is always room for another")
  func output() {
    for byte in "ok".utf8 {
      #expect(port.read(5) & 0x60 == 0x60)
      port.write(0, byte)
    }
    #expect(line.sent.withLock { $0 } == Array("ok".utf8))
    #expect(levels.isEmpty, "nobody asked for interrupts")
  }

  @Test("a byte that comes in raises the line until it is read, where the guest wants that")
  func input() {
    port.write(1, 1)
    #expect(port.read(2) == 1)
    #expect(port.receive([7, 8]))
    #expect(port.read(2) == 4)
    #expect(port.read(5) & 1 == 1)
    #expect(levels == [true])
    #expect(port.read(0) == 7)
    #expect(port.read(0) == 8)
    #expect(levels == [true, false])
    #expect(port.read(5) & 1 == 0)
    #expect(port.read(0) == 0)
  }

  @Test("room for a byte is news when it is asked for, and after each byte; asking takes the news")
  func room() {
    port.write(1, 2)
    #expect(levels == [true])
    #expect(port.read(2) == 2)
    #expect(port.read(2) == 1)
    #expect(levels == [true, false])
    port.write(0, 65)
    #expect(levels == [true, false, true])
    port.write(1, 0)
    #expect(levels.last == false)
  }

  @Test("the queues are there when they are turned on, and can be emptied")
  func queues() {
    _ = port.receive([1, 2, 3])
    #expect(port.read(2) == 1)
    port.write(2, 1)
    #expect(port.read(2) == 0xc1)
    port.write(2, 3)
    #expect(port.read(5) & 1 == 0)
  }

  @Test("the divisor lies over the first two registers while it is chosen")
  func divisor() {
    port.write(3, 0x83)
    port.write(0, 0x34)
    port.write(1, 0x12)
    #expect((port.read(0), port.read(1)) == (0x34, 0x12))
    port.write(3, 3)
    #expect(port.read(1) == 0)
    #expect(port.read(3) == 3)
    #expect(line.sent.withLock { $0 }.isEmpty)
  }

  @Test("in a loop what goes out comes in, and the outputs are the inputs")
  func loop() {
    #expect(port.read(6) == 0xb0)
    port.write(4, 0x1a)
    #expect(port.read(4) == 0x1a)
    #expect(port.read(6) == 0x90)
    port.write(4, 0x15)
    #expect(port.read(6) == 0x60)
    port.write(0, 99)
    #expect(port.read(0) == 99)
    #expect(line.sent.withLock { $0 }.isEmpty)
    for _ in 0..<2 * SerialPort.capacity { port.write(0, 1) }
    for _ in 0..<SerialPort.capacity { #expect(port.read(0) == 1) }
    #expect(port.read(5) & 1 == 0)
  }

  @Test("whoever sends too much is asked to wait and called when the guest has read it all")
  func flow() {
    #expect(port.receive(Array(repeating: 1, count: SerialPort.capacity - 1)))
    #expect(!port.receive([2]))
    // Whoever does not wait loses what is too much.
    #expect(!port.receive(Array(repeating: 3, count: 2 * SerialPort.capacity)))
    var count = 0
    while port.read(5) & 1 != 0 {
      #expect(line.resumed.withLock { $0 } == 0)
      _ = port.read(0)
      count += 1
    }
    #expect(count == 2 * SerialPort.capacity)
    #expect(line.resumed.withLock { $0 } == 1)
    #expect(port.receive([4]))
  }

  @Test("a register that does not exist reads as ones, and a read-only one swallows writes")
  func others() {
    port.write(7, 0x5a)
    #expect(port.read(7) == 0x5a)
    port.write(5, 0)
    port.write(6, 0xff)
    #expect(port.read(5) == 0x60)
    #expect(port.read(8) == 0xff)
  }
}
