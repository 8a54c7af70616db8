import DeviceMachine
import FrontEndAPI
import GuestDriver
import GuestRAM
import HostThreads
import ScanoutDevice
import Testing

/// Several front-ends on one keyboard or pointer, each with what it holds.
@Suite(.timeLimit(.minutes(15))) struct InputAttachmentTests {
  private let memory = GuestMemory()
  private let ram = GuestRAMImage()

  /// A front-end that remembers which lights it heard of.
  private final class FrontEnd: KeyboardFrontEnd, PointerFrontEnd {
    let interface: InterfaceVersion
    let seen = Lock<[KeyboardLights]>([])

    init(_ type: String, major: UInt32 = 1, minor: UInt32 = 0) {
      interface = InterfaceVersion(type: type, label: "test", major: major, minor: minor)
    }
    func attached(to channel: any KeyboardChannel) {}
    func attached(to channel: any PointerChannel) {}
    func lightsChanged(_ lights: KeyboardLights) { seen.withLock { $0.append(lights) } }
  }

  private func drive(_ function: any PCIFunction) throws -> InputDriver {
    let machine = try InProcessMachine(function, memory: memory)
    let block = try RAMBlock(base: 0x10_0000, size: 1 << 20)
    ram.add(block)
    try machine.mapRAM(block, access: .readWrite)
    let driver = try InputDriver(machine, ram)
    try driver.bringUp(buffers: 16)
    return driver
  }

  /// Keys and buttons that go down and come up, in the order in which the guest hears of them.
  private func expect(_ expected: [(code: UInt16, isPressed: Bool)], from driver: InputDriver) throws {
    for (code, isPressed) in expected {
      #expect(try driver.next() == 1 | UInt64(code) << 16 | (isPressed ? 1 << 32 : 0))
      #expect(try driver.next() == 0)
    }
  }

  private let a = KeyCode(rawValue: 30)
  private let control = KeyCode(rawValue: 29)
  private let end = KeyCode(rawValue: 107)

  @Test func `a key comes up when the last front-end that holds it lets go`() throws {
    let keyboard = try KeyboardDevice(memory: memory)
    let driver = try drive(keyboard.function)
    let one = try keyboard.attach(FrontEnd("keyboard")), other = try keyboard.attach(FrontEnd("keyboard"))
    one.key(a, isPressed: true)
    other.key(a, isPressed: true)
    keyboard.key(a, isPressed: true)
    one.key(a, isPressed: false)
    one.key(a, isPressed: false)
    keyboard.key(a, isPressed: false)
    one.key(end, isPressed: true)
    other.key(a, isPressed: false)
    try expect([(30, true), (107, true), (30, false)], from: driver)
  }

  @Test func `who never pressed a key does not let it go for another`() throws {
    let keyboard = try KeyboardDevice(memory: memory)
    let driver = try drive(keyboard.function)
    let one = try keyboard.attach(FrontEnd("keyboard")), other = try keyboard.attach(FrontEnd("keyboard"))
    one.key(a, isPressed: true)
    other.key(a, isPressed: false)
    keyboard.key(a, isPressed: false)
    #expect(keyboard.type([KeyStroke([control, a])]))
    one.key(a, isPressed: false)
    try expect([(30, true), (29, true), (29, false), (30, false)], from: driver)
  }

  @Test func `detaching lets go of what nobody else holds, and is the end`() throws {
    let keyboard = try KeyboardDevice(memory: memory)
    let driver = try drive(keyboard.function)
    let one = try keyboard.attach(FrontEnd("keyboard")), other = try keyboard.attach(FrontEnd("keyboard"))
    one.key(control, isPressed: true)
    one.key(a, isPressed: true)
    other.key(a, isPressed: true)
    one.detach()
    one.detach()
    #expect(one.key(end, isPressed: true))
    other.key(a, isPressed: false)
    try expect([(29, true), (30, true), (29, false), (30, false)], from: driver)
  }

  @Test func `an attachment that is dropped lets go`() throws {
    let keyboard = try KeyboardDevice(memory: memory)
    let driver = try drive(keyboard.function)
    do { try keyboard.attach(FrontEnd("keyboard")).key(a, isPressed: true) }
    try expect([(30, true), (30, false)], from: driver)
  }

  @Test func `a key that is held across a reset goes down anew`() throws {
    let keyboard = try KeyboardDevice(memory: memory)
    let driver = try drive(keyboard.function)
    let one = try keyboard.attach(FrontEnd("keyboard"))
    one.key(a, isPressed: true)
    try expect([(30, true)], from: driver)
    try driver.bringUp(buffers: 16)
    one.key(a, isPressed: true)
    one.key(a, isPressed: false)
    try expect([(30, true), (30, false)], from: driver)
  }

  @Test func `every attached front-end hears of lights, and a detached one does not`() throws {
    let keyboard = try KeyboardDevice(memory: memory)
    let driver = try drive(keyboard.function)
    let first = FrontEnd("keyboard"), second = FrontEnd("keyboard")
    let channel = try keyboard.attach(first)
    let other = try keyboard.attach(second)
    #expect(channel.version.minor == 0 && channel.lights == [])
    try driver.send(0x11 | 1 << 16 | 1 << 32)
    #expect(channel.lights == .capsLock)
    channel.detach()
    try driver.send(0x11 | 0 << 16 | 1 << 32)
    #expect(first.seen.withLock { $0 } == [.capsLock])
    #expect(second.seen.withLock { $0 } == [.capsLock, [.capsLock, .numLock]])
    #expect(other.lights == [.capsLock, .numLock])
  }

  @Test func `a front-end of another kind or major version is refused, one of a later minor version is not`()
    throws
  {
    let keyboard = try KeyboardDevice(memory: memory)
    let tablet = try PointerDevice(.tablet, memory: memory)
    let touch = try TouchDevice(memory: memory)
    for frontEnd in [FrontEnd("keyboard", major: 2), FrontEnd("pointer"), FrontEnd("display")] {
      #expect(throws: InterfaceMismatch.self) { try keyboard.attach(frontEnd) }
    }
    #expect(try keyboard.attach(FrontEnd("keyboard", minor: 7)).version.minor == 0)
    for frontEnd in [FrontEnd("pointer", major: 2), FrontEnd("keyboard")] {
      #expect(throws: InterfaceMismatch.self) { try tablet.attach(frontEnd) }
      #expect(throws: InterfaceMismatch.self) { try touch.attach(frontEnd) }
    }
    let mismatch = #expect(throws: InterfaceMismatch.self) { try tablet.attach(FrontEnd("keyboard")) }
    #expect(mismatch?.description.contains("attach it to a keyboard interface") == true)
  }

  @Test func `a pointer says what it takes, and keeps its front-ends' buttons apart`() throws {
    let tablet = try PointerDevice(.tablet, memory: memory)
    let driver = try drive(tablet.function)
    let one = try tablet.attach(FrontEnd("pointer")), other = try tablet.attach(FrontEnd("pointer"))
    #expect(one.kind == .absolute)
    #expect(try PointerDevice(.mouse, memory: memory).attach(FrontEnd("pointer")).kind == .relative)
    #expect(try TouchDevice(memory: memory).attach(FrontEnd("pointer")).kind == .touch)
    one.move(byX: 3, y: 3)
    one.touch(0, x: 1, y: 1)
    one.button(.left, isPressed: true)
    other.button(.left, isPressed: true)
    other.button(.side, isPressed: true)
    other.detach()
    one.button(.left, isPressed: false)
    try expect([(0x110, true), (0x113, true), (0x113, false), (0x110, false)], from: driver)
    other.move(toX: 5, y: 5)
    one.move(toX: 1, y: 2)
    one.scroll(vertical: 0, horizontal: -PointerInterface.notch)
    for (type, code, value) in [(3, 0, 1), (3, 1, 2), (0, 0, 0), (2, 6, -1), (2, 12, -120), (0, 0, 0)]
      as [(UInt64, UInt64, Int32)]
    {
      #expect(try driver.next() == type | code << 16 | UInt64(UInt32(bitPattern: value)) << 32)
    }
  }

  @Test func `each front-end has fingers of its own, lifted when it detaches`() throws {
    let touch = try TouchDevice(memory: memory)
    let driver = try drive(touch.function)
    let one = try touch.attach(FrontEnd("pointer")), other = try touch.attach(FrontEnd("pointer"))
    one.touch(0, x: 10, y: 20)
    other.touch(0, x: 30, y: 40)
    other.lift(3)
    other.touch(-1, x: 0, y: 0)
    other.touch(10, x: 0, y: 0)
    other.detach()
    #expect(touch.tap(x: 50, y: 60))
    one.lift(0)
    let slots: [(UInt64, Int32)] = [
      (47, 0), (57, 1), (53, 10), (54, 20), (330, 1), (47, 1), (57, 2), (53, 30), (54, 40), (47, 1), (57, -1),
      (47, 1), (57, 3), (53, 50), (54, 60), (47, 1), (57, -1), (47, 0), (57, -1), (330, 0),
    ]
    for (code, value) in slots {
      var event = try driver.next()
      if event == 0 { event = try driver.next() }
      let type: UInt64 = code == 330 ? 1 : 3
      #expect(event == type | code << 16 | UInt64(UInt32(bitPattern: value)) << 32)
    }
  }

  @Test func `fingers beyond the device's slots are left out`() throws {
    let touch = try TouchDevice(memory: memory)
    let channels = try (0..<11).map { _ in try touch.attach(FrontEnd("pointer")) }
    for channel in channels { #expect(channel.touch(0, x: 1, y: 1)) }
    #expect(!touch.tap(x: 1, y: 1))
    channels[10].lift(0)
    channels[4].detach()
    #expect(touch.tap(x: 1, y: 1))
  }
}

@Suite struct PointerPlaceTests {
  /// libinput's rule: the axis's whole range, one more than its largest place, is spread over the pixels.
  @Test func `a guest finds every pixel of every size again`() {
    for count in 1...16384 {
      // Every pixel of small screens and of those of usual sizes; a sample with both ends of the others.
      let step = count <= 512 || count % 64 == 0 ? 1 : 89
      for pixel in stride(from: 0, to: count, by: step) {
        let place = PointerInterface.place(ofPixel: pixel, among: count)
        if place * count / 32768 != pixel || place > 32767 { Issue.record("pixel \(pixel) of \(count)") }
      }
      let last = PointerInterface.place(ofPixel: count - 1, among: count)
      if last * count / 32768 != count - 1 { Issue.record("last of \(count)") }
    }
  }

  @Test func `pixels outside are those at the edge`() {
    #expect(PointerInterface.place(ofPixel: -1, among: 10) == PointerInterface.place(ofPixel: 0, among: 10))
    #expect(PointerInterface.place(ofPixel: .max, among: 10) == PointerInterface.place(ofPixel: 9, among: 10))
    #expect(PointerInterface.place(ofPixel: 5, among: 0) == 0)
    #expect(PointerInterface.place(ofPixel: 5, among: .max) == 0)
  }
}
