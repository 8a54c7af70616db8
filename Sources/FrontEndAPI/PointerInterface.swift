/// How a pointer takes places.
public enum PointerKind: Sendable, CaseIterable {
  /// A mouse: it is moved, and has buttons and wheels.
  case relative
  /// A tablet: it is where it is told to be, and has buttons and wheels.
  case absolute
  /// A touchscreen: several fingers, and nothing else.
  case touch
}

/// The buttons of a mouse, by the numbers that Linux's input layer has for them.
public enum MouseButton: UInt16, Sendable, CaseIterable {
  /// `BTN_LEFT`.
  case left = 0x110
  /// `BTN_RIGHT`.
  case right = 0x111
  /// `BTN_MIDDLE`.
  case middle = 0x112
  /// `BTN_SIDE`: back, for most programs.
  case side = 0x113
  /// `BTN_EXTRA`: forward.
  case extra = 0x114
}

/// The device side of the pointer interface: what a front-end may do, from any of its own threads.
///
/// One value stands for one attachment, which keeps what it holds: a button is down while any front-end holds it, each
/// front-end has fingers of its own, and one that detaches, or drops its channel, lets go of what it alone held.
///
/// What the device is not made for changes nothing. No call waits for the guest; each returns false when the guest takes
/// nothing and there is no more room: a motion is then lost, while the guest is told of places, buttons and fingers once
/// it takes events again.
public protocol PointerChannel: AnyObject, Sendable {
  /// The version that both sides agreed on.
  var version: InterfaceVersion { get }
  /// What the pointer takes.
  var kind: PointerKind { get }
  /// Absolute: moves to a place, 0 at the left and the top to `PointerInterface.largestPlace`; one outside is moved to
  /// the edge.
  @discardableResult
  func move(toX x: Int, y: Int) -> Bool
  /// Relative: moves to the right and downwards.
  @discardableResult
  func move(byX x: Int, y: Int) -> Bool
  /// Absolute and relative: presses a button or lets it go.
  @discardableResult
  func button(_ button: MouseButton, isPressed: Bool) -> Bool
  /// Absolute and relative: turns the wheels away from the user and to the right, by parts of `PointerInterface.notch`.
  @discardableResult
  func scroll(vertical: Int, horizontal: Int) -> Bool
  /// Touch: a finger touches a place, as in `move(toX:y:)`, or has moved there.
  ///
  /// - Parameter contact: which of this front-end's fingers, 0 to `PointerInterface.contactCount - 1`; another is ignored,
  ///   and so is one for which the other front-ends' fingers leave no room.
  @discardableResult
  func touch(_ contact: Int, x: Int, y: Int) -> Bool
  /// Touch: a finger leaves the screen.
  @discardableResult
  func lift(_ contact: Int) -> Bool
  /// Ends the attachment: buttons come up that no other front-end holds, and this one's fingers leave the screen.
  func detach()
}

/// The front-end side of the pointer interface.
public protocol PointerFrontEnd: AnyObject, Sendable {
  /// The interface that this front-end was built for, its constants as they were at that time.
  var interface: InterfaceVersion { get }
  /// The device opened the handshake and both sides agree. Called once, on the thread that attaches.
  func attached(to channel: any PointerChannel)
}

/// The version of the pointer interface that this package is built with, and its measures.
public enum PointerInterface {
  /// The type that both sides name.
  public static let type = "pointer"
  /// Breaks with every front-end built before it.
  public static let major: UInt32 = 1
  /// Adds what older front-ends can leave alone.
  public static let minor: UInt32 = 0

  /// The largest place on each axis.
  public static let largestPlace = 32767
  /// What one notch of a wheel counts.
  public static let notch = 120
  /// Fingers that are told apart.
  public static let contactCount = 10

  /// The place that stands for a pixel's middle, on an axis with `count` pixels.
  ///
  /// A guest that spreads all places evenly over as many pixels finds the same pixel, for up to 16384 of them. Pixels
  /// outside are taken for those at the edge; an axis without pixels has its first place alone.
  public static func place(ofPixel pixel: Int, among count: Int) -> Int {
    // A guest knows no wider screens, and the products stay small.
    guard 1...(1 << 31) ~= count else { return 0 }
    let inside = max(0, min(pixel, count - 1))
    return (inside * 2 + 1) * (largestPlace + 1) / (count * 2)
  }
}
