import Conformance
import Testing

/// The suite on devices with one thing wrong: a suite that cannot fail proves nothing.
@Suite struct SeededFaultTests {
  @Test(arguments: SeededFault.all)
  func `the named case fails on a device with the fault`(_ fault: SeededFault) throws {
    for name in fault.caughtBy {
      var run = ConformanceRun(
        FaultTarget(fault.setup, fault.effects), ConformanceSuite.cases(groups: [], names: [name]))
      // This device has answered when a write returns.
      run.patience.answerInMilliseconds = 300
      let report = run.run()
      #expect(report.loss == nil, "the case has to say it")
      let verdict = try #require(report.results.first, "there is a case \(name)").verdict
      #expect(verdict.name == "failed", "\(name): \(verdict.text)")
    }
  }

  @Test(arguments: Set(SeededFault.all.map(\.setup)))
  func `every named case passes on the device without a fault`(_ setup: DeviceSetup) throws {
    let names = Set(SeededFault.all.filter { $0.setup == setup }.flatMap(\.caughtBy))
    let cases = ConformanceSuite.cases(groups: [], names: Array(names))
    let results = ConformanceRun(FaultTarget(setup), cases).run().results
    #expect(results.count == names.count)
    for result in results {
      #expect(result.verdict.name == "passed", "\(result.conformanceCase.name): \(result.verdict.text)")
    }
  }

  @Test func `there are at least 70 faults, three in each group, with names of their own`() {
    let faults = SeededFault.all
    #expect(faults.count >= 70)
    #expect(Set(faults.map(\.name)).count == faults.count)
    for group in ConformanceGroup.allCases {
      #expect(faults.count { $0.group == group } >= 3, "\(group.rawValue)")
    }
  }

  @Test func `every case that one of our devices can show has a fault`() {
    let unoffered: Set = ["common.admin-queues", "legacy.notify-on-empty"]
    let caught = Set(SeededFault.all.flatMap(\.caughtBy))
    #expect(Set(ConformanceSuite.cases.map(\.name)).subtracting(caught) == unoffered)
  }

  @Test func `a fault is caught by cases of its own group`() {
    for fault in SeededFault.all {
      #expect(!fault.caughtBy.isEmpty, "\(fault.name)")
      for name in fault.caughtBy { #expect(name.hasPrefix(fault.group.rawValue + "."), "\(fault.name)") }
    }
  }
}
