import HostThreads
import Synchronization

/// The kinds of refused requests that are told apart, for logs and statistics.
public enum RefusalKind: Int, Sendable, CaseIterable {
  /// Fewer than the 24 bytes of a header.
  case noHeader
  /// No request of that type, or one whose feature is not offered.
  case unknownType
  /// A cursor request on the control queue, or another on the cursor queue.
  case wrongQueue
  /// The structure of its type is not complete.
  case truncated
  /// `VIRTIO_GPU_FLAG_INFO_RING_IDX` without the feature that gives it a meaning.
  case ringIndexNotOffered
  /// No pixel format of that value.
  case unknownFormat
  /// A list of backing pages that is empty, too long or incomplete, or has an entry that cannot be.
  case badBackingList
  /// A blob of host memory or of no kind, without size, or of flags that mean nothing here.
  case badBlob
  /// The driver left less room than the answer needs.
  case noRoom
  /// The device has fewer outputs.
  case noSuchScanout
  /// No resource has this id.
  case noSuchResource
  /// A resource has this id already.
  case resourceExists
  /// A side of 0, or one that is longer than the device accepts.
  case badDimension
  /// More than the device holds for one guest.
  case outOfMemory
  /// A rectangle that reaches beyond its resource.
  case badRectangle
  /// The resource has no backing pages.
  case noBacking
  /// The resource has backing pages already.
  case backingExists
  /// Some of the backing is no guest memory that can be read, or no longer.
  case backingNotMapped
  /// The backing pages end before the pixels do.
  case backingTooShort
  /// A request for another kind of resource.
  case wrongKind
  /// The rows of a picture overlap, or reach past the end of the blob.
  case badLayout
  /// A cursor that is larger than one may be, or a blob that is smaller.
  case badCursorSize
  /// A hot spot outside its cursor.
  case badHotSpot
  /// A picture that is larger than the device shows.
  case beyondLimit
  /// A resource is to be mapped that is no blob of host memory.
  case notHostMemory
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
    Callout.run {
      log(RefusedRequest(kind: kind, type: type, queue: queue, suppressed: UInt64(suppressed)))
    }
  }
}
