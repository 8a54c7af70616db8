import Glibc
import HostThreads
import Logging

/// A log for what a client can cause: a burst of lines, then one a second, so that nobody can fill a disk.
final class BoundedLog: Sendable {
  private struct Budget {
    var lines = 20
    var lastRefill: Int = 0
    var dropped = 0
  }

  private let logger: Logger
  private let budget = Lock(Budget())

  init(_ logger: Logger) { self.logger = logger }

  /// Logs a line, if there is room for it; says how many were left out before.
  func notice(_ message: @autoclosure () -> Logger.Message) {
    guard logger.logLevel <= .notice, let dropped = spend() else { return }
    if dropped > 0 { logger.notice("\(dropped) lines about clients were left out") }
    logger.notice(message())
  }

  /// Takes one line from the budget: how many were refused since the last, or nil.
  private func spend() -> Int? {
    var time = timespec()
    // The structure outlives the call.
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    let now = Int(time.tv_sec)
    return budget.withLock { budget in
      budget.lines = min(20, budget.lines + max(0, min(20, now - budget.lastRefill)))
      budget.lastRefill = now
      guard budget.lines > 0 else {
        budget.dropped += 1
        return nil
      }
      budget.lines -= 1
      let dropped = budget.dropped
      budget.dropped = 0
      return dropped
    }
  }
}

extension DefaultStringInterpolation {
  /// An address the way everybody writes it.
  mutating func appendInterpolation(hex value: UInt64) {
    appendInterpolation("0x" + String(value, radix: 16))
  }
}
