import ScanoutDevice
import Synchronization
import Testing

@testable import MachineModel

/// A display and an entropy device with both interfaces on a bus, and what the bus tells of their places.
private final class Bus: Sendable {
  let host: PCIHost
  let told: Told
  /// The display is device 1, the other device 2.
  static let display = 1, random = 2

  final class Told: Sendable {
    let windows = Mutex<[[PCIHost.Window]]>([])
  }

  init() throws {
    let memory = GuestMemory()
    var bus = VirtioPCIOptions()
    bus.transport = .transitional
    let mode = try #require(OutputMode(width: 640, height: 480))
    let display = try DisplayDevice(outputs: [mode], memory: memory, pci: bus)
    bus.placement = .express
    let random = try RandomDevice(memory: memory, pci: bus)
    let told = Told()
    self.told = told
    host = PCIHost([display.function, random.function], lines: [10, 11]) { windows in
      told.windows.withLock { $0.append(windows) }
    }
  }

  /// Of a device's register, by the two ports.
  func read(_ device: Int, _ offset: Int, width: Int = 4) -> UInt64? {
    _ = host.writePort(0xcf8, width: 4, 0x8000_0000 | UInt64(device << 11 | offset & 0xfc))
    return host.readPort(0xcfc + UInt16(offset & 3), width: width)
  }

  func write(_ device: Int, _ offset: Int, width: Int = 4, _ value: UInt64) {
    _ = host.writePort(0xcf8, width: 4, 0x8000_0000 | UInt64(device << 11 | offset & 0xfc))
    #expect(host.writePort(0xcfc + UInt16(offset & 3), width: width, value))
  }

  /// Where the modern structures are, and where the legacy registers are.
  func place(_ device: Int) throws -> (memory: UInt64, port: UInt16) {
    let memory = try #require(read(device, 0x20)) & ~15, port = try #require(read(device, 0x10)) & ~3
    return (memory, try #require(UInt16(exactly: port)))
  }
}

@Suite struct PCIHostTests {
  private let bus: Bus

  init() throws { bus = try Bus() }

  @Test("the bus has a bridge and the functions, and nothing else answers")
  func inventory() {
    #expect(bus.read(0, 0) == 0x0008_1b36)
    #expect(bus.read(0, 8) == 0x0600_0000)
    #expect(bus.read(0, 10, width: 2) == 0x0600)
    #expect(bus.read(0, 0x10) == 0)
    #expect(bus.read(1, 0, width: 2) == 0x1af4)
    #expect(bus.read(2, 0, width: 2) == 0x1af4)
    for device in 3..<32 { #expect(bus.read(device, 0) == 0xffff_ffff) }
    _ = bus.host.writePort(0xcf8, width: 4, 0x8001_0800)  // bus 1
    #expect(bus.host.readPort(0xcfc, width: 4) == 0xffff_ffff)
    _ = bus.host.writePort(0xcf8, width: 4, 0x8000_0900)  // function 1
    #expect(bus.host.readPort(0xcfc, width: 4) == 0xffff_ffff)
    #expect(bus.host.writePort(0xcfc, width: 4, 0))
    _ = bus.host.writePort(0xcf8, width: 4, 0x0000_0800)  // off
    #expect(bus.host.readPort(0xcfc, width: 2) == 0xffff)
    #expect(bus.host.readPort(0xcf8, width: 4) == 0x0000_0800)
  }

  @Test("an access that leaves the four bytes of the data port is nobody's")
  func crossing() {
    bus.write(1, 0x3c, width: 1, 3)
    #expect(bus.read(1, 0x3c, width: 1) == 3)
    #expect(bus.host.readPort(0xcfe, width: 4) == 0xffff_ffff)
    #expect(bus.host.writePort(0xcff, width: 2, 0))
    #expect(bus.read(1, 0x3c, width: 1) == 3)
  }

  @Test("every function has its line, and places that are its own")
  func assignment() throws {
    #expect(bus.read(1, 0x3c, width: 1) == 10)
    #expect(bus.read(2, 0x3c, width: 1) == 11)
    for device in [1, 2] { bus.write(device, 4, width: 2, 3) }
    let windows = try #require(bus.told.windows.withLock { $0.last })
    #expect(
      Set(windows.map { [$0.device, $0.bar] }) == [[1, 0], [1, 1], [1, 4], [2, 0], [2, 1], [2, 4]])
    for (index, one) in windows.enumerated() {
      let space = one.isPorts ? AddressMap.devicePorts : AddressMap.deviceMemory
      #expect(space.contains(one.range.lowerBound) && space.contains(one.range.upperBound))
      #expect(one.range.lowerBound % UInt64(one.range.count) == 0)
      for other in windows[..<index] where other.isPorts == one.isPorts {
        #expect(!one.range.overlaps(other.range))
      }
    }
  }

