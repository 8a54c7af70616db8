import FrontEndAPI

/// What an input device is, with what it tells a driver about itself.
package enum InputKind: Sendable, CaseIterable {
  /// Keys and three lights.
  case keyboard
  /// A pointer that is where it is told to be: absolute axes, buttons and wheels.
  case tablet
  /// A pointer that is moved: relative axes, buttons and wheels.
  case mouse
  /// A screen that is touched by several fingers (Linux's multi-touch protocol B).
  case touch

  /// The largest place on an absolute axis; the smallest is 0.
  package static let largestPlace = Int32(PointerInterface.largestPlace)
  /// The largest number of a contact, after which they begin again.
  static let largestTrackingID: Int32 = 65535
  /// `INPUT_PROP_DIRECT`: what is touched is what is shown.
  private static let directProperty: UInt16 = 1

  /// What people see.
  var name: String {
    switch self {
    case .keyboard: "Scanout virtio keyboard"
    case .tablet: "Scanout virtio tablet"
    case .mouse: "Scanout virtio mouse"
    case .touch: "Scanout virtio touchscreen"
    }
  }

  /// Our number for it, beside virtio's vendor id.
  var product: UInt16 {
    switch self {
    case .keyboard: 1
    case .tablet: 2
    case .mouse: 3
    case .touch: 4
    }
  }

  /// Class code of a PCI function: a keyboard, a mouse, or an input device of another kind.
  package var pciClass: UInt32 {
    switch self {
    case .keyboard: 0x090000
    case .mouse: 0x090200
    case .tablet, .touch: 0x098000
    }
  }

  /// The codes of each event type that it sends, or takes where they are lights. Repetition has no codes of its own:
  /// it says that the guest is to repeat keys.
  func codes(_ type: InputEvent.Kind) -> [UInt16] {
    switch (self, type) {
    case (.keyboard, .key): KeyCode.all.map(\.rawValue)
    case (.keyboard, .led): [0, 1, 2]
    case (.tablet, .key), (.mouse, .key): Array(InputCode.leftButton...InputCode.extraButton)
    case (.touch, .key): [InputCode.touch]
    case (.mouse, .relative): [InputCode.relativeX, InputCode.relativeY] + Self.wheels
    case (.tablet, .relative): Self.wheels
    case (.tablet, .absolute): [InputCode.absoluteX, InputCode.absoluteY]
    case (.touch, .absolute):
      [InputCode.slot, InputCode.contactX, InputCode.contactY, InputCode.trackingID]
    default: []
    }
  }

  /// Whether the guest is to repeat keys that stay down.
  var isRepeated: Bool { self == .keyboard }

  /// `INPUT_PROP_*`.
  var properties: [UInt16] { self == .touch ? [Self.directProperty] : [] }

  /// The largest value on an absolute axis of its own.
  func largest(on axis: UInt16) -> Int32 {
    switch axis {
    case InputCode.slot: Int32(InputState.contactCount - 1)
    case InputCode.trackingID: Self.largestTrackingID
    default: Self.largestPlace
    }
  }

  private static let wheels = [
    InputCode.horizontalWheel, InputCode.wheel, InputCode.fineWheel, InputCode.fineHorizontalWheel,
  ]
}
