import FrontEndAPI
import Glibc
import GuestRAM
import HostThreads
import Synchronization

/// A resource that is a run of the guest's pages and nothing else (virtio 1.4 §5.7.6.8, a guest-only blob).
///
/// Shared by the device's thread, which gives it pages and takes them away, and front-ends, which read what is on the
/// screen straight from them. Once pages are taken away nobody reads them any more.
final class Blob: Sendable {
  /// Bytes that the driver asked for; the pages have at least as many.
  let size: UInt64
  /// Where front-ends enter the gate that keeps the map of guest memory still.
  private let memory: GuestMemory
  /// The pages' lock, inside which nobody enters the memory's gate: held for one band of a front-end's copy, or to change them.
  private let pages = Lock<Backing?>(nil)
  private let charge: MemoryCharge
  /// How many times the device's thread waits for the lock; front-ends look here before each band, as in `PixelStore`.
  private let waiting = Atomic(0)

  /// nil when the budget does not allow it.
  init?(size: UInt64, memory: GuestMemory, budget: MemoryBudget) {
    guard let charge = budget.charge(1024) else { return nil }
    self.size = size
    self.memory = memory
    self.charge = charge
  }

  // MARK: The device's side

  var hasPages: Bool { withPages { $0 != nil } }
  var backingExtent: Backing.Extent? { withPages { $0?.extent } }

  /// Gives it pages.
  ///
  /// - Throws: `.backingTooShort` when they hold fewer bytes than it has.
  func attach(_ backing: Backing) throws(DisplayFault) {
    guard backing.byteCount >= size else { throw .backingTooShort }
    withPages { $0 = backing }
  }

  /// Takes the pages away; when this has returned nobody reads them.
  func detach() {
    // Freed here, not under the lock.
    _ = withPages { pages in
      defer { pages = nil }
      return pages
    }
  }

  /// Copies its first bytes.
  ///
  /// - Throws: `.noBacking`, or what copying from guest memory throws.
  func copyStart(into target: inout MutableRawSpan, in access: borrowing GuestAccess) throws(DisplayFault) {
    let copy = RowCopy(
      sourceOffset: 0, sourceStride: 0, destinationOffset: 0, destinationStride: 0,
      rowBytes: target.byteCount, rows: 1)
    try withPages { (pages: inout Backing?) throws(DisplayFault) in
      guard let pages else { throw .noBacking }
      try pages.copyRows(copy, into: &target, in: access)
    }
  }

  private func withPages<Result, Failure: Error>(
    _ body: (inout Backing?) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    waiting.add(1, ordering: .relaxed)
    return try pages.withLock { (pages: inout Backing?) throws(Failure) in
      waiting.subtract(1, ordering: .relaxed)
      return try body(&pages)
    }
  }

  // MARK: The front-ends' side

  /// Copies a rectangle of a picture in it to `target`, as B, G, R and a fourth byte; black where there are no pages,
  /// or where some of them are guest memory no more.
  ///
  /// In bands, between which the map of guest memory may change and the driver may take the pages away.
  ///
  /// - Parameters:
  ///   - rectangle: lies inside the picture.
  ///   - target: rows `targetStride` bytes apart, the first at `offset`.
  func copy(
    _ rectangle: Rectangle, of layout: BlobLayout, to target: inout MutableRawSpan, at offset: Int,
    stride targetStride: Int
  ) {
    precondition(rectangle.fits(width: Int(layout.width), height: Int(layout.height)))
    let rowBytes = Int(rectangle.width) * PixelFormat.bytesPerPixel
    guard rowBytes > 0 else { return }
    let rowsInBand = max(PixelStore.bandSize / rowBytes, 1)
    var row = 0
    while row < Int(rectangle.height) {
      let end = min(row + rowsInBand, Int(rectangle.height))
      let copy = RowCopy(
        sourceOffset: layout.offset(x: rectangle.x, y: rectangle.y + UInt32(row)),
        sourceStride: Int(layout.stride), destinationOffset: offset + row * targetStride,
        destinationStride: targetStride, rowBytes: rowBytes, rows: end - row)
      let isThere = copyBand(copy, to: &target)
      for row in row..<end {
        let start = offset + row * targetStride
        if isThere {
          layout.format.convert(count: Int(rectangle.width), in: &target, at: start, fourthByte: .zero)
        } else {
          PixelFormat.blacken(count: Int(rectangle.width), in: &target, at: start)
        }
      }
      row = end
    }
  }

  /// Copies rows as they are; false when they are not there.
  private func copyBand(_ copy: RowCopy, to target: inout MutableRawSpan) -> Bool {
    while waiting.load(ordering: .relaxed) > 0 { sched_yield() }
    return memory.withAccess { access in
      pages.withLock { pages in
        guard let pages else { return false }
        do throws(DisplayFault) { try pages.copyRows(copy, into: &target, in: access) } catch {
          // The VMM took memory away that the driver still shows, or there is no room to look it up again.
          return false
        }
        return true
      }
    }
  }
}

/// How a picture lies in a blob (virtio 1.4 §5.7.6.8, VIRTIO_GPU_CMD_SET_SCANOUT_BLOB): one plane.
package struct BlobLayout: Sendable, Equatable {
  package var format: PixelFormat
  package var width: UInt32
  package var height: UInt32
  /// Bytes from one row to the next.
  package var stride: UInt32
  /// The place of the first row's first byte.
  package var offset: UInt32

  package init(format: PixelFormat, width: UInt32, height: UInt32, stride: UInt32, offset: UInt32) {
    self.format = format
    self.width = width
    self.height = height
    self.stride = stride
    self.offset = offset
  }

  /// Whether rows do not overlap and the last one ends within `size` bytes; both sides are 1 to 16384.
  func fits(in size: UInt64) -> Bool {
    let rowBytes = UInt64(width) * UInt64(PixelFormat.bytesPerPixel)
    return UInt64(stride) >= rowBytes && offset(x: 0, y: height - 1) + rowBytes <= size
  }

  /// The place of a pixel's first byte; with sides up to 16384 no sum comes near 64 bits.
  func offset(x: UInt32, y: UInt32) -> UInt64 {
    UInt64(offset) + UInt64(y) * UInt64(stride) + UInt64(x) * UInt64(PixelFormat.bytesPerPixel)
  }
}
