import HostThreads
import Logging

/// A log for what a client can cause: a burst of lines, then one a second, so that nobody can fill a disk.
final class BoundedLog: Sendable {
  private let logger: Logger
  private let limiter = Lock(RateLimiter(burst: 20))

  init(_ logger: Logger) { self.logger = logger }

  /// Logs a line, if there is room for it; says how many were left out before.
  func notice(_ message: @autoclosure () -> Logger.Message) {
    guard logger.logLevel <= .notice, case .pass(let suppressed) = limiter.withLock({ $0.decide() }) else {
      return
    }
    if suppressed > 0 { logger.notice("\(suppressed) lines about clients were left out") }
    logger.notice(message())
  }
}

extension DefaultStringInterpolation {
  /// An address the way everybody writes it.
  mutating func appendInterpolation(hex value: UInt64) {
    appendInterpolation("0x" + String(value, radix: 16))
  }
}
