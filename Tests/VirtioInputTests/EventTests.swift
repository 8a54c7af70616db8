import GuestDriver
import Testing

@testable import VirtioInput

/// Events on their way to the driver (virtio 1.4 §5.8.6).
@Suite struct EventTests {
  @Test func `buffers stay in the ring until something happens, then each takes one event`() throws {
    let guest = try InputGuest(.keyboard)
    try guest.offer(8)
    #expect(try guest.usedLengths() == [])
    guest.happen(.key(30, isPressed: true))
    guest.happen(.key(30, isPressed: false))
    var seen: [SeenEvent] = []
    while let buffer = try guest.takeBuffer() {
      #expect(buffer.length == 8)
      seen.append(SeenEvent(buffer.bytes))
    }
    #expect(seen == [.key(30, 1), .report, .key(30, 0), .report])
    guest.happen(.key(48, isPressed: true))
    #expect(try guest.takeAll() == [.key(48, 1), .report])
  }

  @Test func `what happened before there were buffers comes when there are, one doorbell at a time`() throws {
    let guest = try InputGuest(.keyboard)
    guest.happen(.key(30, isPressed: true))
    guest.happen(.key(30, isPressed: false))
    var seen: [SeenEvent] = []
    for _ in 0..<4 {
      try guest.offer(1)
      seen.append(SeenEvent(try #require(try guest.takeBuffer()).bytes))
      #expect(try guest.takeBuffer() == nil)
    }
    #expect(seen == [.key(30, 1), .report, .key(30, 0), .report])
  }

  @Test func `what changes nothing is no event`() throws {
    let guest = try InputGuest(.tablet)
    #expect(guest.happen(.key(272, isPressed: false)))
    #expect(guest.happen(.motion(8, 0)))
    #expect(guest.happen())
    #expect(try guest.takeAll() == [])
    guest.happen(.axis(0, 5), .axis(1, 6))
    guest.happen(.axis(0, 5), .axis(1, 7))
    guest.happen(.key(272, isPressed: true))
    guest.happen(.key(272, isPressed: true))
    #expect(
      try guest.takeAll() == [
        .place(0, 5), .place(1, 6), .report, .place(1, 7), .report, .key(272, 1), .report,
      ])
  }

  @Test func `what happens at once is one report, motions first`() throws {
    let guest = try InputGuest(.mouse)
    guest.happen(.motion(0, 10), .motion(1, -5), .key(272, isPressed: true), .key(273, isPressed: true))
    #expect(
      try guest.takeAll() == [.way(0, 10), .way(1, -5), .key(272, 1), .key(273, 1), .report])
  }

