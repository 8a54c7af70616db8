import FrontEndAPI
import Glibc

/// The pixels that libvncserver reads for one viewer: B, G, R, X, rows from the top without padding.
///
/// Memory at a fixed address, since the library keeps a pointer to it. Used by the viewer's thread alone.
@safe
struct FrameBuffer: ~Copyable {
  let width: Int
  let height: Int
  private let bytes: UnsafeMutableRawPointer

  /// A black picture; nil when a side does not fit the protocol, the library could not count its bytes, or there is
  /// no memory.
  init?(width: Int, height: Int) {
    guard 1...0xffff ~= width, 1...0xffff ~= height, width * height <= Int(Int32.max) / 4,
      let bytes = unsafe calloc(width * height, 4)
    else { return nil }
    self.width = width
    self.height = height
    unsafe self.bytes = unsafe bytes
  }

  deinit { unsafe free(bytes) }

  /// Where the library reads; it must be given another address before this value goes.
  var address: UnsafeMutablePointer<CChar> {
    // Raw memory of bytes, which nobody holds as another type.
    unsafe bytes.assumingMemoryBound(to: CChar.self)
  }

  /// Makes it black.
  mutating func clear() {
    // Allocated with as many bytes.
    unsafe memset(bytes, 0, width * height * 4)
  }

  /// Copies a rectangle of the surface of an output to its place; nothing if that has another size by now, and what lies
  /// outside is left out.
  ///
  /// - Parameter area: where the output is in this picture.
  mutating func copy(_ rectangle: Rectangle, of surface: borrowing Surface, to area: Rectangle) {
    guard surface.width == Int(area.width), surface.height == Int(area.height) else { return }
    let (x, y) = (Int(area.x), Int(area.y))
    let left = min(Int(rectangle.x), surface.width, width - x)
    let top = min(Int(rectangle.y), surface.height, height - y)
    let right = min(left + Int(rectangle.width), surface.width, width - x)
    let bottom = min(top + Int(rectangle.height), surface.height, height - y)
    guard 0 <= left, left < right, 0 <= top, top < bottom else { return }
    let count = (right - left) * 4
    let stride = surface.stride
    let rowBytes = width * 4
    let target = unsafe bytes
    // Inside both: the sides were cut to those of each, a surface holds `stride * height` bytes, this buffer
    // `width * 4 * height`.
    unsafe surface.bytes.withUnsafeBytes { source in
      for row in top..<bottom {
        unsafe memcpy(
          target + ((y + row) * rowBytes + (x + left) * 4), source.baseAddress! + (row * stride + left * 4),
          count)
      }
    }
  }
}
