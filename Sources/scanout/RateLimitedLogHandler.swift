import HostThreads
import Logging

/// Passes log messages on to another handler, those that a guest or a client can cause at a bounded rate.
///
/// Errors and critical messages are the host's alone and always pass. All copies of a handler share one limit, so
/// that several loggers are no way around it.
struct RateLimitedLogHandler: LogHandler {
  private var handler: any LogHandler
  private let limiter: Limiter

  /// Wraps a handler: 20 messages at once, then one for each second.
  init(_ handler: any LogHandler, limiter: Limiter) {
    self.handler = handler
    self.limiter = limiter
  }

  /// The limit that handlers share.
  final class Limiter: Sendable {
    private let state: Lock<RateLimiter>
    private let now: @Sendable () -> ContinuousClock.Instant

    init(
      burst: Int = 20, interval: Duration = .seconds(1),
      now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
      state = Lock(RateLimiter(burst: burst, interval: interval, now: now()))
      self.now = now
    }

    fileprivate func decide() -> RateLimiter.Decision {
      let now = now()
      return state.withLock { $0.decide(at: now) }
    }
  }

  func log(event: LogEvent) {
    guard event.level < .error else { return handler.log(event: event) }
    guard case .pass(let suppressed) = limiter.decide() else { return }
    var event = event
    if suppressed > 0 {
      event.metadata = (event.metadata ?? [:]).merging(["suppressed": "\(suppressed)"]) { $1 }
    }
    handler.log(event: event)
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { handler[metadataKey: key] }
    set { handler[metadataKey: key] = newValue }
  }
  var metadata: Logger.Metadata {
    get { handler.metadata }
    set { handler.metadata = newValue }
  }
  var metadataProvider: Logger.MetadataProvider? {
    get { handler.metadataProvider }
    set { handler.metadataProvider = newValue }
  }
  var logLevel: Logger.Level {
    get { handler.logLevel }
    set { handler.logLevel = newValue }
  }
}
