import GuestRAM
import VirtioCore

/// Every descriptor table of a split ring of 4, one chain from every head, with INDIRECT_DESC and without.
///
/// A descriptor has 8 sets of flags and 5 values of `next`, the last of them out of range as is the last head.
struct SplitChains: WorldFamily {
  let name = "split rings of 4, every table and head"
  private static let size = 4
  private static let kinds = 8 * 5
  let worldCount = kinds * kinds * kinds * kinds * 5 * 2

  func explore(_ worlds: Range<Int>, _ tally: inout Tally) throws {
    let stage = try Stage(size: Self.size, isPacked: false)
    let tables = (0..<Self.size).map { Stage.table($0, isPacked: false) }
    try stage.play { access in
      stage.store16(1, at: Stage.driverArea + 2, in: access)
      for world in worlds {
        var choices = Choices(world)
        let head = UInt16(choices.take(5))
        let hasIndirect = choices.take(2) == 1
        let cells = (0..<Self.size).map { Cell(split: $0, &choices) }
        for (index, cell) in cells.enumerated() {
          stage.write(cell, at: Stage.descriptorArea + 16 * index, in: access)
        }
        stage.store16(head, at: Stage.driverArea + 4, in: access)
        let oracle = SplitOracle(table: cells, hasIndirect: hasIndirect, indirectTables: tables)
        let outcome = try SplitWorld(stage, hasIndirect: hasIndirect, in: access)
          .compare(oracle, heads: [head], in: access) {
            "head \(head), INDIRECT_DESC \(hasIndirect), descriptors \(cells)"
          }
        tally.count(outcome)
      }
    }
  }
}

/// Every indirect table of 4 entries, whole, cut short in several ways and empty.
struct SplitTables: WorldFamily {
  let name = "split rings, every indirect table of 4"
  private static let lengths: [UInt32] = [64, 48, 40, 0]
  private static let kinds = 8 * 5
  let worldCount = kinds * kinds * kinds * kinds * lengths.count

  func explore(_ worlds: Range<Int>, _ tally: inout Tally) throws {
    let stage = try Stage(size: 4, isPacked: false)
    try stage.play { access in
      stage.store16(1, at: Stage.driverArea + 2, in: access)
      stage.store16(0, at: Stage.driverArea + 4, in: access)
      for world in worlds {
        var choices = Choices(world)
        let length = Self.lengths[choices.take(Self.lengths.count)]
        let entries = (0..<4).map { Cell(split: $0, &choices) }
        for (index, cell) in entries.enumerated() {
          stage.write(cell, at: Stage.tableArea + 16 * index, in: access)
        }
        let indirect = Stage.indirectCell(length: length)
        stage.write(indirect, at: Stage.descriptorArea, in: access)
        let oracle = SplitOracle(
          table: [indirect, Cell(), Cell(), Cell()], hasIndirect: true, indirectTables: [entries])
        let outcome = try SplitWorld(stage, hasIndirect: true, in: access)
          .compare(oracle, heads: [0], in: access) { "table of \(length) bytes, entries \(entries)" }
        tally.count(outcome)
      }
    }
  }
}

/// Every available index, from several starts and with every number of chains in flight.
struct SplitIndices: WorldFamily {
  let name = "split rings of 4, every available index"
  private static let starts = [0, 1, 3, 0x7fff, 0xfffe, 0xffff]
  let worldCount = 65536 * starts.count * 5

