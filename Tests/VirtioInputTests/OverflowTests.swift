import Testing

@testable import VirtioInput

/// A guest that takes nothing for a while.
@Suite struct OverflowTests {
  /// Splits what a driver saw at its reports; nil when the last one is missing.
  private func packets(_ events: [SeenEvent]) -> [[SeenEvent]]? {
    guard events.isEmpty || events.last == .report else { return nil }
    return events.split(separator: .report).map(Array.init)
  }

  @Test func `a flood is bounded, and what is dropped is dropped whole`() throws {
    let guest = try InputGuest(.mouse)
    var kept = 0
    for step in 1...10_000 {
      if guest.happen(.motion(0, Int32(step)), .motion(1, Int32(-step))) { kept += 1 }
    }
    #expect(kept == EventQueue.capacity / 3)
    let seen = try #require(packets(try guest.takeAll()))
    #expect(seen == (1...kept).map { [.way(0, Int32($0)), .way(1, Int32(-$0))] })
    #expect(guest.happen(.motion(0, 1)))
    #expect(try guest.takeAll() == [.way(0, 1), .report])
  }

  @Test func `a key that comes up while nothing is taken is up in the end`() throws {
    let guest = try InputGuest(.keyboard)
    guest.happen(.key(42, isPressed: true))
    guest.happen(.key(56, isPressed: true))
    var isPressed = true
    while guest.happen(.key(30, isPressed: isPressed)) { isPressed.toggle() }
    #expect(!guest.happen(.key(42, isPressed: false)))  // known to be down, comes up
    #expect(!guest.happen(.key(29, isPressed: true)))  // goes down and stays
    #expect(!guest.happen(.key(48, isPressed: true)))  // comes and goes
    #expect(!guest.happen(.key(48, isPressed: false)))
    let seen = try guest.takeAll()
    _ = try #require(packets(seen))
    var down: Set<UInt16> = []
    for event in seen where event.type == 1 {
      if event.value == 1 { down.insert(event.code) } else { down.remove(event.code) }
    }
    #expect(down == Set([56, 29] + (isPressed ? [30] : [])))
    #expect(!seen.contains(.key(48, 1)))
    // From here on as if nothing had been.
    #expect(guest.happen(.key(29, isPressed: false)))
    #expect(try guest.takeAll() == [.key(29, 0), .report])
  }

  @Test func `a pointer that went on while nothing was taken is told its last place`() throws {
    let guest = try InputGuest(.tablet)
    var x: Int32 = 0
    while guest.happen(.axis(0, x), .axis(1, 0)) { x += 1 }
    guest.happen(.axis(0, 30_000), .axis(1, 77))
    let seen = try guest.takeAll()
    #expect(seen.suffix(3) == [.place(0, 30_000), .place(1, 77), .report])
    #expect(seen.dropLast(3).last == .report && !seen.dropLast(3).contains(.place(0, x)))
  }

  @Test func `fingers that changed while nothing was taken are told as they are`() throws {
    let guest = try InputGuest(.touch)
    guest.happen(.contact(slot: 0, x: 1, y: 1))
    guest.happen(.contact(slot: 1, x: 2, y: 2))
    var y: Int32 = 3
    while guest.happen(.contact(slot: 0, x: 1, y: y)) { y += 1 }
    guest.happen(.lift(slot: 0))
    guest.happen(.contact(slot: 0, x: 1, y: 9))
    guest.happen(.lift(slot: 1))
    let seen = try guest.takeAll()
    #expect(
      seen.suffix(7) == [
        .place(0x2f, 0), .place(0x39, 3), .place(0x35, 1), .place(0x36, 9), .place(0x2f, 1),
        .place(0x39, -1), .report,
      ])
  }

  @Test func `what cancels itself out while nothing is taken is not told`() throws {
    let guest = try InputGuest(.keyboard)
    var isPressed = true
    while guest.happen(.key(30, isPressed: isPressed)) { isPressed.toggle() }
    guest.happen(.key(30, isPressed: !isPressed))
    let seen = try guest.takeAll()
    #expect(seen.count == EventQueue.capacity)
    #expect(guest.happen(.key(48, isPressed: true)))
  }

  @Test func `several packets are taken together or not at all`() throws {
    let guest = try InputGuest(.keyboard)
    let many = (0..<200).map { [InputChange.key(30, isPressed: $0 % 2 == 0)] }
    #expect(!guest.device.addAll(many))
    #expect(try guest.takeAll() == [])
    #expect(guest.device.addAll(Array(many.prefix(100))))
    guest.state.lookAgain(at: InputDevice.Queue.event)
    #expect(try guest.takeAll().count == 200)
  }
}
