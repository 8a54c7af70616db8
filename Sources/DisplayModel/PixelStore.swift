import FrontEndAPI
import Glibc
import GuestRAM
import HostThreads
import Synchronization

/// The pixels of a resource, shared by the device's thread, which fills them, and front-ends, which read
/// them.
///
/// The memory is charged to the budget and lives until the last of them has let go, whatever became of the
/// resource.
package final class PixelStore: Sendable {
  package let format: PixelFormat
  package let width: Int
  package let height: Int
  /// Bytes from one row to the next: rows are not padded.
  package let stride: Int
  /// The pixel lock: held for one transfer, or for one band of a front-end's copy.
  private let pixels: Lock<PageMemory>
  private let charge: MemoryCharge
  /// How many transfers wait for the pixel lock. A mutex goes to whoever comes first, and that would be the
  /// front-end again, band after band; so it looks here before each.
  private let waiting = Atomic(0)

  /// What a front-end copies at most before it lets the device's thread in again, in bytes.
  package static let bandSize = 256 << 10

  /// Black pixels; nil when the budget or the host's memory does not allow them. Both sides are 1 to 16384.
  package init?(width: UInt32, height: UInt32, format: PixelFormat, budget: MemoryBudget) {
    precondition(1...16384 ~= width && 1...16384 ~= height)
    let byteCount = Int(width) * Int(height) * PixelFormat.bytesPerPixel
    // Memory comes in pages; a page's worth more covers the objects around it.
    guard let charge = budget.charge(UInt64(byteCount + 4095) & ~4095 + 1024),
      let memory = PageMemory(byteCount: byteCount)
    else { return nil }
    self.format = format
    self.width = Int(width)
    self.height = Int(height)
    stride = Int(width) * PixelFormat.bytesPerPixel
    pixels = Lock(memory)
    self.charge = charge
  }

  /// Runs `body` on the pixels, `stride * height` bytes, while nobody else reads or writes them; the device's
  /// thread.
  func withPixels<Result, Failure: Error>(
    _ body: (inout PageMemory) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    waiting.add(1, ordering: .relaxed)
    return try pixels.withLock { (pixels: inout PageMemory) throws(Failure) in
      waiting.subtract(1, ordering: .relaxed)
      return try body(&pixels)
    }
  }

  /// Copies a rectangle to the top left corner of `target`, as B, G, R and a fourth byte.
  ///
  /// In bands, so that a transfer waits for one band at most; what two bands show may differ by a transfer.
  ///
  /// - Parameters:
  ///   - rectangle: lies inside the picture.
  ///   - target: rows `targetStride` bytes apart, the first at `offset`.
  func copy(
    _ rectangle: Rectangle, to target: inout MutableRawSpan, at offset: Int, stride targetStride: Int,
    fourthByte: PixelFormat.FourthByte
  ) {
    precondition(rectangle.fits(width: width, height: height))
    let rowBytes = Int(rectangle.width) * PixelFormat.bytesPerPixel
    guard rowBytes > 0 else { return }
    let rowsInBand = max(Self.bandSize / rowBytes, 1)
    var row = 0
    while row < Int(rectangle.height) {
      let end = min(row + rowsInBand, Int(rectangle.height))
      while waiting.load(ordering: .relaxed) > 0 { sched_yield() }
      pixels.withLock { pixels in
        let source = pixels.bytes
        for row in row..<end {
          format.convert(
            count: Int(rectangle.width), from: source,
            at: (Int(rectangle.y) + row) * stride + Int(rectangle.x) * PixelFormat.bytesPerPixel,
            to: &target, at: offset + row * targetStride, fourthByte: fourthByte)
        }
      }
      row = end
    }
  }
}
