import GuestRAM

/// The three areas of a packed ring as ranges of guest memory (virtio 1.4 §2.8.10.1).
struct PackedLayout {
  let descriptors: GuestRange
  let driverEvents: GuestRange
  let deviceEvents: GuestRange

  /// The most descriptors in a ring (§2.8).
  static let largestSize: UInt16 = 32768

  /// Nil when an area would wrap around the end of the address space.
  init?(_ setup: QueueSetup) {
    guard
      let descriptors = GuestRange(
        start: GuestAddress(setup.descriptorArea), count: UInt64(Descriptor.size) * UInt64(setup.size)),
      let driverEvents = GuestRange(start: GuestAddress(setup.driverArea), count: 4),
      let deviceEvents = GuestRange(start: GuestAddress(setup.deviceArea), count: 4)
    else { return nil }
    self.descriptors = descriptors
    self.driverEvents = driverEvents
    self.deviceEvents = deviceEvents
  }
}

/// A place in a packed ring and the wrap counter there (virtio 1.4 §2.8.1).
struct PackedPosition: Equatable {
  /// In descriptors; less than the ring's size, unless it came from the driver.
  private(set) var offset = 0
  /// Toggled each time that the ring's end is passed.
  private(set) var wrap = true

  /// The ring's start, in its first round.
  init() {}

  /// A position as an event suppression structure has it (§2.8.14); its offset may be beyond the ring's end.
  init(encoded: UInt16) {
    offset = Int(encoded & 0x7fff)
    wrap = encoded & 0x8000 != 0
  }

  /// The offset without the wrap counter.
  var index: UInt16 { encoded & 0x7fff }

  /// For an event suppression structure.
  var encoded: UInt16 { UInt16(truncatingIfNeeded: offset) & 0x7fff | (wrap ? 0x8000 : 0) }

  /// Goes on by `count` descriptors, at most the ring's size.
  mutating func advance(by count: Int, in size: Int) {
    offset += count
    guard offset >= size else { return }
    offset -= size
    wrap.toggle()
  }

  /// Whether a descriptor here with these flags is available: AVAIL as the wrap counter, USED not (§2.8.1).
  func isAvailable(_ flags: UInt16) -> Bool {
    (flags & Descriptor.available != 0) == wrap && (flags & Descriptor.used != 0) != wrap
  }

  /// The flags of a used descriptor here: both as the wrap counter (§2.8.1).
  var usedFlags: UInt16 { wrap ? Descriptor.available | Descriptor.used : 0 }

  /// Whether `event`, a place in the ring, is one of the last `count` descriptors before this position.
  func hasPassed(_ event: PackedPosition, within count: Int, in size: Int) -> Bool {
    // Two rounds of the ring, one for each value of the wrap counter, come back to where they started.
    let rounds = 2 * size
    let here = offset + (wrap ? 0 : size)
    let there = event.offset + (event.wrap ? 0 : size)
    let distance = (here - 1 - there) % rounds
    return (distance < 0 ? distance + rounds : distance) < count
  }
}
