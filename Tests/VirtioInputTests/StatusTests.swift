import FrontEndAPI
import GuestDriver
import Testing
import VirtioCore

@testable import VirtioInput

/// What the driver sends (virtio 1.4 §5.8.6): lights.
@Suite struct StatusTests {
  private func event(_ type: UInt16, _ code: UInt16, _ value: UInt32) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append16(type)
    bytes.append16(code)
    bytes.append32(value)
    return bytes
  }

  @Test func `lights follow the driver and whoever listens hears of each change once`() throws {
    let guest = try InputGuest(.keyboard)
    #expect(try guest.send(event(0x11, 1, 1)) == 0)
    #expect(guest.device.presentLights == .capsLock)
    #expect(try guest.send(event(0x11, 1, 1)) == 0)
    #expect(try guest.send(event(0, 0, 0)) == 0)
    #expect(try guest.send(event(0x11, 0, 1)) == 0)
    #expect(try guest.send(event(0x11, 2, 0xffff_ffff)) == 0)
    #expect(try guest.send(event(0x11, 1, 0)) == 0)
    #expect(guest.lights.values == [2, 3, 7, 5])
    #expect(guest.device.presentLights == [.numLock, .scrollLock])
  }

  @Test func `a reset puts the lights out`() throws {
    let guest = try InputGuest(.keyboard)
    #expect(try guest.send(event(0x11, 1, 1)) == 0)
    try guest.restart()
    #expect(guest.device.presentLights == [])
    #expect(guest.lights.values == [2, 0])
  }

  @Test func `buffers of any length and content come back and light nothing that there is not`() throws {
    let guest = try InputGuest(.keyboard)
    var random = SystemRandomNumberGenerator()
    for count in [0, 1, 2, 7] {
      #expect(try guest.send(Array(event(0x11, 1, 1).prefix(count))) == 0)
    }
    for code in [3, 8, 9, 15, 16, 63, 64, 0xffff] as [UInt16] {
      #expect(try guest.send(event(0x11, code, 1)) == 0)
    }
    for type in [1, 2, 3, 4, 0x10, 0x12, 0x14, 0x111, 0xffff] as [UInt16] {
      #expect(try guest.send(event(type, 1, 1)) == 0)
    }
    #expect(guest.lights.values == [])
    for _ in 0..<300 {
      let bytes = (0..<Int.random(in: 0...64, using: &random)).map { _ in UInt8.random(in: .min ... .max) }
      #expect(try guest.send(bytes) == 0)
    }
    #expect(!guest.state.status.contains(.needsReset))
    // Only the first event of a longer buffer counts.
    try guest.restart()
    #expect(try guest.send(event(0x11, 1, 1) + event(0x11, 0, 1)) == 0)
    #expect(guest.device.presentLights == .capsLock)
  }

  @Test func `a buffer for writing is no event and is not written`() throws {
    let guest = try InputGuest(.keyboard)
    let place = InputGuest.buffers
    _ = try guest.status.offer([guest.room(64, at: place)])
    guest.state.notify(1)
    #expect(try guest.status.takeUsed()?.length == 0)
    #expect(guest.ram.read(place, count: 64).allSatisfy { $0 == InputGuest.mark })
  }

  @Test(arguments: [InputKind.tablet, .mouse, .touch])
  func `a device without lights takes the buffer and lights none`(_ kind: InputKind) throws {
    let guest = try InputGuest(kind)
    #expect(try guest.send(event(0x11, 1, 1)) == 0)
    #expect(guest.device.presentLights == [] && guest.lights.values == [])
  }
}
