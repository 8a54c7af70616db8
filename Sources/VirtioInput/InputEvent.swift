/// One event as it travels, `struct virtio_input_event` (virtio 1.4 §5.8.6): its numbers are those of Linux's evdev.
package struct InputEvent: Sendable, Equatable {
  /// `EV_*`.
  package let type: UInt16
  /// What of this type, such as the number of a key.
  package let code: UInt16
  /// Signed where the code says so.
  package let value: Int32

  /// Bytes of an event.
  package static let byteCount = 8

  package init(_ type: Kind, _ code: UInt16, _ value: Int32) {
    self.type = type.rawValue
    self.code = code
    self.value = value
  }

  /// Event types (`linux/input-event-codes.h`).
  package enum Kind: UInt16 {
    /// `EV_SYN`.
    case synchronization = 0x00
    /// `EV_KEY`: keys and buttons, 1 pressed and 0 released.
    case key = 0x01
    /// `EV_REL`.
    case relative = 0x02
    /// `EV_ABS`.
    case absolute = 0x03
    /// `EV_LED`.
    case led = 0x11
    /// `EV_REP`: the guest repeats keys.
    case repetition = 0x14
  }

  /// What ends the events of one change (`SYN_REPORT`).
  static let report = InputEvent(.synchronization, 0, 0)

  /// The event as one little-endian number of 64 bits.
  var word: UInt64 {
    UInt64(type) | UInt64(code) << 16 | UInt64(UInt32(bitPattern: value)) << 32
  }

  /// The event that a number of 64 bits stands for; whatever it says.
  init(word: UInt64) {
    type = UInt16(truncatingIfNeeded: word)
    code = UInt16(truncatingIfNeeded: word >> 16)
    value = Int32(truncatingIfNeeded: word >> 32)
  }
}

/// Codes of Linux's input layer that the devices use besides keys.
package enum InputCode {
  /// Buttons of a mouse (`BTN_LEFT`).
  package static let leftButton: UInt16 = 0x110
  package static let rightButton: UInt16 = 0x111
  package static let middleButton: UInt16 = 0x112
  package static let sideButton: UInt16 = 0x113
  package static let extraButton: UInt16 = 0x114
  /// A finger is on the screen (`BTN_TOUCH`).
  package static let touch: UInt16 = 0x14a

  package static let relativeX: UInt16 = 0x00
  package static let relativeY: UInt16 = 0x01
  /// `REL_HWHEEL`, `REL_WHEEL`: whole notches.
  package static let horizontalWheel: UInt16 = 0x06
  package static let wheel: UInt16 = 0x08
  /// `REL_WHEEL_HI_RES`, `REL_HWHEEL_HI_RES`: 120 to a notch.
  package static let fineWheel: UInt16 = 0x0b
  package static let fineHorizontalWheel: UInt16 = 0x0c

  package static let absoluteX: UInt16 = 0x00
  package static let absoluteY: UInt16 = 0x01
  /// `ABS_MT_SLOT`: which contact the events after it are of.
  package static let slot: UInt16 = 0x2f
  package static let contactX: UInt16 = 0x35
  package static let contactY: UInt16 = 0x36
  /// `ABS_MT_TRACKING_ID`: a number for each contact, -1 when it ends.
  package static let trackingID: UInt16 = 0x39
}
