import VirtioCore

/// A chain as device and oracle both tell of it.
struct SeenChain: Hashable {
  /// Descriptors of the ring.
  var descriptors = 0
  /// Bytes.
  var readable = 0
  /// Bytes.
  var writable = 0
}

/// Why a ring is refused: the cases of `RingFault` without what belongs to them.
enum Refusal: Int, CaseIterable, Error {
  case area, availableIndex, unavailable, descriptorInUse, descriptorIndex, chainTooLong, chainTooLarge, order
  case indirect, buffer

  init(_ fault: RingFault) {
    self =
      switch fault {
      case .area: .area
      case .availableIndex: .availableIndex
      case .unavailable: .unavailable
      case .descriptorInUse: .descriptorInUse
      case .descriptorIndex: .descriptorIndex
      case .chainTooLong: .chainTooLong
      case .chainTooLarge: .chainTooLarge
      case .order: .order
      case .indirect: .indirect
      case .buffer: .buffer
      }
  }
}

/// What comes of a world: chains, until there are no more or the ring is refused.
struct Outcome: Hashable {
  /// More chains than any world here can have.
  private static let mostChains = 5

  private(set) var chainCount = 0
  private var chains: InlineArray<5, SeenChain> = .init(repeating: SeenChain())
  var refusal: Refusal?

  /// Whether the queue gave its chains in a number that a ring can have.
  var hasEnded: Bool { chainCount < Self.mostChains }

  /// False when there are too many.
  mutating func append(_ chain: SeenChain) -> Bool {
    guard hasEnded else { return false }
    chains[chainCount] = chain
    chainCount += 1
    return true
  }

  static func == (a: Outcome, b: Outcome) -> Bool {
    guard a.chainCount == b.chainCount, a.refusal == b.refusal else { return false }
    for index in 0..<a.chainCount where a.chains[index] != b.chains[index] { return false }
    return true
  }

  func hash(into hasher: inout Hasher) {
    for index in 0..<chainCount { hasher.combine(chains[index]) }
    hasher.combine(refusal)
  }
}

extension Outcome: CustomStringConvertible {
  var description: String {
    let seen = (0..<chainCount).map { index in
      let chain = chains[index]
      return "\(chain.descriptors) descriptors, \(chain.readable) + \(chain.writable) bytes"
    }
    return (seen + [refusal.map { "refused: \($0)" } ?? "no more"]).joined(separator: "; ")
  }
}
