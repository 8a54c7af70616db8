import Conformance
import ScanoutDevice
import Testing

/// The suite stands whatever a device answers: it ends, and says what came.
@Suite struct RandomAnswerTests {
  /// 13 rarities on each of three devices; on the third configuration space is spoilt too.
  @Test(arguments: 0..<39)
  func `random answers neither stop nor crash the suite`(_ seed: Int) throws {
    let dice = Dice(seed: UInt64(seed) &* 0x9e37_79b9_7f4a_7c15 | 1)
    // From one wrong answer in 4 to one in 16384: some devices are half sane.
    let rarity = UInt64(4) << UInt64(seed % 13)
    var options = VirtioPCIOptions()
    if seed / 13 == 1 { options.transport = .transitional }
    let target: any ConformanceTarget =
      seed / 13 != 1 ? try OwnDevice.inProcess(options) : OwnDevice.entropy(options)
    // A picture takes long to compare and shows nothing more of this.
    let cases = ConformanceSuite.cases.filter { !$0.needs.contains(.observable(.pictures)) }
    var run = ConformanceRun(
      RandomTarget(target, dice, oneIn: rarity, spoilsConfiguration: seed / 13 == 2), cases)
    run.patience.answerInMilliseconds = 2
    run.patience.quietInMilliseconds = 1
    run.patience.caseInSeconds = 1
    let report = run.run()
    #expect(report.loss != nil || report.results.count == cases.count)
    #expect(report.text(width: 120).hasSuffix(report.summary + "\n"))
    #expect(!report.json.isEmpty)
  }
}
