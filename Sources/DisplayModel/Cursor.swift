import FrontEndAPI
import GuestRAM

/// A pointer image copied out of a resource, so that the guest may draw on or drop the resource afterwards.
final class CursorPicture: Sendable {
  /// The sides of the image that a driver must supply (virtio 1.4 §5.7.6.6).
  static let side = 64

  let image: CursorImage
  private let charge: MemoryCharge

  /// Copies a resource of the right size.
  ///
  /// All four bytes of each pixel count, whether or not the format calls the fourth alpha: drivers draw
  /// cursors with alpha into resources that they made without.
  ///
  /// A blob has neither size nor format: its first bytes are the image, in the order that images have.
  init(
    _ resource: Resource, hotX: UInt32, hotY: UInt32, budget: MemoryBudget, in access: borrowing GuestAccess
  ) throws(DisplayFault) {
    let byteCount = Self.side * Self.side * PixelFormat.bytesPerPixel
    switch resource.content {
    case .picture(let picture):
      guard picture.pixels.width == Self.side, picture.pixels.height == Self.side else {
        throw .badCursorSize
      }
    case .blob(let blob): guard blob.size >= UInt64(byteCount) else { throw .badCursorSize }
    }
    guard hotX < UInt32(Self.side), hotY < UInt32(Self.side) else { throw .badHotSpot }
    guard let charge = budget.charge(UInt64(byteCount) + 256) else { throw .outOfMemory }
    var bytes = [UInt8](repeating: 0, count: byteCount)
    // The array's own storage, borrowed for the copy; every byte pattern is a byte.
    var span = bytes.mutableSpan
    var target = unsafe span.mutableBytes
    switch resource.content {
    case .picture(let picture):
      picture.pixels.copy(
        Rectangle(x: 0, y: 0, width: UInt32(Self.side), height: UInt32(Self.side)), to: &target, at: 0,
        stride: Self.side * PixelFormat.bytesPerPixel, fourthByte: .kept)
    case .blob(let blob): try blob.copyStart(into: &target, in: access)
    }
    image = CursorImage(
      width: Self.side, height: Self.side, hotX: Int(hotX), hotY: Int(hotY), pixels: bytes)
    self.charge = charge
  }
}
