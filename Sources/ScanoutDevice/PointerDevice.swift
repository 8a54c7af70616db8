public import FrontEndAPI
public import GuestRAM
import HostThreads
public import PCIBus
public import VirtioCore
import VirtioInput
public import VirtioPCI

/// A virtio pointer on a PCI bus: a tablet, which is where it is told to be, or a mouse, which is moved.
///
/// As a `KeyboardDevice` otherwise. Methods return false when the guest takes nothing and there is no more room: a
/// motion is then lost, while the guest is told of the last place and of buttons once it takes events again.
public final class PointerDevice: Sendable {
  /// What the guest takes it for.
  public enum Kind: Sendable, CaseIterable {
    /// Is where it is told to be.
    case tablet
    /// Is moved from where it is.
    case mouse
  }

  /// The buttons of a mouse.
  public typealias Button = MouseButton

  /// How much of a click is done.
  public enum ClickPart: Sendable, CaseIterable {
    /// The button goes down and comes up again.
    case whole
    /// It goes down and stays there.
    case press
    /// It comes up.
    case release
  }

  /// The largest place of a tablet on each axis; 0 is at the left and the top.
  public static let largestPlace = PointerInterface.largestPlace
  /// What one notch of a wheel counts.
  public static let notch = PointerInterface.notch

  /// The function that the guest sees: reads, writes, interrupts, reset.
  public var function: any PCIFunction { input.function }
  /// The guest's memory; regions may be added and removed at any time.
  public var memory: GuestMemory { input.memory }
  /// What it is.
  public let kind: Kind
  let input: InputFunction
  /// Parts of a notch that no whole one came of yet.
  private let wheels = Lock((vertical: 0, horizontal: 0))

  /// A pointer as after power-on; see `KeyboardDevice.init`.
  ///
  /// - Throws: `HostError` when the system has no thread to give, or (`EINVAL`) for a legacy interface.
  public init(
    _ kind: Kind, memory: GuestMemory, scheduling: Scheduling = .ownThread,
    pci: VirtioPCIOptions = VirtioPCIOptions(), serial: String = ""
  ) throws(HostError) {
    self.kind = kind
    let inputKind: InputKind =
      switch kind {
      case .tablet: .tablet
      case .mouse: .mouse
      }
    input = try InputFunction(
      InputDevice(inputKind, serial: serial), memory: memory, scheduling: scheduling, pci: pci)
  }

  /// Opens the handshake with a front-end and attaches it. What it holds down and what is pressed here are kept apart.
  ///
  /// - Throws: `InterfaceMismatch` when the front-end was built for another major version.
  public func attach(_ frontEnd: any PointerFrontEnd) throws(InterfaceMismatch) -> any PointerChannel {
    let interface = InterfaceVersion(
      type: PointerInterface.type, label: "virtio \(kind)", major: PointerInterface.major,
      minor: PointerInterface.minor)
    let attachment = PointerAttachment(self, version: try interface.agreed(with: frontEnd.interface))
    frontEnd.attached(to: attachment)
    return attachment
  }

  /// Moves a tablet to a place; one outside 0 to `largestPlace` is moved to the edge. A mouse stays where it is.
  @discardableResult
  public func move(toX x: Int, y: Int) -> Bool {
    guard kind == .tablet else { return true }
    return input.send(Self.place(x, y))
  }

  /// Moves a mouse, to the right and downwards. A tablet stays where it is.
  @discardableResult
  public func move(byX x: Int, y: Int) -> Bool {
    guard kind == .mouse else { return true }
    return input.send(Self.motion(x, y))
  }

  /// Presses a button or lets it go.
  @discardableResult
  public func button(_ button: Button, isPressed: Bool) -> Bool {
    input.hold(button.rawValue, isPressed: isPressed, by: ObjectIdentifier(self))
  }

  /// Turns the wheels, away from the user and to the right, by 120ths of a notch: programs that know nothing of those
  /// see whole notches.
  @discardableResult
  public func scroll(vertical: Int, horizontal: Int = 0) -> Bool {
    let vertical = Self.bounded(vertical), horizontal = Self.bounded(horizontal)
    let notches = wheels.withLock { wheels in
      (Self.notches(vertical, &wheels.vertical), Self.notches(horizontal, &wheels.horizontal))
    }
    return input.send([
      .motion(InputCode.wheel, Int32(notches.0)), .motion(InputCode.fineWheel, Int32(vertical)),
      .motion(InputCode.horizontalWheel, Int32(notches.1)),
      .motion(InputCode.fineHorizontalWheel, Int32(horizontal)),
    ])
  }

  /// Moves there (a tablet) or by that much (a mouse), presses a button and lets it go; nil presses none.
  ///
  /// - Parameters:
  ///   - button: which one, or none.
  ///   - x: a tablet's place from the left, or how far a mouse goes to the right.
  ///   - y: likewise from the top, or downwards.
  ///   - part: to drag something: a press where it is, clicks with no button on the way, a release at its end.
  /// - Returns: false when there is no room for all of it; then nothing was done.
  public func click(_ button: Button?, x: Int, y: Int, part: ClickPart = .whole) -> Bool {
    var packets = [kind == .tablet ? Self.place(x, y) : Self.motion(x, y)]
    if let button {
      if part != .release { packets.append([.key(button.rawValue, isPressed: true)]) }
      if part != .press { packets.append([.key(button.rawValue, isPressed: false)]) }
    }
    return input.sendAll(packets)
  }

  private static func place(_ x: Int, _ y: Int) -> [InputChange] {
    [
      .axis(InputCode.absoluteX, Int32(min(max(x, 0), largestPlace))),
      .axis(InputCode.absoluteY, Int32(min(max(y, 0), largestPlace))),
    ]
  }

  private static func motion(_ x: Int, _ y: Int) -> [InputChange] {
    [
      .motion(InputCode.relativeX, Int32(bounded(x))), .motion(InputCode.relativeY, Int32(bounded(y))),
    ]
  }

  /// More than anybody moves at once; keeps sums small.
  private static func bounded(_ way: Int) -> Int { min(max(way, -1_000_000), 1_000_000) }

  /// Whole notches that a turn makes with what was left before; the rest is kept.
  private static func notches(_ turn: Int, _ rest: inout Int) -> Int {
    let sum = rest + turn
    rest = sum % notch
    return sum / notch
  }
}