  func explore(_ worlds: Range<Int>, _ tally: inout Tally) throws {
    let stage = try Stage(size: 4, isPacked: false)
    let cells = (0..<4).map(Stage.cell)
    let oracle = SplitOracle(table: cells, hasIndirect: true, indirectTables: [])
    try stage.play { access in
      for (index, cell) in cells.enumerated() {
        stage.write(cell, at: Stage.descriptorArea + 16 * index, in: access)
        stage.store16(UInt16(index), at: Stage.driverArea + 4 + 2 * index, in: access)
      }
      // A queue that has given no chain stands where it stood: it is used again until one does.
      var setting = -1
      var playing: SplitWorld?
      defer { playing?.end(in: access) }
      for world in worlds {
        let available = world % 65536
        let start = Self.starts[world / 65536 / 5], inFlight = world / 65536 % 5
        if setting != world / 65536 || playing == nil {
          playing?.end(in: access)
          setting = world / 65536
          playing = try SplitWorld(stage, hasIndirect: true, in: access)
          try playing?.advance(by: start, holding: inFlight, in: access)
        }
        guard let split = playing else { continue }
        stage.store16(UInt16(available), at: Stage.driverArea + 2, in: access)
        let waiting = Int(UInt16(truncatingIfNeeded: available - start - inFlight))
        let isAhead = waiting > 4 || (waiting > 0 && inFlight == 4)
        let heads = (0..<min(waiting, 4)).map { UInt16(($0 + start + inFlight) % 4) }
        let outcome = try split.compare(oracle, heads: heads, isAhead: isAhead, in: access) {
          "available index \(available), start \(start), \(inFlight) in flight"
        }
        tally.count(outcome)
        if outcome.chainCount > 0 {
          split.end(in: access)
          playing = nil
        }
      }
    }
  }
}

extension Cell {
  /// Descriptor `index` of a split ring with any flags and a `next` from 0 to 4.
  fileprivate init(split index: Int, _ choices: inout Choices) {
    self = Stage.cell(index)
    flags = UInt16(choices.take(8))
    link = UInt16(choices.take(5))
  }
}

/// One split queue at work, and the comparison with the oracle.
private final class SplitWorld {
  private let stage: Stage
  private let queue: Virtqueue
  /// Chains completed so far.
  private var used = 0
  private var held: [HeldChain] = []

  init(_ stage: Stage, hasIndirect: Bool, in access: borrowing GuestAccess) throws {
    self.stage = stage
    queue = try stage.makeQueue(hasIndirect: hasIndirect, in: access)
  }

  /// Takes and completes `count` chains of the ring as it stands, then takes `holding` more and keeps them.
  func advance(by count: Int, holding: Int, in access: borrowing GuestAccess) throws {
    for number in 1..<count + holding + 1 {
      stage.store16(UInt16(truncatingIfNeeded: number), at: Stage.driverArea + 2, in: access)
      guard let chain = try queue.next(in: access) else {
        throw Disagreement(description: "chain \(number) of a good ring is not there")
      }
      let taken = HeldChain(chain)
      if number <= count { taken.complete(in: queue, access) } else { held.append(taken) }
    }
    used = count
  }

  /// Gives back what is held, so that the queue can go.
  func end(in access: borrowing GuestAccess) {
    for chain in held { chain.complete(in: queue, access) }
    held = []
  }

  /// Lets the queue work the ring, and holds what it does against the rules.
  ///
  /// - Parameters:
  ///   - heads: what the driver has made available.
  ///   - isAhead: more than the queue can have is available (virtio 1.4 §2.7.6).
  func compare(
    _ oracle: SplitOracle, heads: [UInt16], isAhead: Bool = false, in access: borrowing GuestAccess,
    _ world: () -> String
  ) throws(Disagreement) -> Outcome {
    var expected = Outcome()
    do throws(Refusal) {
      if isAhead { throw .availableIndex }
      for head in heads { _ = expected.append(try oracle.chain(from: head)) }
    } catch {
      expected.refusal = error
    }
    let outcome = stage.observe(queue, in: access)
    guard outcome == expected, outcome.hasEnded else {
      throw Disagreement(description: "\(world())\n  device: \(outcome)\n  oracle: \(expected)")
    }
    // What was given back stands in the used ring in its order (§2.7.8).
    for index in 0..<outcome.chainCount {
      let element = stage.usedElement(used + index, in: access)
      guard element == (UInt32(heads[index]), 0) else {
        throw Disagreement(description: "\(world())\n  used element \(index): \(element)")
      }
    }
    used += outcome.chainCount
    guard used == 0 || stage.load16(Stage.deviceArea + 2, in: access) == UInt16(truncatingIfNeeded: used)
    else { throw Disagreement(description: "\(world())\n  the used index is not \(used)") }
    return outcome
  }
}
