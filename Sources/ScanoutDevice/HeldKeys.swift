import VirtioInput

/// Who holds which keys or buttons of a device down: one comes up when nobody holds it any more.
struct HeldKeys: Sendable {
  private var holders: [UInt16: Set<ObjectIdentifier>] = [:]

  /// What the device is told of one holder's change; nil when a key that comes up is held by another too.
  ///
  /// A key that goes down is told always, since a guest that has reset the device knows of none that are down.
  mutating func change(_ code: UInt16, isPressed: Bool, by holder: ObjectIdentifier) -> InputChange? {
    if isPressed {
      holders[code, default: []].insert(holder)
    } else {
      holders[code]?.remove(holder)
      guard holders[code, default: []].isEmpty else { return nil }
      holders[code] = nil
    }
    return .key(code, isPressed: isPressed)
  }

  /// What the device is told when a holder lets go of everything.
  mutating func releaseAll(by holder: ObjectIdentifier) -> [InputChange] {
    holders.keys.sorted().filter { holders[$0, default: []].contains(holder) }
      .compactMap { change($0, isPressed: false, by: holder) }
  }

  /// Whether anybody holds it.
  func isHeld(_ code: UInt16) -> Bool { holders[code] != nil }
}
