import FrontEndAPI
import HostThreads

/// Wakes viewers a few milliseconds after something has changed, all of them at once.
///
/// To wake a thread costs microseconds, and its encoding the processor's time, just when the guest waits for the answer to
/// what it drew and goes on to draw the rest of its frame. So the device's thread sets a timer, and viewers get the
/// whole frame after it.
final class NewsRound: Sendable {
  private struct State {
    var waiting: [WakeUp] = []
    /// Empty, with the room of an earlier round, so that no round allocates.
    var spare: [WakeUp] = []
  }

  private let state = Lock(State())
  private let timer: Lock<(any CoreTimer)?> = Lock(nil)
  /// Long enough for what a driver sends for one frame, and short against the refresh of a screen.
  private static let milliseconds: UInt32 = 3

  /// - Parameter core: whose timer it is; its loop ends after the servers of this.
  init(on core: any CoreServices) {
    let timer = core.addTimer { [weak self] in self?.tell() }
    self.timer.withLock { $0 = timer }
  }

  deinit { timer.withLock { $0 }?.remove() }

  /// A viewer is to be woken. Any thread; returns at once.
  func add(_ viewer: WakeUp) {
    let isFirst = state.withLock { state in
      guard !state.waiting.contains(where: { $0 === viewer }) else { return false }
      state.waiting.append(viewer)
      return state.waiting.count == 1
    }
    if isFirst { timer.withLock { $0 }?.start(afterMilliseconds: Self.milliseconds) }
  }

  /// A viewer has gone and is not to be woken. Any thread.
  func remove(_ viewer: WakeUp) {
    state.withLock { $0.waiting.removeAll { $0 === viewer } }
  }

  /// On the loop's thread.
  private func tell() {
    var told = state.withLock { state in
      let waiting = state.waiting
      state.waiting = state.spare
      state.spare = []
      return waiting
    }
    for viewer in told { viewer.signal() }
    told.removeAll(keepingCapacity: true)
    state.withLock { $0.spare = told }
  }
}
