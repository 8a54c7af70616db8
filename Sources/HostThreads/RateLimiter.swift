/// Lets events through at a bounded rate, with a reserve for bursts, and counts the others.
///
/// For one thread; several share it behind a `Lock`.
public struct RateLimiter: Sendable {
  /// What becomes of an event.
  public enum Decision: Equatable, Sendable {
    /// It may pass; so many before it did not.
    case pass(suppressed: Int)
    case suppress
  }

  private let burst: Int
  private let interval: Duration
  private var tokens: Int
  private var lastRefill: ContinuousClock.Instant
  private var suppressed = 0

  /// - Parameters:
  ///   - burst: how many events may pass at once, at least 1.
  ///   - interval: how long it takes to earn one more, above 0.
  public init(burst: Int, interval: Duration = .seconds(1), now: ContinuousClock.Instant = .now) {
    precondition(burst >= 1 && interval > .zero)
    self.burst = burst
    self.interval = interval
    tokens = burst
    lastRefill = now
  }

  /// Decides about an event that happens now.
  public mutating func decide(at now: ContinuousClock.Instant = .now) -> Decision {
    // Only as many intervals count as there is room for, so the division below stays small however long it was.
    let elapsed = now - lastRefill
    if elapsed >= interval * burst {
      tokens = burst
      lastRefill = now
    } else if elapsed >= interval {
      let earned = min(Int(elapsed / interval), burst)
      tokens = min(tokens + earned, burst)
      lastRefill += interval * earned
    }
    guard tokens > 0 else {
      suppressed += 1
      return .suppress
    }
    tokens -= 1
    defer { suppressed = 0 }
    return .pass(suppressed: suppressed)
  }
}