  @Test("a function answers at its places while it decodes them, and not before and after")
  func decoding() throws {
    let (memory, port) = try bus.place(Bus.display)
    let isr = memory  // any register will do
    #expect(bus.host.readMemory(at: isr, width: 4) == 0xffff_ffff)
    #expect(bus.host.readPort(port, width: 4) == nil)
    bus.write(1, 4, width: 2, 1)
    #expect(bus.host.readPort(port, width: 4) != nil)
    #expect(bus.host.readMemory(at: isr, width: 4) == 0xffff_ffff)
    bus.write(1, 4, width: 2, 2)
    #expect(bus.host.readPort(port, width: 4) == nil)
    #expect(!bus.host.writePort(port, width: 4, 0))
    #expect(bus.host.readMemory(at: isr, width: 4) != 0xffff_ffff)
    bus.write(1, 4, width: 2, 0)
    #expect(bus.host.readMemory(at: isr, width: 4) == 0xffff_ffff)
    #expect(bus.told.windows.withLock { $0.map(\.count) } == [1, 2, 0])
  }

  @Test("registers are reached by memory and by ports, and answer what they were told")
  func registers() throws {
    let (memory, port) = try bus.place(Bus.display)
    bus.write(1, 4, width: 2, 3)
    // device_feature_select of the modern structures; the legacy queue_select.
    bus.host.writeMemory(at: memory, width: 4, 1)
    #expect(bus.host.readMemory(at: memory, width: 4) == 1)
    #expect(bus.host.writePort(port + 14, width: 2, 1))
    #expect(bus.host.readPort(port + 14, width: 2) == 1)
  }

  @Test("a register that is moved answers at the new place alone, above 4 GiB too")
  func move() throws {
    let (memory, _) = try bus.place(Bus.display)
    bus.write(1, 4, width: 2, 2)
    bus.write(1, 0x20, 0)
    bus.write(1, 0x24, 5)
    #expect(bus.host.readMemory(at: memory, width: 4) == 0xffff_ffff)
    #expect(bus.host.readMemory(at: 5 << 32, width: 4) != 0xffff_ffff)
  }

  @Test("a register at the end of all addresses, or of the ports, has no place; sizing it does no harm")
  func ends() {
    bus.write(1, 4, width: 2, 3)
    let before = bus.told.windows.withLock { $0.last?.count }
    for offset in [0x10, 0x14, 0x20, 0x24] { bus.write(1, offset, 0xffff_ffff) }
    #expect(bus.read(1, 0x24) == 0xffff_ffff)
    for address: UInt64 in [.max, .max - 7, 0xffff_f000, 0xffff_ffff] {
      for width in 1...8 {
        _ = bus.host.readMemory(at: address, width: width)
        bus.host.writeMemory(at: address, width: width, 0)
      }
    }
    #expect(before == 3)
  }

  @Test("of two functions at one place the one that was there first answers")
  func overlap() throws {
    let (memory, _) = try bus.place(Bus.display)
    bus.write(1, 4, width: 2, 2)
    bus.write(2, 0x20, memory)
    bus.write(2, 4, width: 2, 2)
    bus.host.writeMemory(at: memory, width: 4, 1)
    #expect(bus.host.readMemory(at: memory, width: 4) == 1)
    bus.write(1, 4, width: 2, 0)
    #expect(bus.host.readMemory(at: memory, width: 4) == 0, "the other device's own selector")
  }

  @Test("configuration space is in memory too, 4096 bytes for each function")
  func enhanced() {
    let display = AddressMap.configuration + 1 << 15, random = AddressMap.configuration + 2 << 15
    #expect(bus.host.readMemory(at: AddressMap.configuration, width: 4) == 0x0008_1b36)
    #expect(bus.host.readMemory(at: display, width: 2) == 0x1af4)
    bus.host.writeMemory(at: display + 0x3c, width: 1, 7)
    #expect(bus.read(1, 0x3c, width: 1) == 7)
    #expect(bus.host.readMemory(at: random + 0x100, width: 4) == 0, "no extended capability")
    #expect(bus.host.readMemory(at: display + 0x100, width: 4) == 0xffff_ffff, "a function of 256 bytes")
    #expect(bus.host.readMemory(at: display + 0xffe, width: 4) == 0xffff_ffff)
    #expect(bus.host.readMemory(at: AddressMap.configuration + 0xf_ffff, width: 8) == .max)
    bus.host.writeMemory(at: display + 0xffe, width: 4, 0)
  }

