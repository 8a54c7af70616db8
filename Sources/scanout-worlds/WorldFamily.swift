import Glibc
import HostThreads

/// Worlds of one kind, numbered from 0.
protocol WorldFamily: Sendable {
  var name: String { get }
  var worldCount: Int { get }
  /// Explores the worlds with these numbers, in memory of its own, and counts what comes of them.
  func explore(_ worlds: Range<Int>, _ tally: inout Tally) throws
}

/// A world in which device and oracle differ, as text.
struct Disagreement: Error, CustomStringConvertible {
  let description: String
}

/// What came of the worlds explored so far.
struct Tally {
  private(set) var worlds = 0
  private(set) var chains = 0
  private(set) var refusals = [Int](repeating: 0, count: Refusal.allCases.count)
  private var outcomes: Set<Outcome> = []

  var outcomeCount: Int { outcomes.count }

  mutating func count(_ outcome: Outcome) {
    worlds += 1
    chains += outcome.chainCount
    if let refusal = outcome.refusal { refusals[refusal.rawValue] += 1 }
    outcomes.insert(outcome)
  }

  mutating func add(_ other: Tally) {
    worlds += other.worlds
    chains += other.chains
    for index in refusals.indices { refusals[index] += other.refusals[index] }
    outcomes.formUnion(other.outcomes)
  }
}

/// Explores a family on as many threads as there are processors, and returns the line that tells of it.
func explore(_ family: any WorldFamily) throws -> String {
  /// Worlds that a thread takes at a time.
  let piece = 1 << 16
  struct Progress {
    var next = 0
    var tally = Tally()
    var failure: (any Error)?
  }
  let progress = Lock(Progress())
  let start = ContinuousClock.now
  let threads = try (0..<max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))).map { _ in
    try HostThread(name: "worlds") {
      var tally = Tally()
      while true {
        let range = progress.withLock { progress -> Range<Int> in
          let start = progress.failure == nil ? progress.next : family.worldCount
          progress.next = min(start + piece, family.worldCount)
          return start..<progress.next
        }
        if range.isEmpty { break }
        do {
          try family.explore(range, &tally)
        } catch {
          progress.withLock { $0.failure = error }
        }
      }
      progress.withLock { $0.tally.add(tally) }
    }
  }
  for thread in threads { thread.join() }
  let (tally, failure) = progress.withLock { ($0.tally, $0.failure) }
  if let failure { throw failure }
  let seconds = (ContinuousClock.now - start) / .seconds(1)
  let refused = Refusal.allCases.filter { tally.refusals[$0.rawValue] > 0 }
    .map { "\($0) \(tally.refusals[$0.rawValue])" }.joined(separator: ", ")
  let tenths = Int(seconds * 10)
  return "ok \(family.name): \(tally.worlds) worlds, \(tally.chains) chains, refused: \(refused), "
    + "\(tally.outcomeCount) distinct outcomes, \(tenths / 10).\(tenths % 10) seconds"
}

/// Takes a world's number apart into the choices that make it up.
struct Choices {
  private var rest: Int

  init(_ world: Int) { rest = world }

  /// One of `count` values.
  mutating func take(_ count: Int) -> Int {
    defer { rest /= count }
    return rest % count
  }
}
