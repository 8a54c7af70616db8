import FrontEndAPI
import HostThreads

/// A display of one output whose pixels a test sets, with the device's part of the handshake.
final class FakeDisplay: DisplayChannel {
  struct State {
    var width = 0
    var height = 0
    var padding = 0
    var drawn: [UInt8] = []
    var finished: [UInt8] = []
    var cursor = CursorState(x: 0, y: 0, image: nil)
    var isDetached = false
  }

  let version: InterfaceVersion
  let outputCount: Int
  let state = Lock(State())

  init(
    attaching frontEnd: any DisplayFrontEnd, outputs: Int = 1, major: UInt32 = DisplayInterface.major
  ) throws(InterfaceMismatch) {
    let device = InterfaceVersion(type: DisplayInterface.type, label: "fake display", major: major, minor: 7)
    version = try device.agreed(with: frontEnd.interface)
    outputCount = outputs
    frontEnd.attached(to: self)
  }

  /// Draws on output 0; seen in the finished surface once changes have been taken.
  func draw(width: Int, height: Int, padding: Int = 0, _ pixel: (Int, Int) -> [UInt8]) {
    var bytes: [UInt8] = []
    for y in 0..<height {
      for x in 0..<width { bytes += pixel(x, y) }
      bytes += [UInt8](repeating: 0xee, count: padding)
    }
    state.withLock {
      ($0.width, $0.height, $0.padding, $0.drawn) = (width, height, padding, bytes)
    }
  }

  func takeChanges(ofOutput index: Int) -> OutputChanges? {
    state.withLock { state in
      guard index == 0 else { return nil }
      state.finished = state.drawn
      let output = OutputDescription(index: 0, width: state.width, height: state.height)
      return OutputChanges(output: output, isReplaced: true, damage: [], cursorChanged: true)
    }
  }

  func withSurface<Result>(ofOutput index: Int, _ body: (borrowing Surface) -> Result) -> Result? {
    let copy = state.withLock { ($0.width, $0.height, $0.width * 4 + $0.padding, $0.finished) }
    guard index == 0, copy.0 > 0 else { return nil }
    // Every byte of an array of UInt8 is initialized, so viewing it raw is sound.
    let bytes = unsafe copy.3.span.bytes
    return body(Surface(width: copy.0, height: copy.1, stride: copy.2, bytes: bytes))
  }

  func cursor(ofOutput index: Int) -> CursorState? {
    index < outputCount ? state.withLock { $0.cursor } : nil
  }

  func detach() { state.withLock { $0.isDetached = true } }
}