  @Test("no access whatever traps or reaches beyond a register's end")
  func hostile() throws {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<20_000 {
      let width = [1, 2, 3, 4, 7, 8].randomElement(using: &random) ?? 1
      let value = UInt64.random(in: 0...UInt64.max, using: &random)
      switch Int.random(in: 0..<6, using: &random) {
      case 0: _ = bus.host.writePort(0xcf8, width: 4, value | 0x8000_0000 & ~0xff_0000)
      case 1: _ = bus.host.writePort(0xcfc + UInt16(value & 3), width: min(width, 4), value >> 8)
      case 2: _ = bus.host.writePort(UInt16(truncatingIfNeeded: value), width: width, value >> 16)
      case 3: _ = bus.host.readPort(UInt16(truncatingIfNeeded: value), width: width)
      case 4:
        bus.host.writeMemory(at: AddressMap.configuration + value & 0xf_ffff, width: width, value >> 20)
      default:
        let windows = bus.told.windows.withLock { $0.last } ?? []
        let start = windows.randomElement(using: &random)?.range.lowerBound ?? value
        let at = start &+ value & 0x3fff &- 8
        bus.host.writeMemory(at: at, width: width, value >> 32)
        _ = bus.host.readMemory(at: at, width: width)
      }
    }
    #expect(bus.read(0, 0) == 0x0008_1b36)
  }

  @Test("places run out without harm")
  func full() {
    var free: ClosedRange<UInt64> = 0x1000...0x3fff
    #expect(BARAssignment.take(0x1000, from: &free) == 0x1000)
    #expect(BARAssignment.take(0x10, from: &free) == 0x2000)
    #expect(BARAssignment.take(0x1000, from: &free) == nil)
    #expect(BARAssignment.take(1 << 63, from: &free) == nil)
    var last: ClosedRange<UInt64> = .max - 10 ... .max
    #expect(BARAssignment.take(1 << 40, from: &last) == nil)
    #expect(UInt64.ones(width: 8) == .max && UInt64.ones(width: 3) == 0xff_ffff)
  }
}

@Suite struct ChipsetTests {
  private final class Resets: Sendable { let count = Mutex(0) }

  @Test("each port goes to whom it belongs, wider accesses byte by byte, and others read as ones")
  func ports() throws {
    let bus = try Bus(), resets = Resets(), sent = Mutex<[UInt8]>([])
    let serial = SerialPort(send: { byte in sent.withLock { $0.append(byte) } }, setLine: { _ in })
    let chipset = Chipset(pci: bus.host, serial: serial, clock: ClockChip { 0 }) {
      resets.count.withLock { $0 += 1 }
    }
    chipset.writePort(0x3f8, width: 1, 65)
    chipset.writePort(0x3ff, width: 2, 0x0011)
    #expect(sent.withLock { $0 } == [65])
    #expect(chipset.readPort(0x3ff, width: 2) == 0xff11)
    #expect(chipset.readPort(0x3fd, width: 1) == 0x60)
    #expect(chipset.readPort(0x64, width: 1) == 0xff)
    #expect(chipset.readPort(0xffff, width: 4) == 0xffff_ffff)
    chipset.writePort(0x70, width: 1, 0x09)
    #expect(chipset.readPort(0x71, width: 1) == 0x70)
    chipset.writePort(0xffff, width: 4, 0)
    chipset.writePort(0x80, width: 1, 0)
    chipset.writePort(0xcf8, width: 4, 0x8000_0000)
    #expect(chipset.readPort(0xcfc, width: 4) == 0x0008_1b36)
    chipset.writeMemory(at: 0xd000_0000, width: 8, 0)
    #expect(chipset.readMemory(at: 0xd000_0000, width: 8) == .max)

    #expect(resets.count.withLock { $0 } == 0)
    chipset.writePort(0x64, width: 1, 0x20)
    chipset.writePort(0xcf9, width: 1, 2)
    #expect(resets.count.withLock { $0 } == 0)
    chipset.writePort(0x64, width: 1, 0xfe)
    chipset.writePort(0xcf9, width: 1, 6)
    #expect(resets.count.withLock { $0 } == 2)
  }
}
