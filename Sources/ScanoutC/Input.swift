import CScanout
import ScanoutDevice

/// `scanout_key`; see `scanout.h`, as for every function here.
@c @implementation
public func scanout_key(_ device: OpaquePointer?, _ key: UInt32, _ isPressed: CInt) -> CInt {
  result { () throws(Refusal) in
    let keyboard = try unsafe object(device, DeviceHandle.self).keyboard
    guard let number = UInt16(exactly: key), KeyCode(rawValue: number).name != nil else { throw .invalid }
    try keep(keyboard.key(KeyCode(rawValue: number), isPressed: isPressed != 0))
  }
}

/// `scanout_get_lights`
@c @implementation
public func scanout_get_lights(_ device: OpaquePointer?) -> CInt {
  var lights: KeyboardLights = []
  let status = result { () throws(Refusal) in
    lights = try unsafe object(device, DeviceHandle.self).keyboard.lights
  }
  return status == 0 ? CInt(lights.rawValue) : status
}

/// `scanout_move_to`
@c @implementation
public func scanout_move_to(_ device: OpaquePointer?, _ x: Int32, _ y: Int32) -> CInt {
  result { () throws(Refusal) in
    let pointer = try unsafe object(device, DeviceHandle.self).pointer
    guard pointer.kind == .tablet else { throw .wrongKind }
    try keep(pointer.move(toX: Int(x), y: Int(y)))
  }
}

/// `scanout_move_by`
@c @implementation
public func scanout_move_by(_ device: OpaquePointer?, _ x: Int32, _ y: Int32) -> CInt {
  result { () throws(Refusal) in
    let pointer = try unsafe object(device, DeviceHandle.self).pointer
    guard pointer.kind == .mouse else { throw .wrongKind }
    try keep(pointer.move(byX: Int(x), y: Int(y)))
  }
}

/// `scanout_button`
@c @implementation
public func scanout_button(_ device: OpaquePointer?, _ button: UInt32, _ isPressed: CInt) -> CInt {
  result { () throws(Refusal) in
    let pointer = try unsafe object(device, DeviceHandle.self).pointer
    guard let number = UInt16(exactly: button), let known = MouseButton(rawValue: number) else {
      throw .invalid
    }
    try keep(pointer.button(known, isPressed: isPressed != 0))
  }
}

/// `scanout_scroll`
@c @implementation
public func scanout_scroll(_ device: OpaquePointer?, _ vertical: Int32, _ horizontal: Int32) -> CInt {
  result { () throws(Refusal) in
    let pointer = try unsafe object(device, DeviceHandle.self).pointer
    try keep(pointer.scroll(vertical: Int(vertical), horizontal: Int(horizontal)))
  }
}

/// `scanout_touch`
@c @implementation
public func scanout_touch(_ device: OpaquePointer?, _ finger: UInt32, _ x: Int32, _ y: Int32) -> CInt {
  result { () throws(Refusal) in
    let touch = try unsafe object(device, DeviceHandle.self).touch
    try keep(touch.touch(slot: try slot(finger), x: Int(x), y: Int(y)))
  }
}

/// `scanout_lift`
@c @implementation
public func scanout_lift(_ device: OpaquePointer?, _ finger: UInt32) -> CInt {
  result { () throws(Refusal) in
    let touch = try unsafe object(device, DeviceHandle.self).touch
    try keep(touch.lift(slot: try slot(finger)))
  }
}

/// A finger that a touchscreen tells apart.
private func slot(_ finger: UInt32) throws(Refusal) -> Int {
  guard finger < TouchDevice.slotCount else { throw .invalid }
  return Int(finger)
}
