import DeviceMachine
import FrontEndAPI
import GuestDriver
import GuestRAM
import HostThreads
import ScanoutDevice
import Testing

/// Input devices as a guest finds them on its bus, worked by their own threads.
@Suite(.timeLimit(.minutes(15))) struct InputFunctionTests {
  private let memory = GuestMemory()
  private let ram = GuestRAMImage()

  private func drive(_ function: any PCIFunction) throws -> InputDriver {
    let machine = try InProcessMachine(function, memory: memory)
    let block = try RAMBlock(base: 0x10_0000, size: 1 << 20)
    ram.add(block)
    try machine.mapRAM(block, access: .readWrite)
    return try InputDriver(machine, ram)
  }

  /// An event as the driver reads it.
  private func event(_ type: UInt64, _ code: UInt64, _ value: Int32) -> UInt64 {
    type | code << 16 | UInt64(UInt32(bitPattern: value)) << 32
  }

  private func expect(_ expected: [UInt64], from driver: InputDriver) throws {
    for (index, event) in expected.enumerated() { #expect(try driver.next() == event, "event \(index)") }
  }

  @Test func `a keyboard has its identity, and its strokes come with interrupts`() throws {
    let keyboard = try KeyboardDevice(memory: memory)
    let driver = try drive(keyboard.function)
    let inventory = driver.inventory
    #expect(inventory.vendorID == 0x1af4 && inventory.deviceID == 0x1052 && inventory.revisionID >= 1)
    #expect(inventory.baseClass == 0x09 && inventory.subclass == 0x00)
    try driver.bringUp(buffers: 8)
    #expect(keyboard.key(KeyCode(rawValue: 30), isPressed: true))
    try expect([event(1, 30, 1), 0], from: driver)
    #expect(keyboard.key(KeyCode(rawValue: 30), isPressed: false))
    #expect(keyboard.key(KeyCode(rawValue: 0), isPressed: true))  // there is none
    #expect(keyboard.type(["Q", "\n"].compactMap { KeyStroke(typing: $0) }))
    try expect([event(1, 30, 0), 0], from: driver)
    for (code, value) in [(42, 1), (16, 1), (16, 0), (42, 0), (28, 1), (28, 0)] as [(UInt64, Int32)] {
      try expect([event(1, code, value), 0], from: driver)
    }
  }

  @Test func `a keyboard's lights come from the guest, and go out with its reset`() throws {
    let seen = SeenLights()
    let keyboard = try KeyboardDevice(memory: memory) { lights in seen.all.withLock { $0.append(lights) } }
    let driver = try drive(keyboard.function)
    try driver.bringUp(buffers: 1)
    try driver.send(event(0x11, 1, 1))
    #expect(keyboard.lights == .capsLock)
    try driver.send(event(0x11, 0, 1))
    keyboard.function.reset()
    #expect(keyboard.lights == [])
    #expect(seen.all.withLock { $0 } == [.capsLock, [.capsLock, .numLock], []])
  }

  private final class SeenLights: Sendable {
    let all = Lock<[KeyboardLights]>([])
  }

  @Test func `a tablet is where it is told to be, at most at its edges`() throws {
    let tablet = try PointerDevice(.tablet, memory: memory)
    let driver = try drive(tablet.function)
    #expect(driver.inventory.baseClass == 0x09 && driver.inventory.subclass == 0x80)
    try driver.bringUp(buffers: 4)
    tablet.move(toX: 16384, y: 8192)
    tablet.move(toX: .max, y: .min)
    tablet.move(byX: 5, y: 5)  // a mouse's
    #expect(tablet.click(.right, x: 1, y: 2))
    #expect(tablet.click(nil, x: 3, y: 2))
    let expected: [UInt64] = [
      event(3, 0, 16384), event(3, 1, 8192), 0, event(3, 0, 32767), event(3, 1, 0), 0, event(3, 0, 1),
      event(3, 1, 2), 0, event(1, 0x111, 1), 0, event(1, 0x111, 0), 0, event(3, 0, 3), 0,
    ]
    try expect(expected, from: driver)
  }

  @Test func `what is dragged is held from the press to the release`() throws {
    let tablet = try PointerDevice(.tablet, memory: memory)
    let driver = try drive(tablet.function)
    try driver.bringUp(buffers: 4)
    #expect(tablet.click(.left, x: 1, y: 2, part: .press))
    #expect(tablet.click(nil, x: 3, y: 2))
    #expect(tablet.click(.left, x: 3, y: 4, part: .release))
    try expect(
      [
        event(3, 0, 1), event(3, 1, 2), 0, event(1, 0x110, 1), 0, event(3, 0, 3), 0, event(3, 1, 4), 0,
        event(1, 0x110, 0), 0,
      ], from: driver)
  }

  @Test func `a finger that only presses stays on a touchscreen until it is released`() throws {
    let touch = try TouchDevice(memory: memory)
    let driver = try drive(touch.function)
    try driver.bringUp(buffers: 4)
    #expect(touch.tap(x: 1, y: 2, part: .press))
    #expect(touch.tap(x: 5, y: 2, part: .release))
    let expected: [UInt64] = [
      event(3, 0x2f, 0), event(3, 0x39, 1), event(3, 0x35, 1), event(3, 0x36, 2), event(1, 0x14a, 1), 0,
      event(3, 0x2f, 0), event(3, 0x35, 5), 0, event(3, 0x2f, 0), event(3, 0x39, -1), event(1, 0x14a, 0), 0,
    ]
    try expect(expected, from: driver)
  }

  @Test func `a mouse is moved, and its wheels give notches of what adds up to one`() throws {
    let mouse = try PointerDevice(.mouse, memory: memory)
    let driver = try drive(mouse.function)
    #expect(driver.inventory.baseClass == 0x09 && driver.inventory.subclass == 0x02)
    try driver.bringUp(buffers: 4)
    mouse.move(byX: 10, y: -5)
    mouse.move(toX: 5, y: 5)  // a tablet's
    mouse.button(.side, isPressed: true)
    mouse.scroll(vertical: 90)
    mouse.scroll(vertical: 90, horizontal: -240)
    mouse.scroll(vertical: .max)
    #expect(mouse.click(.left, x: .min, y: 1))
    let expected: [UInt64] = [
      event(2, 0, 10), event(2, 1, -5), 0, event(1, 0x113, 1), 0, event(2, 0x0b, 90), 0, event(2, 8, 1),
      event(2, 0x0b, 90), event(2, 6, -2), event(2, 0x0c, -240), 0, event(2, 8, 8333),
      event(2, 0x0b, 1_000_000), 0, event(2, 0, -1_000_000), event(2, 1, 1), 0, event(1, 0x110, 1), 0,
      event(1, 0x110, 0), 0,
    ]
    try expect(expected, from: driver)
  }

  @Test func `a touchscreen tells of its fingers and knows no eleventh`() throws {
    let touch = try TouchDevice(memory: memory)
    let driver = try drive(touch.function)
    #expect(driver.inventory.baseClass == 0x09 && driver.inventory.subclass == 0x80)
    try driver.bringUp(buffers: 4)
    for slot in [-1, 10, Int.max] {
      touch.touch(slot: slot, x: 1, y: 1)
      touch.lift(slot: slot)
    }
    touch.touch(slot: 9, x: -4, y: 40_000)
    touch.lift(slot: 9)
    #expect(touch.tap(x: 7, y: 8))
    let expected: [UInt64] = [
      event(3, 0x2f, 9), event(3, 0x39, 1), event(3, 0x35, 0), event(3, 0x36, 32767), event(1, 0x14a, 1), 0,
      event(3, 0x2f, 9), event(3, 0x39, -1), event(1, 0x14a, 0), 0, event(3, 0x2f, 0), event(3, 0x39, 2),
      event(3, 0x35, 7), event(3, 0x36, 8), event(1, 0x14a, 1), 0, event(3, 0x2f, 0), event(3, 0x39, -1),
      event(1, 0x14a, 0), 0,
    ]
    try expect(expected, from: driver)
  }

  @Test func `an input device with a legacy interface cannot be had`() {
    for transport in [VirtioPCIOptions.Transport.legacy, .transitional] {
      var options = VirtioPCIOptions()
      options.transport = transport
      #expect(throws: HostError.self) { try KeyboardDevice(memory: memory, pci: options) }
      #expect(throws: HostError.self) { try PointerDevice(.mouse, memory: memory, pci: options) }
      #expect(throws: HostError.self) { try TouchDevice(memory: memory, pci: options) }
    }
  }

  @Test func `strokes of several threads come whole while the driver resets the device over and over`() throws
  {
    let keyboard = try KeyboardDevice(memory: memory)
    let driver = try drive(keyboard.function)
    try driver.bringUp(buffers: 16)
    let isOver = Lock(false)
    let threads = try (0..<2).map { thread in
      try HostThread(name: "fingers") {
        var isPressed = true
        while !isOver.withLock({ $0 }) {
          keyboard.key(KeyCode(rawValue: UInt16(30 + thread)), isPressed: isPressed)
          isPressed.toggle()
        }
      }
    }
    var count = 0
    for round in 0..<20 {
      var keys = 0
      for _ in 0..<100 {
        let next = try driver.next()
        let event = try #require(next)
        // A report stands behind one key, or both where some were dropped; after a reset a key is first.
        keys = event == 0 ? keys : keys + 1
        #expect((1...2).contains(keys), "event \(count) of round \(round)")
        if event == 0 { keys = 0 }
        count += 1
      }
      try driver.bringUp(buffers: 16)
    }
    isOver.withLock { $0 = true }
    for thread in threads { thread.join() }
    #expect(count == 2000)
  }
}
