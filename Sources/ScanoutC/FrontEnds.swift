public import CScanout
import Glibc
import ScanoutDevice

/// A front-end of C's.
@safe final class CallbackFrontEnd: SizeLimitedFrontEnd, @unchecked Sendable {
  // Sendable: never changes, and the header says on which threads the callbacks come.
  let interface: InterfaceVersion
  private let callbacks: scanout_front_end
  private let target: HandleTarget

  /// - Parameter target: where C wants the attachment; used inside `attached(to:)` alone.
  init(_ interface: InterfaceVersion, _ callbacks: scanout_front_end, target: HandleTarget) {
    self.interface = interface
    unsafe self.callbacks = callbacks
    self.target = target
  }

  /// The caller has its handle before anything can be told.
  func attached(to channel: any DisplayChannel) { target.give(AttachmentHandle(channel)) }

  // The header has the context live until the front-end is detached.
  func outputChanged(_ index: Int) {
    unsafe callbacks.output_changed?(callbacks.context, UInt32(clamping: index))
  }

  func largestPicture(ofOutput index: Int) -> PictureSize? {
    guard let callback = unsafe callbacks.largest_picture else { return nil }
    var width: UInt32 = 0, height: UInt32 = 0
    unsafe callback(callbacks.context, UInt32(clamping: index), &width, &height)
    return width == 0 || height == 0 ? nil : PictureSize(width: Int(width), height: Int(height))
  }
}

/// What an attachment's handle stands for.
final class AttachmentHandle: Sendable {
  let channel: any DisplayChannel

  init(_ channel: any DisplayChannel) { self.channel = channel }

  /// An output's number, checked.
  func output(_ index: UInt32) throws(Refusal) -> Int {
    guard index < channel.outputCount else { throw .invalid }
    return Int(index)
  }
}

/// `scanout_display_attach`; see `scanout.h`, as for every function here.
@c @implementation
public func scanout_display_attach(
  _ device: OpaquePointer?, _ frontEnd: UnsafePointer<scanout_front_end>?,
  _ attachment: UnsafeMutablePointer<OpaquePointer?>?, _ message: UnsafeMutablePointer<CChar>?,
  _ messageSize: Int
) -> CInt {
  unsafe put("", into: message, size: messageSize)
  return result { () throws(Refusal) in
    let display = try unsafe object(device, DeviceHandle.self).display
    let target = try unsafe HandleTarget(attachment)
    guard let frontEnd = unsafe frontEnd else { throw .invalid }
    // Another major version may have another struct behind its head, so its size is not judged yet.
    let head = unsafe UnsafeRawPointer(frontEnd).loadUnaligned(as: scanout_interface.self)
    guard unsafe head.size >= MemoryLayout<scanout_interface>.size, let type = try unsafe text(head.type)
    else { throw .invalid }
    let interface = InterfaceVersion(
      type: type, label: try unsafe text(head.label) ?? "a front-end without a name",
      major: unsafe head.major, minor: unsafe head.minor)
    // Another one's callbacks are not known, and not looked at: the device refuses it.
    let isKnown = type == DisplayInterface.type && (unsafe head.major) == DisplayInterface.major
    let callbacks = isKnown ? try unsafe load(frontEnd) : unsafe scanout_front_end()
    if isKnown { try unsafe check(flags: 0, reserved: head.reserved) }
    do {
      _ = try display.attach(unsafe CallbackFrontEnd(interface, callbacks, target: target))
    } catch {
      unsafe put("\(error)", into: message, size: messageSize)
      throw Refusal(errno: EPROTO)
    }
  }
}

/// Puts text where C wants it, as much as fits.
private func put(_ text: String, into target: UnsafeMutablePointer<CChar>?, size: Int) {
  guard let target = unsafe target, size != 0 else { return }
  // A size_t: one that no Int holds is room enough.
  let bytes = text.utf8.prefix(Int(clamping: UInt(bitPattern: size) - 1))
  // The caller promises `size` bytes, which hold these and the end.
  for (index, byte) in bytes.enumerated() { unsafe target[index] = CChar(bitPattern: byte) }
  unsafe target[bytes.count] = 0
}

/// `scanout_detach`
@c @implementation
public func scanout_detach(_ attachment: OpaquePointer?) {
  unsafe takeBack(attachment, AttachmentHandle.self)?.channel.detach()
}
