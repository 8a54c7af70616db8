import ControlSocket
import FrontEndAPI
import Foundation
import GuestDriver
import Testing

@testable import FrontEndVNC
@testable import scanout

/// A viewer's keys and pointer, from its connection to the events that a guest's driver takes from the ring.
@Suite(.timeLimit(.minutes(15))) struct ServedInputTests {
  /// A guest's driver of one input device.
  private static func drive(_ socket: String) throws -> InputDriver {
    let machine = try VfioUserMachine(path: socket)
    let memory = GuestRAMImage()
    let block = try RAMBlock(base: 0x1000_0000, size: 1 << 20)
    memory.add(block)
    try machine.mapRAM(block, access: .readWrite)
    let driver = try InputDriver(machine, memory)
    try driver.bringUp(buffers: 32)
    return driver
  }

  /// A viewer that has the picture's size.
  private static func connect(_ port: UInt16) throws -> CInt {
    let viewer = socket(AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_port = port.bigEndian
    name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    // A socket address of the family that it names.
    let result = unsafe withUnsafePointer(to: &name) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe Glibc.connect(viewer, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    try #require(result == 0)
    send(viewer, Array("RFB 003.008\n".utf8) + [1, 1])
    var bytes = [UInt8](repeating: 0, count: 12 + 2 + 4 + 24)
    // The array's size.
    let count = unsafe recv(viewer, &bytes, bytes.count, CInt(MSG_WAITALL))
    try #require(count == bytes.count)
    return viewer
  }

  private static func send(_ viewer: CInt, _ bytes: [UInt8]) {
    // The array's size; a few bytes fit the socket's buffer.
    _ = unsafe Glibc.send(viewer, bytes, bytes.count, CInt(MSG_NOSIGNAL))
  }

  private static func key(_ keysym: UInt8, _ isPressed: Bool) -> [UInt8] {
    [4, isPressed ? 1 : 0, 0, 0, 0, 0, keysym >= 0xe0 ? 0xff : 0, keysym]
  }

  private func event(_ type: UInt64, _ code: UInt64, _ value: Int32) -> UInt64 {
    type | code << 16 | UInt64(UInt32(bitPattern: value)) << 32
  }

  private func expect(_ expected: [UInt64], from driver: InputDriver) throws {
    for (index, event) in expected.enumerated() { #expect(try driver.next() == event, "event \(index)") }
  }

  @Test func `a viewer types, points and clicks in a guest, and lets go when it leaves`() throws {
    let serve = try Process(
      "serve", "--vfio-user", "gpu=@/gpu", "--vfio-user", "keyboard=@/keyboard", "--vfio-user",
      "tablet=@/tablet",
      "--vnc", "127.0.0.1:0")
    let port = try #require(serve.line().split(separator: ":").last.flatMap { UInt16($0) })
    for name in ["gpu", "keyboard", "tablet"] { #expect(serve.line() == "listening on \(serve.path(name))") }
    let keyboard = try Self.drive(serve.path("keyboard")), tablet = try Self.drive(serve.path("tablet"))
    let viewer = try Self.connect(port)
    Self.send(viewer, Self.key(UInt8(ascii: "A"), true) + Self.key(UInt8(ascii: "A"), false))
    let typed = [event(1, 42, 1), 0, event(1, 30, 1), 0, event(1, 30, 0), 0, event(1, 42, 0), 0]
    try expect(typed, from: keyboard)
    // The guest's Caps Lock turns it round.
    try keyboard.send(event(0x11, 1, 1))
    Self.send(viewer, Self.key(UInt8(ascii: "A"), true) + Self.key(UInt8(ascii: "A"), false))
    try expect([event(1, 30, 1), 0, event(1, 30, 0), 0], from: keyboard)
    // 640x480 are shown while the guest shows nothing.
    Self.send(viewer, [5, 1, 0x02, 0x7f, 0x01, 0xdf] + [5, 8, 0, 0, 0, 0])
    let (right, bottom) = (
      PointerInterface.place(ofPixel: 639, among: 640), PointerInterface.place(ofPixel: 479, among: 480)
    )
    let (left, top) = (
      PointerInterface.place(ofPixel: 0, among: 640), PointerInterface.place(ofPixel: 0, among: 480)
    )
    try expect(
      [
        event(3, 0, Int32(right)), event(3, 1, Int32(bottom)), 0, event(1, 0x110, 1), 0,
        event(3, 0, Int32(left)),
        event(3, 1, Int32(top)), 0, event(1, 0x110, 0), 0, event(2, 8, 1), event(2, 11, 120), 0,
      ], from: tablet)
    Self.send(viewer, Self.key(0xe3, true) + [5, 4, 0, 0, 0, 0])
    try expect([event(1, 29, 1), 0], from: keyboard)
    try expect([event(1, 0x111, 1), 0], from: tablet)
    close(viewer)
    try expect([event(1, 29, 0), 0], from: keyboard)
    try expect([event(1, 0x111, 0), 0], from: tablet)
    serve.signal(SIGTERM)
    #expect(serve.wait() == 0)
  }

  @Test func `a viewer's wish for a size is a display event in the guest`() throws {
    let serve = try Process("serve", "--vfio-user", "@/gpu", "--output", "640x480", "--vnc", "127.0.0.1:0")
    let port = try #require(serve.line().split(separator: ":").last.flatMap { UInt16($0) })
    _ = serve.line()
    let machine = try VfioUserMachine(path: serve.path("gpu"))
    let memory = GuestRAMImage()
    let block = try RAMBlock(base: 0x1000_0000, size: 1 << 20)
    memory.add(block)
    try machine.mapRAM(block, access: .readWrite)
    let driver = GPUDriver(machine, ram: memory)
    try driver.bringUp()
    let viewer = try Self.connect(port)
    Self.send(viewer, [251, 0, 4, 0, 3, 0, 1, 0] + [0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 3, 0, 0, 0, 0, 0])
    #expect(try machine.waitForInterrupt(driver.configurationLine, timeoutInMilliseconds: 60_000))
    let function = try #require(driver.function)
    #expect(try function.readDevice(GPULayout.Config.eventsRead, width: 4) == 1)
    let display = try #require(try driver.send(.getDisplayInfo).displays?.first)
    #expect(display.rect == GPURect(0, 0, 1024, 768))
    close(viewer)
    serve.signal(SIGTERM)
    #expect(serve.wait() == 0)
  }

  @Test func `a viewer who may only look moves nothing`() throws {
    let serve = try Process(
      "serve", "--vfio-user", "gpu=@/gpu", "--vfio-user", "keyboard=@/keyboard", "--vnc", "all=127.0.0.1:0",
      "--view-only", "--control", "@/control")
    let line = serve.line()
    #expect(line.hasPrefix("VNC viewers of all scanouts connect at "))
    let port = try #require(line.split(separator: ":").last.flatMap { UInt16($0) })
    for _ in 0..<2 { _ = serve.line() }
    let keyboard = try Self.drive(serve.path("keyboard"))
    let viewer = try Self.connect(port)
    Self.send(viewer, Self.key(UInt8(ascii: "a"), true))
    // An update that the viewer asked for after the key comes after it was taken.
    Self.send(viewer, [3, 0, 0, 0, 0, 0, 0, 1, 0, 1])
    var bytes = [UInt8](repeating: 0, count: 20)
    #expect(unsafe recv(viewer, &bytes, bytes.count, CInt(MSG_WAITALL)) == bytes.count)
    _ = try ControlClient.ask(.keys([[48]]), at: serve.path("control"))
    try expect([event(1, 48, 1), 0], from: keyboard)
    close(viewer)
    serve.signal(SIGTERM)
    #expect(serve.wait() == 0)
  }
}
