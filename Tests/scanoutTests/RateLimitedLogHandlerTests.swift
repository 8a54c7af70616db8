import HostThreads
import Logging
import Testing

@testable import scanout

@Suite struct RateLimitedLogHandlerTests {
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
