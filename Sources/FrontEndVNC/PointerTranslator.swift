import FrontEndAPI

/// Makes of a viewer's pointer messages what a guest's pointer does.
struct PointerTranslator {
  /// What the guest's pointer takes.
  let kind: PointerKind
  /// Whether the viewer sends ways instead of places (`QEMU Pointer Motion Change`): 0x7fff stands for none.
  var sendsWays = false
  private var buttons: UInt16 = 0
  private var last: (x: Int, y: Int)?

  /// A viewer that has pressed nothing yet.
  init(_ kind: PointerKind) { self.kind = kind }

  /// What happens to the pointer.
  enum Action: Equatable {
    case moveTo(x: Int, y: Int)
    case moveBy(x: Int, y: Int)
    case button(MouseButton, isPressed: Bool)
    case scroll(vertical: Int, horizontal: Int)
    case touch(x: Int, y: Int)
    case lift
  }

  /// Buttons by their bits (RFC 6143 §7.5.5; the higher ones from `ExtendedMouseButtons`).
  private static let mouseButtons: [(bit: UInt16, button: MouseButton)] = [
    (1 << 0, .left), (1 << 1, .middle), (1 << 2, .right), (1 << 7, .side), (1 << 8, .extra),
  ]
  /// Notches of a wheel, away from the user and to the right: pressing such a button is one.
  private static let wheels: [(bit: UInt16, vertical: Int, horizontal: Int)] = [
    (1 << 3, 1, 0), (1 << 4, -1, 0), (1 << 5, 0, -1), (1 << 6, 0, 1),
  ]

  /// - Parameters:
  ///   - mask: buttons that are down, the first in bit 0.
  ///   - x, y: as they came.
  ///   - place: where that is on the axes of a tablet.
  mutating func actions(mask: UInt16, x: Int, y: Int, place: (x: Int, y: Int)) -> [Action] {
    let changed = mask ^ buttons
    let wasDown = buttons & 1 != 0
    buttons = mask
    switch kind {
    case .absolute: return [.moveTo(x: place.x, y: place.y)] + presses(changed)
    case .relative: return way(x, y) + presses(changed)
    case .touch:
      if mask & 1 != 0 { return [.touch(x: place.x, y: place.y)] }
      return wasDown ? [.lift] : []
    }
  }

  private mutating func way(_ x: Int, _ y: Int) -> [Action] {
    let from = sendsWays ? (x: 0x7fff, y: 0x7fff) : last ?? (x, y)
    last = (x, y)
    return from == (x, y) ? [] : [.moveBy(x: x - from.x, y: y - from.y)]
  }

  private func presses(_ changed: UInt16) -> [Action] {
    var actions: [Action] = []
    for (bit, button) in Self.mouseButtons where changed & bit != 0 {
      actions.append(.button(button, isPressed: buttons & bit != 0))
    }
    for (bit, vertical, horizontal) in Self.wheels where changed & buttons & bit != 0 {
      actions.append(
        .scroll(
          vertical: vertical * PointerInterface.notch, horizontal: horizontal * PointerInterface.notch))
    }
    return actions
  }
}
