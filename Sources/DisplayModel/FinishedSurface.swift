import FrontEndAPI
import GuestRAM

/// An output's picture as front-ends see it, B, G, R, X, made when one of them asks.
struct FinishedSurface: ~Copyable {
  /// nil while the output is off, or nobody has asked since it went on.
  private var memory: PageMemory?
  /// The charge for the memory, kept as long as that.
  private var room: SurfaceRoom?
  /// The view that it was made from, 0 for none.
  private(set) var generation: UInt64 = 0

  init() {}

  /// Copies what changed, or everything if the output shows something else now.
  ///
  /// - Returns: false when the host has no memory for it; it is then off, and the next call tries again.
  mutating func bringUpToDate(with taken: OutputState.Taken) -> Bool {
    guard let view = taken.view else {
      clear()
      return true
    }
    if room.map({ $0.width == view.room.width && $0.height == view.room.height }) != true {
      clear()
      let byteCount = view.room.width * view.room.height * PixelFormat.bytesPerPixel
      guard let memory = PageMemory(byteCount: byteCount) else { return false }
      self.memory = consume memory
    }
    room = view.room
    if generation != taken.generation {
      copy(view.bounds, of: view)
      generation = taken.generation
    } else {
      for index in 0..<taken.stale.count { copy(taken.stale[index], of: view) }
    }
    return true
  }

  /// Gives back memory and room.
  mutating func clear() {
    memory = nil
    room = nil
    generation = 0
  }

  private mutating func copy(_ rectangle: Rectangle, of view: OutputState.View) {
    guard memory != nil else { return }
    // Inside the view, which lies inside the pixels, so the sums are the pixels' coordinates.
    let source = Rectangle(
      x: view.rectangle.x + rectangle.x, y: view.rectangle.y + rectangle.y, width: rectangle.width,
      height: rectangle.height)
    let stride = Int(view.rectangle.width) * PixelFormat.bytesPerPixel
    var target = memory!.mutableBytes
    view.source.copy(
      source, to: &target, at: Int(rectangle.y) * stride + Int(rectangle.x) * PixelFormat.bytesPerPixel,
      stride: stride)
  }

  /// Lends it to `body`; nil without a call while there is none.
  borrowing func withSurface<Result>(_ body: (borrowing Surface) -> Result) -> Result? {
    guard let room else { return nil }
    switch memory {
    case nil: return nil
    case .some(let memory):
      let surface = Surface(
        width: room.width, height: room.height, stride: room.width * PixelFormat.bytesPerPixel,
        bytes: memory.bytes)
      return body(surface)
    }
  }
}
