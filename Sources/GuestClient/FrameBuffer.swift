import CLibDRM
import Glibc
import GuestScene

/// A frame in the guest's memory, 32 bits a pixel, that the kernel's display driver can show or point with.
///
/// It owns its mapping, and every access to that goes through one checked slice.
@safe final class FrameBuffer {
  let width: Int, height: Int
  /// The kernel's names: of the memory, and of the frame made of it (0 for a cursor image, which needs none).
  let handle: UInt32
  private(set) var frame: UInt32 = 0

  private let card: Descriptor
  private let stride: Int
  private let pixels: UnsafeMutableRawBufferPointer

  /// Memory for `width` by `height` pixels, and a frame of it unless it is for a cursor.
  init(on card: Descriptor, width: Int, height: Int, isCursor: Bool = false) throws(SystemFailure) {
    var handle: UInt32 = 0, pitch: UInt32 = 0, size: UInt64 = 0, offset: UInt64 = 0
    // Each result goes to a variable of ours that lives through its call.
    guard
      unsafe drmModeCreateDumbBuffer(
        card.number, UInt32(width), UInt32(height), 32, 0, &handle, &pitch, &size) == 0
    else { throw .last("make a buffer of \(width)x\(height)") }
    var mapped: UnsafeMutableRawPointer?
    if unsafe drmModeMapDumbBuffer(card.number, handle, &offset) == 0 {
      unsafe mapped = mmap(nil, Int(size), PROT_READ | PROT_WRITE, MAP_SHARED, card.number, off_t(offset))
    }
    guard let base = unsafe mapped, unsafe base != MAP_FAILED else {
      let failure = SystemFailure.last("map a buffer of \(width)x\(height)")
      drmModeDestroyDumbBuffer(card.number, handle)
      throw failure
    }
    self.width = width
    self.height = height
    self.handle = handle
    self.card = card
    stride = Int(pitch)
    // The mapping is `size` bytes long and stands until `deinit`.
    unsafe pixels = UnsafeMutableRawBufferPointer(start: base, count: Int(size))
    if !isCursor { try makeFrame() }
  }

  deinit {
    if frame != 0 { drmModeRmFB(card.number, frame) }
    unsafe _ = munmap(pixels.baseAddress, pixels.count)
    drmModeDestroyDumbBuffer(card.number, handle)
  }

  private func makeFrame() throws(SystemFailure) {
    let xrgb8888: UInt32 = 0x3432_5258  // DRM_FORMAT_XRGB8888, 'XR24'
    let handles: [UInt32] = [handle, 0, 0, 0], strides: [UInt32] = [UInt32(stride), 0, 0, 0]
    let offsets: [UInt32] = [0, 0, 0, 0]
    // Four planes each, as the call reads them.
    guard
      unsafe drmModeAddFB2(
        card.number, UInt32(width), UInt32(height), xrgb8888, handles, strides, offsets, &frame, 0) == 0
    else { throw .last("make a frame of \(width)x\(height)") }
  }

  /// Draws the part of a pattern that falls into a rectangle.
  ///
  /// - Returns: false, with nothing drawn, when the rectangle is not inside the buffer.
  func draw(_ pattern: Pattern, in area: GuestCommand.Area) -> Bool {
    guard area.x + area.width <= width, area.y + area.height <= height else { return false }
    let columns = (area.x..<area.x + area.width).map { pattern.column(UInt32($0)) }
    for y in area.y..<area.y + area.height {
      let row = pattern.row(UInt32(y))
      setRow(y, from: area.x, columns.count) { (columns[$0] ^ row) >> 8 }
    }
    return true
  }

  func draw(_ image: CursorImage) {
    for y in 0..<min(height, CursorImage.side) {
      setRow(y, from: 0, min(width, CursorImage.side)) { image.pixel(x: UInt32($0), y: UInt32(y)) }
    }
  }

  /// Sets `count` pixels of row `y` from column `x` on; the caller has checked that they are in the buffer.
  @inline(__always)
  private func setRow(_ y: Int, from x: Int, _ count: Int, _ pixel: (Int) -> UInt32) {
    let start = y * stride + x * 4
    // The slice traps where it would leave the mapping, so that no pixel of it can.
    let row = unsafe UnsafeMutableRawBufferPointer(rebasing: pixels[start..<start + count * 4])
    for column in 0..<count {
      unsafe row.storeBytes(of: pixel(column).littleEndian, toByteOffset: column * 4, as: UInt32.self)
    }
  }
}
