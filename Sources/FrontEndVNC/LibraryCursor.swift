import CLibVNCServer

/// A shape in the library's memory, at a fixed address. Used by the viewer's thread alone.
@safe
struct LibraryCursor: ~Copyable {
  private let record: UnsafeMutablePointer<rfbCursor>
  private let colours: UnsafeMutableBufferPointer<UInt8>
  private let mask: UnsafeMutableBufferPointer<UInt8>

  init(_ shape: PointerShape) {
    unsafe colours = .allocate(capacity: shape.colours.count)
    _ = unsafe colours.initialize(from: shape.colours)
    unsafe mask = .allocate(capacity: shape.mask.count)
    _ = unsafe mask.initialize(from: shape.mask)
    unsafe record = .allocate(capacity: 1)
    var cursor = unsafe rfbCursor()
    // A shape's sides are at most 255, and its arrays have the sizes that the library computes from them.
    unsafe cursor.width = UInt16(shape.width)
    unsafe cursor.height = UInt16(shape.height)
    unsafe cursor.xhot = UInt16(shape.hotX)
    unsafe cursor.yhot = UInt16(shape.hotY)
    unsafe cursor.richSource = colours.baseAddress
    unsafe cursor.mask = mask.baseAddress
    unsafe record.initialize(to: cursor)
  }

  deinit {
    unsafe record.deallocate()
    unsafe colours.deallocate()
    unsafe mask.deallocate()
  }

  /// Where the library reads it; valid as long as this value.
  var address: UnsafeMutableRawPointer { unsafe UnsafeMutableRawPointer(record) }
}
