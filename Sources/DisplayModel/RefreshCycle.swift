/// The instants at which an output brings its picture to the screen: evenly spaced from when the output was turned on,
/// whatever is drawn.
struct RefreshCycle: Sendable {
  private let start: ContinuousClock.Instant
  private let periodInNanoseconds: Int64

  /// Of a picture whose sides are 1 to 16384, at the rate of its timing.
  init(from start: ContinuousClock.Instant, width: Int, height: Int) {
    self.start = start
    periodInNanoseconds = Int64(DisplayTiming(width: width, height: height).periodInNanoseconds)
  }

  /// The first refresh after an instant.
  func next(after instant: ContinuousClock.Instant) -> ContinuousClock.Instant {
    let (seconds, attoseconds) = max(start.duration(to: instant), .zero).components
    // Both are what this process measured: seconds of its own life.
    let elapsed = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    return start.advanced(by: .nanoseconds((elapsed / periodInNanoseconds + 1) * periodInNanoseconds))
  }
}
