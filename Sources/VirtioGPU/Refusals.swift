import HostThreads
import Synchronization

/// The kinds of refused requests that are told apart, for logs and statistics.
public enum RefusalKind: Int, Sendable, CaseIterable {
  case noHeader, unknownType, wrongQueue, truncated, ringIndexNotOffered, unknownFormat, badBackingList,
    badBlob, noRoom
  case noSuchScanout, noSuchResource, resourceExists, badDimension, outOfMemory, badRectangle
  case noBacking, backingExists, backingNotMapped, backingTooShort, wrongKind, badLayout
  case badCursorSize, badHotSpot, beyondLimit, notHostMemory
}

/// One refused request, as a log gets to see it.
public struct RefusedRequest: Sendable, Equatable {
  /// Why.
  public let kind: RefusalKind
  /// The request's type as it was sent; 0 if there was no header.
  public let type: UInt32
  /// The queue that it came on: 0 control, 1 cursor.
  public let queue: Int
  /// How many refused requests were not logged since the last one that was.
  public let suppressed: UInt64
}

/// Counts refused requests by kind; any thread may read.
final class RefusalCounters: Sendable {
  private final class Cell: Sendable {
    let count = Atomic<UInt64>(0)
  }

  /// In the order of the cases, whose raw values count from 0.
  private let cells = RefusalKind.allCases.map { _ in Cell() }

  func count(_ kind: RefusalKind) { cells[kind.rawValue].count.add(1, ordering: .relaxed) }

  subscript(kind: RefusalKind) -> UInt64 { cells[kind.rawValue].count.load(ordering: .relaxed) }
}

/// Passes refused requests to a log, at a bounded rate: ten at once, then one a second.
struct RefusalLog {
  private let log: @Sendable (RefusedRequest) -> Void
  private var limiter: RateLimiter

  init(now: ContinuousClock.Instant = .now, _ log: @escaping @Sendable (RefusedRequest) -> Void) {
    self.log = log
    limiter = RateLimiter(burst: 10, now: now)
  }

  mutating func add(
    _ kind: RefusalKind, type: UInt32, queue: Int, now: ContinuousClock.Instant = .now
  ) {
    guard case .pass(let suppressed) = limiter.decide(at: now) else { return }
    log(RefusedRequest(kind: kind, type: type, queue: queue, suppressed: UInt64(suppressed)))
  }
}
