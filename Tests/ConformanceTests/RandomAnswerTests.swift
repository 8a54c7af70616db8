import Conformance
import GuestDriver
import ScanoutDevice
import Synchronization
import Testing

/// The suite stands whatever a device answers: it ends, and says what came.
@Suite struct RandomAnswerTests {
  @Test(arguments: 0..<65)
  func `random answers neither stop nor crash the suite`(_ seed: Int) throws {
    let dice = Dice(seed: UInt64(seed) &* 0x9e37_79b9_7f4a_7c15 | 1)
    // From one wrong answer in 4 to one in 16384: some devices are half sane.
    let rarity = UInt64(4) << UInt64(seed % 13)
    var options = VirtioPCIOptions()
    if seed / 13 % 3 == 1 { options.transport = .transitional }
    let target: any ConformanceTarget =
      seed / 13 % 2 == 0 ? try OwnDevice.inProcess(options) : OwnDevice.entropy(options)
    var run = ConformanceRun(
      MutantTarget(target, .random(dice, oneIn: rarity, inConfiguration: seed / 13 % 4 == 3)))
    run.patience.answerInMilliseconds = 2
    run.patience.quietInMilliseconds = 1
    run.patience.caseInSeconds = 1
    let report = run.run()
    #expect(report.loss != nil || report.results.count == ConformanceSuite.cases.count)
    #expect(report.text(width: 120).hasSuffix(report.summary + "\n"))
    #expect(!report.json.isEmpty)
  }
}

extension Mutation {
  /// Every answer is wrong once in so many times, and every write is lost as often; in configuration space too if
  /// that is said, which few suites get far with.
  static func random(_ dice: Dice, oneIn rarity: UInt64, inConfiguration: Bool) -> Mutation {
    Mutation(
      readConfig: { _, width, value in
        inConfiguration && dice.roll(rarity) == 0
          ? UInt32(truncatingIfNeeded: dice.next()) & mask(width) : value
      },
      writeConfig: { _, value in inConfiguration && dice.roll(rarity) == 0 ? nil : value },
      readBAR: { _, _, value in dice.roll(rarity) == 0 ? dice.next() >> (dice.next() % 64) : value },
      writeBAR: { _, _, value in dice.roll(rarity) == 0 ? nil : value },
      interrupt: { _, hasCome in dice.roll(rarity) == 0 ? !hasCome : hasCome })
  }

  private static func mask(_ width: Int) -> UInt32 { width >= 4 ? .max : (1 << UInt32(8 * width)) - 1 }
}

/// Random numbers that a seed repeats.
final class Dice: Sendable {
  private let state: Atomic<UInt64>

  init(seed: UInt64) { state = Atomic(seed) }

  /// xorshift64*
  func next() -> UInt64 {
    var value = state.load(ordering: .relaxed)
    value ^= value >> 12
    value ^= value << 25
    value ^= value >> 27
    state.store(value, ordering: .relaxed)
    return value &* 0x2545_f491_4f6c_dd1d
  }

  func roll(_ sides: UInt64) -> UInt64 { (next() >> 8) % sides }
}
