import FrontEndAPI
import HostThreads

/// One front-end that is attached to a keyboard: its side of the keys.
final class KeyboardAttachment: KeyboardChannel {
  let version: InterfaceVersion
  private let input: InputFunction
  private let hearers: LightHearers
  /// Held while a key is passed on, so that none goes down after `detach`.
  private let isAttached = Lock(true)

  init(_ input: InputFunction, version: InterfaceVersion, hearers: LightHearers) {
    self.version = version
    self.input = input
    self.hearers = hearers
  }

  deinit { detach() }

  var lights: KeyboardLights { input.device.presentLights }

  func key(_ key: KeyCode, isPressed: Bool) -> Bool {
    guard key.name != nil else { return true }  // no keyboard has it
    return isAttached.withLock { isAttached in
      !isAttached || input.hold(key.rawValue, isPressed: isPressed, by: ObjectIdentifier(self))
    }
  }

  /// The handshake is over: from now on the front-end hears of lights.
  func open(for frontEnd: any KeyboardFrontEnd) {
    isAttached.withLock { if $0 { hearers.add(frontEnd, for: ObjectIdentifier(self)) } }
  }

  func detach() {
    isAttached.withLock { isAttached in
      if isAttached { input.releaseAll(by: ObjectIdentifier(self)) }
      isAttached = false
    }
    hearers.remove(ObjectIdentifier(self))
  }
}

/// The front-ends that hear of a keyboard's lights. The keyboard keeps them alive until they detach.
final class LightHearers: Sendable {
  private let frontEnds = Lock<[ObjectIdentifier: any KeyboardFrontEnd]>([:])

  /// From now on `frontEnd` hears of lights, until `remove` with the same attachment.
  func add(_ frontEnd: any KeyboardFrontEnd, for attachment: ObjectIdentifier) {
    frontEnds.withLock { $0[attachment] = frontEnd }
  }

  /// Waits for a call that is under way.
  func remove(_ attachment: ObjectIdentifier) {
    let frontEnd = frontEnds.withLock { $0.removeValue(forKey: attachment) }
    extendLifetime(frontEnd)  // its last reference is not dropped under the lock
  }

  /// Tells all of them.
  func tell(_ lights: KeyboardLights) {
    frontEnds.withLock { for frontEnd in $0.values { frontEnd.lightsChanged(lights) } }
  }
}
