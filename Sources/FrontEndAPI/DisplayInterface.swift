/// A rectangle in pixels, its corner at the top left.
public struct Rectangle: Sendable, Equatable, Hashable {
  /// Pixels from the left edge.
  public var x: UInt32
  /// Pixels from the top.
  public var y: UInt32
  /// Pixels across.
  public var width: UInt32
  /// Pixels down.
  public var height: UInt32

  /// A rectangle; nothing is checked here, whoever makes one from outside bytes checks it first.
  public init(x: UInt32, y: UInt32, width: UInt32, height: UInt32) {
    self.x = x
    self.y = y
    self.width = width
    self.height = height
  }
}

/// What an output shows at the moment, without its pixels.
public struct OutputDescription: Sendable, Equatable {
  /// Scanout id, from 0.
  public var index: Int
  /// The width of the scanout's rectangle in pixels; 0 while the guest shows nothing there.
  public var width: Int
  /// Its height in pixels; 0 likewise.
  public var height: Int

  /// Describes an output; both sides 0 when it is off.
  public init(index: Int, width: Int, height: Int) {
    self.index = index
    self.width = width
    self.height = height
  }

  /// Whether the guest shows anything on this output.
  public var isEnabled: Bool { width > 0 && height > 0 }
}

/// A pointer image and where the guest wants it.
public struct CursorImage: Sendable, Equatable {
  /// Pixels across.
  public var width: Int
  /// Pixels down.
  public var height: Int
  /// The column of the image that points, from its left edge.
  public var hotX: Int
  /// The row of the image that points, from its top.
  public var hotY: Int
  /// `width * height * 4` bytes, rows from the top without padding, each pixel B, G, R, A, premultiplied.
  public var pixels: [UInt8]

  /// An image; `pixels` must have `width * height * 4` bytes.
  public init(width: Int, height: Int, hotX: Int, hotY: Int, pixels: [UInt8]) {
    precondition(pixels.count == width * height * 4)
    self.width = width
    self.height = height
    self.hotX = hotX
    self.hotY = hotY
    self.pixels = pixels
  }
}

/// The cursor of one output.
public struct CursorState: Sendable, Equatable {
  /// Where the driver put the image's left edge, as it sent it: signed, since it may hang over the output's edge.
  public var x: Int32
  /// Where the driver put the image's top, likewise.
  public var y: Int32
  /// The image; nil while the cursor is hidden.
  public var image: CursorImage?

  /// A cursor; hidden without an image.
  public init(x: Int32, y: Int32, image: CursorImage?) {
    self.x = x
    self.y = y
    self.image = image
  }
}

/// A read-only view of an output's finished pixels; it lives as long as the call that was given it.
///
/// One layout for all guests: rows from the top, `stride` bytes apart, each pixel four bytes B, G, R, X, whose last
/// byte is 0. Whatever format the guest draws in was converted when the damaged pixels were copied.
public struct Surface: ~Copyable, ~Escapable {
  /// Pixels across.
  public let width: Int
  /// Pixels down.
  public let height: Int
  /// Bytes from one row to the next, at least `width * 4`.
  public let stride: Int
  /// `stride * height` bytes.
  public let bytes: RawSpan

  /// A view of `bytes`, which must hold `stride * height` bytes.
  @_lifetime(copy bytes)
  public init(width: Int, height: Int, stride: Int, bytes: RawSpan) {
    precondition(stride >= width * 4 && bytes.byteCount >= stride * height)
    self.width = width
    self.height = height
    self.stride = stride
    self.bytes = bytes
  }

  /// One pixel as 0x00RRGGBB, its place counted from the top left; for looking at single pixels, not for copying many.
  ///
  /// - Precondition: the place is inside.
  public func pixel(x: Int, y: Int) -> UInt32 {
    precondition(0..<width ~= x && 0..<height ~= y, "outside the surface")
    // Four bytes inside: `bytes` holds `stride * height`, and a row holds `width * 4`.
    return UInt32(
      littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: y * stride + x * 4, as: UInt32.self))
  }
}

/// What happened on an output since a front-end last asked.
public struct OutputChanges: Sendable, Equatable {
  /// The output as it is now.
  public var output: OutputDescription
  /// Another resource, another size, on or off: everything has to be drawn anew.
  public var isReplaced: Bool
  /// Where pixels changed; inside the output, may touch but is never more than a handful of rectangles.
  public var damage: [Rectangle]
  /// Whether position, image or visibility of the cursor changed.
  public var cursorChanged: Bool

  /// The changes of one output.
  public init(output: OutputDescription, isReplaced: Bool, damage: [Rectangle], cursorChanged: Bool) {
    self.output = output
    self.isReplaced = isReplaced
    self.damage = damage
    self.cursorChanged = cursorChanged
  }

  /// Whether there is nothing to do.
  public var isEmpty: Bool { !isReplaced && damage.isEmpty && !cursorChanged }
}

/// The device side of the display interface: what a front-end may ask, from any of its own threads.
///
/// One value stands for one attachment: damage is kept for each attached front-end on its own, so a slow one
/// misses nothing and holds nobody up.
public protocol DisplayChannel: AnyObject, Sendable {
  /// The version that both sides agreed on.
  var version: InterfaceVersion { get }
  /// How many outputs the device has, 1 to 16.
  var outputCount: Int { get }
  /// What changed on an output since this channel's last call; the first call reports everything.
  ///
  /// The damaged pixels are brought up to date in the finished surface first, by the first front-end that asks.
  func takeChanges(ofOutput index: Int) -> OutputChanges?
  /// Lends the output's finished surface to `body`; nil without a call when the output is off or does not exist.
  ///
  /// Other front-ends that want to bring the surface up to date wait meanwhile, so copy or encode and return. The
  /// lock behind this is not recursive: `body` must not ask the channel for changes or for the surface.
  func withSurface<Result>(ofOutput index: Int, _ body: (borrowing Surface) -> Result) -> Result?
  /// The cursor of an output; nil when there is no such output.
  func cursor(ofOutput index: Int) -> CursorState?
  /// Ends the attachment; once this has returned the front-end hears of nothing any more, and the channel shows
  /// nothing.
  ///
  /// Waits for a call of `outputChanged` that is under way on another thread, so hold no lock which that takes.
  func detach()
}

/// The front-end side of the display interface: what the device tells whoever shows it.
public protocol DisplayFrontEnd: AnyObject, Sendable {
  /// The interface that this front-end was built for, its constants as they were at that time.
  var interface: InterfaceVersion { get }
  /// The device opened the handshake and both sides agree. Called once, on the thread that attaches.
  func attached(to channel: any DisplayChannel)
  /// Something changed on an output and the channel has not been asked since the last such call.
  ///
  /// Called on the device's thread, or on one that resets the device or attaches this front-end: wake a thread of
  /// your own and return at once. Do not ask the channel from inside this call: what is shown may lie in guest memory, whose
  /// map the caller keeps still, and then the process ends and says so.
  func outputChanged(_ index: Int)
}

/// The version of the display interface that this package is built with.
public enum DisplayInterface {
  /// The type that both sides name.
  public static let type = "display"
  /// Breaks with every front-end built before it.
  public static let major: UInt32 = 1
  /// Adds what older front-ends can leave alone.
  public static let minor: UInt32 = 1
}
