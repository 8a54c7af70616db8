import FrontEndAPI
import HostThreads

/// One viewer's keyboard and pointer. Used by the viewer's thread alone.
struct ViewerInput {
  private let keyboard: (any KeyboardChannel)?
  private let hearing: LightHearing
  private let pointer: (any PointerChannel)?
  private var keys = KeyTranslator()
  private var hand: PointerTranslator?

  /// Attaches to what there is.
  ///
  /// - Parameter wakeUp: signalled when the lights have changed.
  init(_ controls: VNCControls, wakeUp: WakeUp) throws {
    hearing = LightHearing(wakeUp)
    keyboard = try controls.keyboard?(hearing)
    pointer = try controls.pointer?(Hand())
    hand = pointer.map { PointerTranslator($0.kind) }
  }

  /// Lets go of whatever the viewer holds.
  func detach() {
    keyboard?.detach()
    pointer?.detach()
  }

  var hasKeyboard: Bool { keyboard != nil }
  /// What the pointer takes; nil without one.
  var pointerKind: PointerKind? { pointer?.kind }
  /// The guest's lights.
  var lights: KeyboardLights { keyboard?.lights ?? [] }

  /// A key by what is on it.
  mutating func key(_ keysym: Keysym, isPressed: Bool) {
    guard let keyboard else { return }
    let capsLock = keyboard.lights.contains(.capsLock)
    send(keys.changes(for: keysym, isPressed: isPressed, capsLock: capsLock))
  }

  /// A key by its place; by what is on it where the place is unknown.
  mutating func key(_ code: ScanCode, _ keysym: Keysym, isPressed: Bool) {
    guard let place = code.key else { return key(keysym, isPressed: isPressed) }
    send(keys.changes(for: place, isPressed: isPressed))
  }

  private func send(_ changes: [KeyTranslator.Change]) {
    // What the guest does not take, it is told of later.
    for change in changes { keyboard?.key(change.key, isPressed: change.isPressed) }
  }

  /// From now on the viewer sends ways instead of places.
  mutating func takeWays() { hand?.sendsWays = true }

  /// The pointer is somewhere with some buttons down; see `PointerTranslator.actions`.
  mutating func point(mask: UInt16, x: Int, y: Int, place: (x: Int, y: Int)) {
    guard let pointer else { return }
    for action in hand?.actions(mask: mask, x: x, y: y, place: place) ?? [] {
      switch action {
      case .moveTo(let x, let y): pointer.move(toX: x, y: y)
      case .moveBy(let x, let y): pointer.move(byX: x, y: y)
      case .button(let button, let isPressed): pointer.button(button, isPressed: isPressed)
      case .scroll(let vertical, let horizontal): pointer.scroll(vertical: vertical, horizontal: horizontal)
      case .touch(let x, let y): pointer.touch(0, x: x, y: y)
      case .lift: pointer.lift(0)
      }
    }
  }

  /// The viewer as a front-end of the pointer, which has nothing to say to it.
  private final class Hand: PointerFrontEnd {
    let interface = InterfaceVersion(type: "pointer", label: "VNC viewer", major: 1, minor: 0)
    func attached(to channel: any PointerChannel) {}
  }

  /// The viewer as a front-end of the keyboard.
  private final class LightHearing: KeyboardFrontEnd {
    let interface = InterfaceVersion(type: "keyboard", label: "VNC viewer", major: 1, minor: 0)
    private let wakeUp: WakeUp

    init(_ wakeUp: WakeUp) { self.wakeUp = wakeUp }
    func attached(to channel: any KeyboardChannel) {}
    func lightsChanged(_ lights: KeyboardLights) { wakeUp.signal() }
  }
}
