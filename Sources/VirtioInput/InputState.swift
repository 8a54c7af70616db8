import FrontEndAPI

/// What is pressed and where things are: everything about a device that lasts.
package struct InputState: Sendable, Equatable {
  /// Keys and buttons that are down.
  private var pressed: Set<UInt16> = []
  /// The places on absolute axes, once there are any.
  private var axes: [UInt16: Int32] = [:]
  private var contacts = [Contact?](repeating: nil, count: contactCount)

  /// Contacts that a touch device tells apart.
  package static let contactCount = PointerInterface.contactCount

  /// A finger on the screen.
  struct Contact: Sendable, Equatable {
    let trackingID: Int32
    var x: Int32
    var y: Int32
  }

  init() {}

  /// A key or button goes down or comes up.
  mutating func press(_ code: UInt16, _ isPressed: Bool) {
    if isPressed { pressed.insert(code) } else { pressed.remove(code) }
  }

  mutating func place(_ axis: UInt16, at value: Int32) { axes[axis] = value }

  /// A finger is at a place, or (nil) is lifted. `trackingID` is for one that was not there.
  mutating func touch(_ slot: Int, at place: (x: Int32, y: Int32)?, trackingID: Int32) {
    contacts[slot] = place.map {
      Contact(trackingID: contacts[slot]?.trackingID ?? trackingID, x: $0.x, y: $0.y)
    }
    press(InputCode.touch, contacts.contains { $0 != nil })
  }

  /// Whether a finger is there.
  func isTouched(_ slot: Int) -> Bool { contacts[slot] != nil }

  /// The events that tell a guest which knows an earlier state of this one, without the report that ends them.
  func events(since earlier: InputState, into events: inout [InputEvent]) {
    for axis in axes.keys.sorted() where axes[axis] != earlier.axes[axis] {
      events.append(InputEvent(.absolute, axis, axes[axis] ?? 0))
    }
    for (slot, (contact, before)) in zip(contacts, earlier.contacts).enumerated() where contact != before {
      events.append(InputEvent(.absolute, InputCode.slot, Int32(truncatingIfNeeded: slot)))
      if contact?.trackingID != before?.trackingID {
        events.append(InputEvent(.absolute, InputCode.trackingID, contact?.trackingID ?? -1))
      }
      guard let contact else { continue }
      // A new contact inherits nothing from the one that had the slot before.
      let isNew = contact.trackingID != before?.trackingID
      if isNew || contact.x != before?.x {
        events.append(InputEvent(.absolute, InputCode.contactX, contact.x))
      }
      if isNew || contact.y != before?.y {
        events.append(InputEvent(.absolute, InputCode.contactY, contact.y))
      }
    }
    for code in earlier.pressed.subtracting(pressed).sorted() {
      events.append(InputEvent(.key, code, 0))
    }
    for code in pressed.subtracting(earlier.pressed).sorted() { events.append(InputEvent(.key, code, 1)) }
  }
}
