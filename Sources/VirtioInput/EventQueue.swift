/// Something that happened to a device.
package enum InputChange: Sendable, Equatable {
  /// A key or button went down or came up.
  case key(UInt16, isPressed: Bool)
  /// A place on an absolute axis.
  case axis(UInt16, Int32)
  /// A way on a relative axis.
  case motion(UInt16, Int32)
  /// A finger is at a place; `slot` is below `InputState.contactCount`.
  case contact(slot: Int, x: Int32, y: Int32)
  /// A finger was lifted.
  case lift(slot: Int)
}

/// Events that the guest has not taken yet, a bounded number.
///
/// What happens at once is a packet: its events and a report (virtio 1.4 §5.8.6.2). A packet is kept whole or not at all.
/// Of one for which there is no room, what lasts is remembered: when the guest has taken everything that was kept, it
/// is told in one packet how things are now, so that no key stays down which is up.
struct EventQueue {
  private var events: [InputEvent] = []
  /// Where the oldest event is in `events`, which is used in a circle once it has its full size.
  private var first = 0
  private(set) var count = 0
  /// How things are, and how they are for a guest that has taken all of `events`; the same unless `hasLost`.
  private var state = InputState()
  private var toldState = InputState()
  private(set) var hasLost = false
  private var nextTrackingID: Int32 = 0
  private var packet: [InputEvent] = []

  /// The most that is kept; the state of a whole device fits.
  static let capacity = 1024

  init() { events.reserveCapacity(Self.capacity) }

  /// Events for which there is room; 0 while there is something to be made up for.
  var room: Int { hasLost ? 0 : Self.capacity - count }

  /// Adds a packet with everything in `changes` that changes anything; false when it was dropped.
  mutating func add(_ changes: some Sequence<InputChange>) -> Bool {
    packet.removeAll(keepingCapacity: true)
    let before = state
    for change in changes { apply(change) }
    guard !hasLost else { return false }
    state.events(since: before, into: &packet)
    guard !packet.isEmpty else { return true }
    packet.append(.report)
    guard packet.count <= room else {
      hasLost = true
      return false
    }
    keepPacket()
    return true
  }

  private mutating func apply(_ change: InputChange) {
    switch change {
    case .key(let code, let isPressed): state.press(code, isPressed)
    case .axis(let axis, let value): state.place(axis, at: value)
    case .motion(let axis, let value): if value != 0 { packet.append(InputEvent(.relative, axis, value)) }
    case .contact(let slot, let x, let y):
      if !state.isTouched(slot) { nextTrackingID = (nextTrackingID + 1) % (InputKind.largestTrackingID + 1) }
      state.touch(slot, at: (x, y), trackingID: nextTrackingID)
    case .lift(let slot): state.touch(slot, at: nil, trackingID: 0)
    }
  }

  /// Moves `packet`, for which there is room, to the events; the guest then knows the present state.
  private mutating func keepPacket() {
    for event in packet {
      let place = (first + count) % Self.capacity
      if place == events.count { events.append(event) } else { events[place] = event }
      count += 1
    }
    toldState = state
  }

  /// The event that is the guest's next; nil when there is none.
  var next: InputEvent? { count > 0 ? events[first] : nil }

  /// The guest has taken `next`.
  mutating func removeNext() {
    precondition(count > 0)
    first = (first + 1) % Self.capacity
    count -= 1
    guard count == 0, hasLost else { return }
    packet.removeAll(keepingCapacity: true)
    state.events(since: toldState, into: &packet)
    hasLost = false
    guard !packet.isEmpty else { return }
    packet.append(.report)
    keepPacket()
  }

  /// As after power-on: nothing is kept and nothing pressed.
  mutating func reset() {
    first = 0
    count = 0
    events.removeAll(keepingCapacity: true)
    state = InputState()
    toldState = state
    hasLost = false
  }
}
