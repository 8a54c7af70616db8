/// The device side of the keyboard interface: what a front-end may do, from any of its own threads.
///
/// One value stands for one attachment, which keeps what it holds down: a key is down while any front-end holds it, and
/// one that detaches, or drops its channel, lets go of what it alone held. No call waits for the guest.
public protocol KeyboardChannel: AnyObject, Sendable {
  /// The version that both sides agreed on.
  var version: InterfaceVersion { get }
  /// The lights as the guest has set them; none before a driver has.
  var lights: KeyboardLights { get }
  /// A key goes down or comes up. The guest repeats keys that stay down: saying so again changes nothing.
  ///
  /// - Returns: false when the guest takes nothing and there is no more room. It is told what is down and what is up once
  ///   it takes events again.
  @discardableResult
  func key(_ key: KeyCode, isPressed: Bool) -> Bool
  /// Ends the attachment: keys come up that no other front-end holds, and once this has returned the front-end hears of
  /// no lights any more.
  ///
  /// Waits for a call of `lightsChanged` that is under way, so it must not be called from inside one.
  func detach()
}

/// The front-end side of the keyboard interface: what the device tells whoever has the keys.
public protocol KeyboardFrontEnd: AnyObject, Sendable {
  /// The interface that this front-end was built for, its constants as they were at that time.
  var interface: InterfaceVersion { get }
  /// The device opened the handshake and both sides agree. Called once, on the thread that attaches.
  func attached(to channel: any KeyboardChannel)
  /// The guest has changed the lights; given are all.
  ///
  /// Called on the device's thread, or on one that resets the device: wake a thread of your own and return at once, and
  /// ask the channel for nothing.
  func lightsChanged(_ lights: KeyboardLights)
}

/// The version of the keyboard interface that this package is built with.
public enum KeyboardInterface {
  /// The type that both sides name.
  public static let type = "keyboard"
  /// Breaks with every front-end built before it.
  public static let major: UInt32 = 1
  /// Adds what older front-ends can leave alone.
  public static let minor: UInt32 = 0
}