  @Test func `fingers have slots, each contact its own number`() throws {
    let guest = try InputGuest(.touch)
    guest.happen(.contact(slot: 0, x: 100, y: 200))
    guest.happen(.contact(slot: 3, x: 1, y: 2))
    guest.happen(.contact(slot: 0, x: 100, y: 201))
    guest.happen(.lift(slot: 0))
    guest.happen(.lift(slot: 3))
    guest.happen(.contact(slot: 0, x: 100, y: 201))
    #expect(
      try guest.takeAll() == [
        .place(0x2f, 0), .place(0x39, 1), .place(0x35, 100), .place(0x36, 200), .key(0x14a, 1), .report,
        .place(0x2f, 3), .place(0x39, 2), .place(0x35, 1), .place(0x36, 2), .report,
        .place(0x2f, 0), .place(0x36, 201), .report, .place(0x2f, 0), .place(0x39, -1), .report,
        .place(0x2f, 3), .place(0x39, -1), .key(0x14a, 0), .report,
        .place(0x2f, 0), .place(0x39, 3), .place(0x35, 100), .place(0x36, 201), .key(0x14a, 1), .report,
      ])
  }

  @Test(arguments: [0, 1, 7])
  func `a buffer that is too small comes back empty and loses nothing`(_ size: Int) throws {
    let guest = try InputGuest(.keyboard)
    guest.happen(.key(30, isPressed: true))
    try guest.offer(3, size: size)
    #expect(try guest.usedLengths() == [0, 0, 0])
    #expect(try guest.takeAll() == [.key(30, 1), .report])
  }

  @Test(arguments: [9, 16, 63])
  func `a larger buffer gets one event and keeps the rest of its bytes`(_ size: Int) throws {
    let guest = try InputGuest(.keyboard)
    guest.happen(.key(30, isPressed: true))
    let place = InputGuest.buffers
    try guest.offer([guest.room(size, at: place)])
    guest.state.notify(0)
    #expect(try guest.usedLengths() == [8])
    #expect(guest.ram.read(place, count: 64).dropFirst(8).allSatisfy { $0 == InputGuest.mark })
  }

  @Test func `a buffer in pieces is one buffer, and what the driver sends in it is not read`() throws {
    let guest = try InputGuest(.keyboard)
    guest.happen(.key(30, isPressed: true))
    let place = InputGuest.buffers
    let chain =
      [RingDescriptor(address: place + 0x1000, length: 100)]
      + [1, 2, 5].enumerated().map { guest.room($1, at: place + UInt64($0) * 16) }
    try guest.offer(chain)
    guest.state.notify(0)
    #expect(try guest.usedLengths() == [8])
    let bytes =
      guest.ram.read(place, count: 1) + guest.ram.read(place + 16, count: 2)
      + guest.ram.read(place + 32, count: 5)
    #expect(SeenEvent(bytes) == .key(30, 1))
  }

  @Test func `a buffer outside guest memory stops the device, and a reset helps`() throws {
    let guest = try InputGuest(.keyboard)
    try guest.offer([guest.room(8, at: 0x7000_0000)])
    guest.state.notify(0)
    #expect(!guest.state.status.contains(.needsReset))  // nobody has looked at it
    guest.happen(.key(30, isPressed: true))
    #expect(guest.state.status.contains(.needsReset))
    try guest.restart()
    guest.happen(.key(30, isPressed: true))
    #expect(try guest.takeAll() == [.key(30, 1), .report])
  }

  @Test func `a reset drops what was kept and what was pressed`() throws {
    let guest = try InputGuest(.keyboard)
    try guest.offer(1)
    guest.happen(.key(30, isPressed: true))
    #expect(try guest.usedLengths() == [8])  // and its report is kept
    guest.happen(.key(48, isPressed: true))
    try guest.restart()
    #expect(try guest.takeAll() == [])
    guest.happen(.key(30, isPressed: false))
    #expect(try guest.takeAll() == [])
    guest.happen(.key(30, isPressed: true))
    #expect(try guest.takeAll() == [.key(30, 1), .report])
  }

  @Test func `a driver's reset gives no buffer back that it had left for events`() throws {
    let guest = try InputGuest(.keyboard)
    try guest.offer(4)
    let ring = guest.events
    try guest.restart()
    #expect(try ring.takeUsed() == nil)
  }

  @Test func `a suspended device keeps events until it is resumed`() throws {
    let guest = try InputGuest(.keyboard)
    try guest.offer(2)
    let atWork = guest.state.status
    guest.state.writeStatus(atWork.union(.suspend))
    #expect(guest.state.status.contains(.suspend))
    guest.happen(.key(30, isPressed: true))
    #expect(try guest.takeBuffer() == nil)
    guest.state.writeStatus(atWork)
    #expect(try guest.usedLengths() == [8, 8])
  }

  @Test func `the driver is asked not to ring while there is nothing to tell, and to ring while there is`()
    throws
  {
    let guest = try InputGuest(.keyboard)
    try guest.offer(1)
    #expect(!guest.events.wantsKick(since: 0))
    guest.happen(.key(30, isPressed: true))  // its report finds no buffer
    #expect(guest.events.wantsKick(since: 0))
    try guest.offer(1)
    #expect(try guest.usedLengths() == [8, 8])
    #expect(!guest.events.wantsKick(since: 0))
  }
}
