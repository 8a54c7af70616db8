import FrontEndAPI
import GuestRAM

/// A pointer image copied out of a resource, so that the guest may draw on or drop the resource afterwards.
final class CursorPicture: Sendable {
  /// What either side of an image may have, in pixels: 64 is what a driver must supply (virtio 1.4 §5.7.6.6), others
  /// are for drivers that know that this device takes them.
  static let sides = 1...512
  /// Both sides of the image in a blob, which has none of its own.
  private static let blobSide = 64

  let image: CursorImage
  /// The resource that it was copied from, which may be gone.
  let resource: ResourceID
  private let charge: MemoryCharge

  /// Copies a resource of a cursor's size.
  ///
  /// All four bytes of each pixel count, whether or not the format calls the fourth alpha: drivers draw
  /// cursors with alpha into resources that they made without.
  ///
  /// A blob has neither size nor format: its first bytes are the image, in the order that images have.
  init(
    _ resource: Resource, hotX: UInt32, hotY: UInt32, budget: MemoryBudget, in access: borrowing GuestAccess
  ) throws(DisplayFault) {
    let width: Int, height: Int
    switch resource.content {
    case .picture(let picture): (width, height) = (picture.pixels.width, picture.pixels.height)
    case .blob: (width, height) = (Self.blobSide, Self.blobSide)
    }
    guard Self.sides.contains(width), Self.sides.contains(height) else { throw .badCursorSize }
    let byteCount = width * height * PixelFormat.bytesPerPixel
    if case .blob(let blob) = resource.content, blob.size < UInt64(byteCount) { throw .badCursorSize }
    guard hotX < UInt32(width), hotY < UInt32(height) else { throw .badHotSpot }
    guard let charge = budget.charge(UInt64(byteCount) + 256) else { throw .outOfMemory }
    var bytes = [UInt8](repeating: 0, count: byteCount)
    // The array's own storage, borrowed for the copy; every byte pattern is a byte.
    var span = bytes.mutableSpan
    var target = unsafe span.mutableBytes
    switch resource.content {
    case .picture(let picture):
      picture.pixels.copy(
        Rectangle(x: 0, y: 0, width: UInt32(width), height: UInt32(height)), to: &target, at: 0,
        stride: width * PixelFormat.bytesPerPixel, fourthByte: .kept)
    case .blob(let blob): try blob.copyStart(into: &target, in: access)
    }
    self.resource = resource.id
    image = CursorImage(
      width: width, height: height, hotX: Int(hotX), hotY: Int(hotY), pixels: bytes)
    self.charge = charge
  }
}
