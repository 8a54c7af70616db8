import FrontEndAPI
import HostThreads

/// A display of one output that tells every attached front-end what a test draws, as a device does.
final class FakeOutput: Sendable {
  private struct State {
    var width = 0
    var height = 0
    var pixels: [UInt8] = []
    var cursor = CursorState(x: 0, y: 0, image: nil)
    var channels: [Channel] = []
  }

  private struct News {
    var isReplaced = true
    var damage: [Rectangle] = []
    var cursorChanged = true
    var hasAsked = true
  }

  /// One attachment.
  private final class Channel: DisplayChannel {
    let version: InterfaceVersion
    let outputCount = 1
    let output: FakeOutput
    let frontEnd: any DisplayFrontEnd
    let news = Lock(News())

    init(_ frontEnd: any DisplayFrontEnd, _ output: FakeOutput) {
      version = frontEnd.interface
      self.frontEnd = frontEnd
      self.output = output
    }

    func takeChanges(ofOutput index: Int) -> OutputChanges? {
      guard index == 0 else { return nil }
      let news = news.withLock { news in
        defer { news = News(isReplaced: false, cursorChanged: false) }
        return news
      }
      return output.state.withLock { state in
        OutputChanges(
          output: OutputDescription(index: 0, width: state.width, height: state.height),
          isReplaced: news.isReplaced, damage: news.damage, cursorChanged: news.cursorChanged)
      }
    }

    func withSurface<Result>(ofOutput index: Int, _ body: (borrowing Surface) -> Result) -> Result? {
      let (width, height, pixels) = output.state.withLock { ($0.width, $0.height, $0.pixels) }
      guard index == 0, width > 0 else { return nil }
      // Every byte of an array of UInt8 is initialized, so viewing it raw is sound.
      let bytes = unsafe pixels.span.bytes
      return body(Surface(width: width, height: height, stride: width * 4 + 8, bytes: bytes))
    }

    func cursor(ofOutput index: Int) -> CursorState? {
      index == 0 ? output.state.withLock { $0.cursor } : nil
    }

    func detach() { output.state.withLock { state in state.channels.removeAll { $0 === self } } }

    func hear(_ change: (inout News) -> Void) {
      let isTold = news.withLock { news in
        change(&news)
        defer { news.hasAsked = false }
        return news.hasAsked
      }
      if isTold { frontEnd.outputChanged(0) }
    }
  }

  private let state = Lock(State())

  /// How many front-ends are attached.
  var viewers: Int { state.withLock { $0.channels.count } }

  /// What it shows; both sides 0 while it is off.
  var size: (Int, Int) { state.withLock { ($0.width, $0.height) } }

  func attach(_ frontEnd: any DisplayFrontEnd) -> any DisplayChannel {
    let channel = Channel(frontEnd, self)
    state.withLock { $0.channels.append(channel) }
    frontEnd.attached(to: channel)
    return channel
  }

  /// Shows a picture of another size, or the first; off when a side is 0. Rows are 8 bytes longer than their pixels.
  func show(width: Int, height: Int, _ pixel: (Int, Int) -> UInt32) {
    var pixels = [UInt8](repeating: 0xee, count: (width * 4 + 8) * height)
    for y in 0..<height { Self.fill(&pixels, width, 0..<width, y, pixel) }
    let channels = state.withLock { state in
      (state.width, state.height, state.pixels) = (width, height, pixels)
      return state.channels
    }
    for channel in channels { channel.hear { ($0.isReplaced, $0.damage) = (true, []) } }
  }

  /// Draws on a part of the picture.
  func draw(_ rectangle: Rectangle, _ pixel: (Int, Int) -> UInt32) {
    let columns = Int(rectangle.x)..<Int(rectangle.x + rectangle.width)
    let channels = state.withLock { state in
      for y in Int(rectangle.y)..<Int(rectangle.y + rectangle.height) {
        Self.fill(&state.pixels, state.width, columns, y, pixel)
      }
      return state.channels
    }
    for channel in channels { channel.hear { $0.damage.append(rectangle) } }
  }

  func setCursor(_ cursor: CursorState) {
    let channels = state.withLock { state in
      state.cursor = cursor
      return state.channels
    }
    for channel in channels { channel.hear { $0.cursorChanged = true } }
  }

  private static func fill(
    _ pixels: inout [UInt8], _ width: Int, _ columns: Range<Int>, _ y: Int, _ pixel: (Int, Int) -> UInt32
  ) {
    for x in columns {
      let value = pixel(x, y)
      let at = y * (width * 4 + 8) + x * 4
      for byte in 0..<3 { pixels[at + byte] = UInt8(truncatingIfNeeded: value >> UInt32(byte * 8)) }
      pixels[at + 3] = 0
    }
  }
}

/// A picture in which neighbours differ, 0x00RRGGBB for each place.
func pattern(_ seed: UInt32) -> (Int, Int) -> UInt32 {
  { x, y in (UInt32(x) &* 0x9e37 &+ UInt32(y) &* 0x1_3f1d &+ seed &* 0x51_7cc1) & 0xff_ffff }
}
