import FrontEndAPI
import HostThreads

/// One front-end that is attached to a tablet or a mouse: its side of the buttons.
final class PointerAttachment: PointerChannel {
  let version: InterfaceVersion
  private let device: PointerDevice
  /// Held while something is passed on, so that nothing happens after `detach`.
  private let isAttached = Lock(true)

  init(_ device: PointerDevice, version: InterfaceVersion) {
    self.version = version
    self.device = device
  }

  deinit { detach() }

  var kind: PointerKind { device.kind == .tablet ? .absolute : .relative }

  func move(toX x: Int, y: Int) -> Bool { whileAttached { device.move(toX: x, y: y) } }
  func move(byX x: Int, y: Int) -> Bool { whileAttached { device.move(byX: x, y: y) } }
  func scroll(vertical: Int, horizontal: Int) -> Bool {
    whileAttached { device.scroll(vertical: vertical, horizontal: horizontal) }
  }
  func button(_ button: MouseButton, isPressed: Bool) -> Bool {
    whileAttached { device.input.hold(button.rawValue, isPressed: isPressed, by: ObjectIdentifier(self)) }
  }
  func touch(_ contact: Int, x: Int, y: Int) -> Bool { true }
  func lift(_ contact: Int) -> Bool { true }

  func detach() {
    isAttached.withLock { isAttached in
      if isAttached { device.input.releaseAll(by: ObjectIdentifier(self)) }
      isAttached = false
    }
  }

  private func whileAttached(_ body: () -> Bool) -> Bool { isAttached.withLock { $0 ? body() : true } }
}

/// One front-end that is attached to a touchscreen: its side of the fingers.
final class TouchAttachment: PointerChannel {
  let version: InterfaceVersion
  private let device: TouchDevice
  private let isAttached = Lock(true)

  init(_ device: TouchDevice, version: InterfaceVersion) {
    self.version = version
    self.device = device
  }

  deinit { detach() }

  var kind: PointerKind { .touch }

  func touch(_ contact: Int, x: Int, y: Int) -> Bool {
    isAttached.withLock { $0 ? device.touch(contact, x: x, y: y, by: ObjectIdentifier(self)) : true }
  }
  func lift(_ contact: Int) -> Bool {
    isAttached.withLock { $0 ? device.lift(contact, by: ObjectIdentifier(self)) : true }
  }
  func move(toX x: Int, y: Int) -> Bool { true }
  func move(byX x: Int, y: Int) -> Bool { true }
  func scroll(vertical: Int, horizontal: Int) -> Bool { true }
  func button(_ button: MouseButton, isPressed: Bool) -> Bool { true }

  func detach() {
    isAttached.withLock { isAttached in
      if isAttached { device.liftAll(by: ObjectIdentifier(self)) }
      isAttached = false
    }
  }
}
