public import CScanout
import Glibc
import ScanoutDevice

/// `scanout_take_changes`; see `scanout.h`, as for every function here.
@c @implementation
public func scanout_take_changes(
  _ attachment: OpaquePointer?, _ output: UInt32, _ changes: UnsafeMutablePointer<scanout_changes>?
) -> CInt {
  result { () throws(Refusal) in
    let attachment = try unsafe object(attachment, AttachmentHandle.self)
    let index = try attachment.output(output), target = try unsafe StructTarget(changes)
    guard let found = attachment.channel.takeChanges(ofOutput: index) else { throw .invalid }
    var changes = scanout_changes()
    if found.isReplaced { changes.flags |= UInt32(SCANOUT_CHANGES_REPLACED) }
    if found.cursorChanged { changes.flags |= UInt32(SCANOUT_CHANGES_CURSOR) }
    changes.width = UInt32(clamping: found.output.width)
    changes.height = UInt32(clamping: found.output.height)
    changes.setDamage(found.damage)
    target.fill(changes)
  }
}

extension scanout_changes {
  /// What C has room for: more than that becomes the whole picture.
  fileprivate mutating func setDamage(_ damage: [Rectangle]) {
    unsafe withUnsafeMutableBytes(of: &self.damage) { bytes in
      // An array of 16, which Swift sees as a tuple.
      let room = unsafe bytes.bindMemory(to: scanout_rectangle.self)
      let isTooMuch = damage.count > room.count
      let kept = isTooMuch ? [Rectangle(x: 0, y: 0, width: width, height: height)] : damage
      for (index, rectangle) in kept.enumerated() {
        unsafe room[index] = scanout_rectangle(
          x: rectangle.x, y: rectangle.y, width: rectangle.width, height: rectangle.height)
      }
      damage_count = UInt32(clamping: kept.count)
    }
  }
}

/// `scanout_with_surface`
@c @implementation
public func scanout_with_surface(
  _ attachment: OpaquePointer?, _ output: UInt32,
  _ body: (@convention(c) (UnsafeMutableRawPointer?, UnsafePointer<scanout_surface>?) -> Void)?,
  _ context: UnsafeMutableRawPointer?
) -> CInt {
  result { () throws(Refusal) in
    let attachment = try unsafe object(attachment, AttachmentHandle.self)
    let index = try attachment.output(output)
    guard let body = unsafe body else { throw .invalid }
    let found: Void? = attachment.channel.withSurface(ofOutput: index) { surface in
      unsafe surface.bytes.withUnsafeBytes { bytes in
        var lent = unsafe scanout_surface.sized()
        unsafe lent.width = UInt32(clamping: surface.width)
        unsafe lent.height = UInt32(clamping: surface.height)
        unsafe lent.stride = UInt32(clamping: surface.stride)
        unsafe lent.pixels = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        // The surface stands still until this returns, and the header has C keep no pointer.
        unsafe body(context, &lent)
      }
    }
    guard found != nil else { throw Refusal(errno: ENODATA) }
  }
}

/// `scanout_copy_pixels`
@c @implementation
public func scanout_copy_pixels(
  _ attachment: OpaquePointer?, _ output: UInt32, _ rectangle: UnsafePointer<scanout_rectangle>?,
  _ pixels: UnsafeMutableRawPointer?, _ stride: Int
) -> CInt {
  result { () throws(Refusal) in
    let attachment = try unsafe object(attachment, AttachmentHandle.self)
    let index = try attachment.output(output)
    guard let pixels = unsafe pixels else { throw .invalid }
    let wanted = unsafe rectangle?.pointee  // the caller's, for the time of the call
    let found = attachment.channel.withSurface(ofOutput: index) { surface in
      unsafe copyRows(wanted, of: surface, to: pixels, stride: stride)
    }
    guard let isInside = found else { throw Refusal(errno: ENODATA) }
    guard isInside else { throw Refusal(errno: ERANGE) }
  }
}

/// Copies a rectangle's rows, all of a surface for none; false, and nothing is copied, when it does not fit.
private func copyRows(
  _ wanted: scanout_rectangle?, of surface: borrowing Surface, to target: UnsafeMutableRawPointer,
  stride: Int
) -> Bool {
  let x = Int(wanted?.x ?? 0), y = Int(wanted?.y ?? 0)
  let width = wanted.map { Int($0.width) } ?? surface.width
  let height = wanted.map { Int($0.height) } ?? surface.height
  // Sums and products of 32-bit numbers in 64 bits; the stride may be any number.
  guard x + width <= surface.width, y + height <= surface.height, stride >= width * 4 else { return false }
  guard !stride.multipliedReportingOverflow(by: height).overflow else { return false }
  let sourceStride = surface.stride
  unsafe surface.bytes.withUnsafeBytes { bytes in
    guard let source = bytes.baseAddress else { return }
    for row in 0..<height {
      // Inside the surface by the check above; the caller promises room for the rows of the rectangle.
      unsafe memcpy(
        target + row * stride, source + (y + row) * sourceStride + x * 4, width * 4)
    }
  }
  return true
}

/// `scanout_get_cursor`
@c @implementation
public func scanout_get_cursor(
  _ attachment: OpaquePointer?, _ output: UInt32, _ cursor: UnsafeMutablePointer<scanout_cursor>?,
  _ pixels: UnsafeMutableRawPointer?, _ pixelsSize: Int
) -> CInt {
  result { () throws(Refusal) in
    let attachment = try unsafe object(attachment, AttachmentHandle.self)
    let index = try attachment.output(output), target = try unsafe StructTarget(cursor)
    var cursor = scanout_cursor()
    let found = attachment.channel.cursor(ofOutput: index)
    cursor.x = found?.x ?? 0
    cursor.y = found?.y ?? 0
    if let image = found?.image {
      cursor.flags = UInt32(SCANOUT_CURSOR_VISIBLE)
      cursor.width = UInt32(clamping: image.width)
      cursor.height = UInt32(clamping: image.height)
      cursor.hot_x = UInt32(clamping: image.hotX)
      cursor.hot_y = UInt32(clamping: image.hotY)
    }
    target.fill(cursor)
    guard let pixels = unsafe pixels, let image = found?.image else { return }
    guard UInt(image.pixels.count) <= UInt(bitPattern: pixelsSize) else { throw Refusal(errno: ENOSPC) }
    // The caller promises `pixelsSize` bytes, which are enough.
    unsafe image.pixels.withUnsafeBytes {
      unsafe pixels.copyMemory(from: $0.baseAddress!, byteCount: $0.count)
    }
  }
}
