import HostThreads
import Logging
import Testing

@testable import scanout

@Suite struct RateLimiterTests {
  private let start = ContinuousClock.now

  @Test func `a burst passes, then one for each interval`() {
    var limiter = RateLimiter(burst: 3, interval: .seconds(1), now: start)
    for _ in 0..<3 { #expect(limiter.decide(at: start) == .pass(suppressed: 0)) }
    for _ in 0..<5 { #expect(limiter.decide(at: start + .milliseconds(999)) == .suppress) }
    #expect(limiter.decide(at: start + .milliseconds(1000)) == .pass(suppressed: 5))
    #expect(limiter.decide(at: start + .milliseconds(1999)) == .suppress)
    #expect(limiter.decide(at: start + .milliseconds(2000)) == .pass(suppressed: 1))
  }

  @Test func `a flood of a minute lets one event a second through`() {
    var limiter = RateLimiter(burst: 20, interval: .seconds(1), now: start)
    var passed = 0
    for millisecond in 0..<60_000 where limiter.decide(at: start + .milliseconds(millisecond)) != .suppress {
      passed += 1
    }
    #expect(passed == 20 + 59)
  }

  @Test func `a long rest earns no more than a burst`() {
    var limiter = RateLimiter(burst: 2, interval: .milliseconds(1), now: start)
    for round in 1...3 {
      let now = start + .seconds(round * 1_000_000_000)
      #expect(limiter.decide(at: now) != .suppress)
      #expect(limiter.decide(at: now) != .suppress)
      #expect(limiter.decide(at: now) == .suppress)
    }
  }

  @Test func `time that stands still or goes back earns nothing`() {
    var limiter = RateLimiter(burst: 1, interval: .seconds(1), now: start)
    #expect(limiter.decide(at: start - .seconds(100)) == .pass(suppressed: 0))
    #expect(limiter.decide(at: start - .seconds(50)) == .suppress)
  }

  @Test func `a log handler drops what a guest floods and never an error`() {
    let kept = Kept()
    let limiter = RateLimitedLogHandler.Limiter(burst: 2, interval: .seconds(1), now: { kept.now })
    // Two loggers, one limit.
    let loggers = (0..<2).map { _ in
      Logger(label: "test") { _ in RateLimitedLogHandler(KeepingHandler(kept: kept), limiter: limiter) }
    }
    for round in 0..<10 { loggers[round % 2].warning("flood \(round)") }
    loggers[0].error("host")
    kept.advance(.seconds(1))
    loggers[1].info("later")
    #expect(kept.messages == ["flood 0", "flood 1", "host", "later suppressed=8"])
  }
}

/// Messages that came through, and a clock that a test sets.
private final class Kept: Sendable {
  private let state = Lock<(messages: [String], now: ContinuousClock.Instant)>(([], .now))
  var messages: [String] { state.withLock { $0.messages } }
  var now: ContinuousClock.Instant { state.withLock { $0.now } }
  func advance(_ duration: Duration) { state.withLock { $0.now += duration } }
  func add(_ message: String) { state.withLock { $0.messages.append(message) } }
}

private struct KeepingHandler: LogHandler {
  let kept: Kept
  var metadata: Logger.Metadata = [:]
  var metadataProvider: Logger.MetadataProvider?
  var logLevel: Logger.Level = .trace

  init(kept: Kept) { self.kept = kept }

  func log(event: LogEvent) {
    let suppressed = event.metadata?["suppressed"].map { " suppressed=\($0)" } ?? ""
    kept.add("\(event.message)\(suppressed)")
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }
}
