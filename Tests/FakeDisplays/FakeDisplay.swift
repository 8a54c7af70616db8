package import FrontEndAPI
package import HostThreads

/// A display of one output whose pixels a test sets, with the device's part of the handshake.
package final class FakeDisplay: DisplayChannel {
  package struct State {
    package var width = 0
    package var height = 0
    package var padding = 0
    package var drawn: [UInt8] = []
    package var finished: [UInt8] = []
    package var cursor = CursorState(x: 0, y: 0, image: nil)
    package var isDetached = false
  }

  package let version: InterfaceVersion
  package let outputCount: Int
  package let state = Lock(State())

  package init(
    attaching frontEnd: any DisplayFrontEnd, outputs: Int = 1, major: UInt32 = DisplayInterface.major
  ) throws(InterfaceMismatch) {
    let device = InterfaceVersion(type: DisplayInterface.type, label: "fake display", major: major, minor: 7)
    version = try device.agreed(with: frontEnd.interface)
    outputCount = outputs
    frontEnd.attached(to: self)
  }

  /// Draws on output 0; seen in the finished surface once changes have been taken.
  package func draw(width: Int, height: Int, padding: Int = 0, _ pixel: (Int, Int) -> [UInt8]) {
    var bytes: [UInt8] = []
    for y in 0..<height {
      for x in 0..<width { bytes += pixel(x, y) }
      bytes += [UInt8](repeating: 0xee, count: padding)
    }
    state.withLock {
      ($0.width, $0.height, $0.padding, $0.drawn) = (width, height, padding, bytes)
    }
  }

  package func takeChanges(ofOutput index: Int) -> OutputChanges? {
    state.withLock { state in
      guard index == 0 else { return nil }
      state.finished = state.drawn
      let output = OutputDescription(index: 0, width: state.width, height: state.height)
      return OutputChanges(output: output, isReplaced: true, damage: [], cursorChanged: true)
    }
  }

  package func withSurface<Result>(ofOutput index: Int, _ body: (borrowing Surface) -> Result) -> Result? {
    let copy = state.withLock { ($0.width, $0.height, $0.width * 4 + $0.padding, $0.finished) }
    guard index == 0, copy.0 > 0 else { return nil }
    // Every byte of an array of UInt8 is initialized, so viewing it raw is sound.
    let bytes = unsafe copy.3.span.bytes
    return body(Surface(width: copy.0, height: copy.1, stride: copy.2, bytes: bytes))
  }

  package func cursor(ofOutput index: Int) -> CursorState? {
    index < outputCount ? state.withLock { $0.cursor } : nil
  }

  package func detach() { state.withLock { $0.isDetached = true } }
}
