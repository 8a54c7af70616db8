import GuestDriver

/// The two formats of a virtqueue, for cases that try the same on both.
enum RingFormat: String, CaseIterable, Sendable {
  /// Virtio 1.4 §2.7.
  case split
  /// Virtio 1.4 §2.8.
  case packed

  typealias Feature = VirtioLayout.Feature

  /// What a driver accepts to get it.
  private var features: [Int] { self == .packed ? [Feature.ringPacked] : [] }

  /// What a case with rings of this format needs, and these features and sights beside.
  func needs(_ more: Int..., observable: Observable...) -> [Requirement] {
    [.modern] + (features + more).map { .feature($0) } + observable.map { .observable($0) }
  }

  /// One of two lists of clauses.
  func clauses(split: [String], packed: [String]) -> [String] { self == .split ? split : packed }

  /// A driver with rings of this format, live.
  func driver(
    _ bench: ConformanceBench, _ more: [Int] = [], queueSize: Int = 64, skew: Int = 0
  ) throws -> PlainDriver {
    var options = PlainDriver.Options()
    options.features = features + more
    options.queueSize = queueSize
    options.ringSkew = skew
    return try PlainDriver(bench, options)
  }

  /// A driver that has not set DRIVER_OK.
  func stoppedDriver(_ bench: ConformanceBench, queueSize: Int = 64) throws -> PlainDriver {
    var options = PlainDriver.Options()
    options.features = features
    options.queueSize = queueSize
    options.startsDevice = false
    return try PlainDriver(bench, options)
  }
}

/// Numbers that look random and are the same in every run.
struct RepeatableNumbers: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64 = 1) { state = seed }

  mutating func next() -> UInt64 {
    // SplitMix64.
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}

extension ChainLayout {
  /// Cuts of a request that has 24 bytes.
  static let requestCuts: [ChainLayout] =
    ([.pieces(2), .pieces(3), .every(1), .every(5), .sizes([1]), .sizes([4]), .sizes([23]), .sizes([7, 9])]
    as [Cut]).map { ChainLayout(request: $0) }

  /// Cuts of the room for an answer.
  static let responseCuts: [ChainLayout] =
    ([
      .pieces(2), .pieces(5), .every(64), .sizes([1]), .sizes([4, 3, 1]), .sizes([23]), .sizes([24]),
      .sizes([25]), .sizes([1, 1, 1, 1, 1, 1]),
    ] as [Cut]).map { ChainLayout(response: $0) }

  /// Cuts of both, at odd addresses and with the pieces apart.
  static let scatteredCuts: [ChainLayout] = [(1, 2), (2, 3), (3, 5), (7, 7), (13, 4)].map { skew, pieces in
    var layout = ChainLayout(request: .pieces(pieces), response: .pieces(pieces), skew: skew)
    layout.scatters = true
    return layout
  }

  /// Some layouts of few descriptors, for traffic.
  static let variety: [ChainLayout] = [
    ChainLayout(), ChainLayout(response: .pieces(2)), ChainLayout(request: .pieces(2)),
    ChainLayout(request: .pieces(2), response: .pieces(2)), ChainLayout(skew: 3),
  ]
}

extension PlainDriver {
  /// Descriptors that a layout takes in a ring.
  func descriptorCount(_ layout: ChainLayout) -> Int {
    let request = bench.profile.kind == .gpu ? GPULayout.headerSize : 0
    let response = bench.profile.kind == .gpu ? GPULayout.displayInfoSize : 64
    let count =
      ChainLayout.sizes(of: request, layout.request).count
      + ChainLayout.sizes(of: response, layout.response).count
    switch layout.indirection {
    case .none: return count
    case .all: return 1
    case .after(let direct): return min(direct, count - 1) + 1
    }
  }

  /// As many whole requests as queue 0 has descriptors for.
  var fullRing: [ChainLayout] {
    Array(repeating: ChainLayout(), count: queues[0].size / requestDescriptorCount)
  }

  /// Layouts for one batch that queue 0 has descriptors for.
  func batch(of most: Int, _ layouts: [ChainLayout], _ numbers: inout RepeatableNumbers) -> [ChainLayout] {
    var batch: [ChainLayout] = [], free = queues[0].freeDescriptorCount
    let wanted = Int.random(in: 1...max(1, most), using: &numbers)
    while batch.count < wanted, let layout = layouts.randomElement(using: &numbers) {
      let count = descriptorCount(layout)
      guard count <= free else { break }
      free -= count
      batch.append(layout)
    }
    return batch
  }

  /// How a driver learns of used buffers.
  enum Waking {
    /// It looks.
    case polling
    /// It looks after an interrupt only, and once more when it has asked for the next one (virtio 1.4 §2.7.14).
    case interrupts
  }

  /// Offers requests one by one or a few together, with others outstanding, until `count` are answered.
  ///
  /// - Parameter kicksAlways: rings the doorbell after each, or only when the device wants that.
  /// - Returns: how often it rang.
  func stream(
    _ count: Int, _ layouts: [ChainLayout] = ChainLayout.variety, kicksAlways: Bool = true,
    waking: Waking = .polling
  ) throws -> Int {
    var numbers = RepeatableNumbers(), outstanding: [UInt32: LaidOutChain] = [:]
    var offered = 0, kicks = 0, isAwake = false
    let ring = queues[0], mark = bench.ram.mark
    while offered < count || !outstanding.isEmpty {
      if outstanding.isEmpty { bench.ram.release(to: mark) }
      if offered < count {
        let old = ring.availableIndex
        for layout in batch(of: 4, layouts, &numbers) {
          let chain = try layOutRequest(layout)
          outstanding[UInt32(try ring.offer(chain.descriptors))] = chain
          offered += 1
        }
        if ring.availableIndex != old, kicksAlways || ring.wantsKick(since: old) {
          try kick()
          kicks += 1
        }
      }
      // Now and then all are awaited, else one, so that the ring is empty, or full, or in between.
      let isLast = offered >= count || Int.random(in: 0..<8, using: &numbers) == 0
      for _ in 0..<(isLast ? outstanding.count : min(1, outstanding.count)) {
        if waking == .interrupts { try awaitInterrupt(&isAwake) }
        try takeAnswer(of: &outstanding)
        if waking == .interrupts, !ring.hasUsed {
          ring.requestInterrupts()
          isAwake = ring.hasUsed
        }
      }
    }
    bench.ram.release(to: mark)
    return kicks
  }

  /// Waits until something is used on queue 0, as a driver that sleeps: it looks at the ring after an interrupt; when it
  /// finds nothing there, it asks for the next interrupt, looks once more and sleeps again.
  ///
  /// - Parameter isAwake: an interrupt has come, and the ring was not found empty since.
  private func awaitInterrupt(_ isAwake: inout Bool) throws {
    let ring = queues[0], end = ContinuousClock.now + .milliseconds(bench.patience.answerInMilliseconds)
    while ContinuousClock.now < end {
      if isAwake {
        if ring.hasUsed { return }
        ring.requestInterrupts()
        if ring.hasUsed { return }
      }
      let remaining = ContinuousClock.now.duration(to: end)
      isAwake = try interruptComes(withinMilliseconds: Int(max(1, remaining / .milliseconds(1))))
    }
    throw Deviation(ring.hasUsed ? "a buffer was used, no interrupt came" : "a request is not used")
  }
}
