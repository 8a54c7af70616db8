import GuestRAM
import VirtioCore

/// Every packed ring of a few descriptors, from every start and with every number of descriptors in flight.
///
/// A descriptor has 32 sets of flags and as its ID any from 0 to the ring's size.
struct PackedChains: WorldFamily {
  let name: String
  let worldCount: Int
  private let size: Int
  private let settings: [Setting]
  /// What one descriptor can be.
  private var kinds: Int { 32 * (size + 1) }

  /// What is the case before the ring is written.
  private struct Setting {
    var hasIndirect = true
    /// Descriptors used before.
    var start = 0
    /// Descriptors of one chain that is taken and completed after all others.
    var inFlight = 0
  }

  init(size: Int) {
    self.size = size
    name = "packed rings of \(size), every descriptor"
    settings =
      [Setting(hasIndirect: false)] + (0..<2 * size).map { Setting(start: $0) }
      + (1...size).map { Setting(start: size - 1, inFlight: $0) }
    let kinds = 32 * (size + 1)
    worldCount = (0..<size).reduce(settings.count) { product, _ in product * kinds }
  }

  func explore(_ worlds: Range<Int>, _ tally: inout Tally) throws {
    let stage = try Stage(size: size, isPacked: true)
    let tables = (0..<size).map { Stage.table($0, isPacked: true) }
    try stage.play { access in
      for world in worlds {
        var choices = Choices(world)
        let setting = settings[choices.take(settings.count)]
        let cells = (0..<size).map { Cell(packed: $0, idCount: size + 1, &choices) }
        let oracle = PackedOracle(
          ring: cells, hasIndirect: setting.hasIndirect, indirectTables: tables,
          taken: setting.start + setting.inFlight, used: setting.start)
        let queue = try stage.makeQueue(hasIndirect: setting.hasIndirect, in: access)
        let held = try stage.prepare(
          queue, start: setting.start, inFlight: setting.inFlight, in: access)
        tally.count(
          try stage.compare(queue, oracle, held, inFlight: setting.inFlight, in: access) {
            """
            size \(size), INDIRECT_DESC \(setting.hasIndirect), \(setting.start) used and \(setting.inFlight) in \
            flight before, descriptors \(cells)
            """
          })
      }
    }
  }
}

/// Every indirect table of 3 entries, whole, cut short in two ways and empty.
struct PackedTables: WorldFamily {
  let name = "packed rings, every indirect table of 3"
  private static let lengths: [UInt32] = [48, 32, 40, 0]
  let worldCount = 32 * 32 * 32 * lengths.count

  func explore(_ worlds: Range<Int>, _ tally: inout Tally) throws {
    let stage = try Stage(size: 3, isPacked: true)
    try stage.play { access in
      for world in worlds {
        var choices = Choices(world)
        let length = Self.lengths[choices.take(Self.lengths.count)]
        let entries = (0..<3).map { Cell(packed: $0, idCount: 1, &choices) }
        for (index, cell) in entries.enumerated() {
          stage.write(cell, at: Stage.tableArea + 16 * index, in: access)
        }
        var indirect = Stage.indirectCell(length: length)
        indirect.flags |= Cell.available
        let oracle = PackedOracle(
          ring: [indirect, Cell(), Cell()], hasIndirect: true, indirectTables: [entries], taken: 0, used: 0)
        let queue = try stage.makeQueue(hasIndirect: true, in: access)
        tally.count(
          try stage.compare(queue, oracle, nil, inFlight: 0, in: access) {
            "table of \(length) bytes, entries \(entries)"
          })
      }
    }
  }
}

extension Cell {
  /// Descriptor `index` of a packed ring with any flags and an ID below `idCount`.
  fileprivate init(packed index: Int, idCount: Int, _ choices: inout Choices) {
    self = Stage.cell(index)
    let bits = choices.take(32)
    flags = UInt16(bits & 7) | (bits & 8 != 0 ? Cell.available : 0) | (bits & 16 != 0 ? Cell.used : 0)
    link = UInt16(choices.take(idCount))
  }
}

extension Stage {
  /// The ID of the chain that is in flight before a world begins; no descriptor of a world has it.
  private static var heldID: UInt16 { 0xabcd }

  /// Lets a queue use `start` descriptors, then take a chain of `inFlight` more, which is returned.
  fileprivate func prepare(
    _ queue: Virtqueue, start: Int, inFlight: Int, in access: borrowing GuestAccess
  ) throws -> HeldChain? {
    func put(_ place: Int, hasNext: Bool) {
      var cell = Self.cell(place % size)
      cell.link = Self.heldID
      cell.flags = place / size % 2 == 0 ? Cell.available : Cell.used
      if hasNext { cell.flags |= Cell.next }
      write(cell, at: Self.descriptorArea + 16 * (place % size), in: access)
    }
    func take() throws -> HeldChain {
      guard let chain = try queue.next(in: access) else {
        throw Disagreement(description: "a chain of a good ring is not there")
      }
      return HeldChain(chain)
    }
    for place in 0..<start {
      put(place, hasNext: false)
      try take().complete(in: queue, access)
    }
    guard inFlight > 0 else { return nil }
    for place in (start..<start + inFlight).reversed() { put(place, hasNext: place < start + inFlight - 1) }
    return try take()
  }

  /// Writes the oracle's ring, lets the queue work it, and holds what it does against the rules.
  fileprivate func compare(
    _ queue: Virtqueue, _ oracle: PackedOracle, _ held: HeldChain?, inFlight: Int,
    in access: borrowing GuestAccess, _ world: () -> String
  ) throws(Disagreement) -> Outcome {
    var oracle = oracle
    for (index, cell) in oracle.ring.enumerated() {
      write(cell, at: Self.descriptorArea + 16 * index, in: access)
    }
    let outcome = observe(queue, in: access)
    held?.complete(in: queue, access)
    var expected = Outcome()
    do throws(Refusal) {
      while let chain = try oracle.next() { if !expected.append(chain) { break } }
    } catch {
      expected.refusal = error
    }
    if held != nil { oracle.complete(id: Self.heldID, descriptors: inFlight) }
    guard outcome == expected, outcome.hasEnded else {
      throw Disagreement(description: "\(world())\n  device: \(outcome)\n  oracle: \(expected)")
    }
    for (index, cell) in oracle.ring.enumerated() {
      let left = self.cell(at: Self.descriptorArea + 16 * index, in: access)
      guard left == cell else {
        throw Disagreement(
          description: "\(world())\n  descriptor \(index) afterwards: \(left)\n  oracle: \(cell)")
      }
    }
    return outcome
  }
}
