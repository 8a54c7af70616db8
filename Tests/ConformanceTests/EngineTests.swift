import Conformance
import GuestDriver
import Testing

/// What the engine makes of cases and targets.
@Suite struct EngineTests {
  private static func one(_ body: @escaping @Sendable (ConformanceBench) throws -> String) -> ConformanceCase
  {
    ConformanceCase("status.test", ["2.1-1"], tried: "this", expected: "that", body)
  }

  private static func run(_ cases: [ConformanceCase], on target: any ConformanceTarget) -> ConformanceReport {
    ConformanceRun(target, cases).run()
  }

  @Test func `the four ends of a case are told apart`() throws {
    let report = Self.run(
      [
        Self.one { _ in "well" }, Self.one { _ in throw Deviation("badly") },
        Self.one { _ in throw NotApplicable("nothing there") },
        Self.one { _ in throw NotObservable("hidden") },
      ], on: try OwnDevice.inProcess())
    #expect(
      report.results.map(\.verdict) == [
        .passed(came: "well"), .failed(came: "badly"), .notApplicable(why: "nothing there"),
        .notObservable(why: "hidden"),
      ])
    #expect(report.summary == "1 passed, 1 failed, 1 not observable, 1 not applicable")
    #expect(report.exitStatus == 1)
  }

  @Test func `without a failure the status is 0, whatever could not be seen`() throws {
    let report = Self.run(
      [Self.one { _ in "well" }, Self.one { _ in throw NotObservable("hidden") }],
      on: try OwnDevice.inProcess())
    #expect(report.exitStatus == 0)
  }

  @Test func `what a case needs is looked at before its body runs`() throws {
    func needing(_ need: Requirement) -> ConformanceCase {
      ConformanceCase("status.test", ["2.1-1"], needs: [need], tried: "", expected: "") { _ in "ran" }
    }
    let report = Self.run(
      [
        needing(.kind(.gpu)), needing(.kind(.entropy)), needing(.feature(VirtioLayout.Feature.version1)),
        needing(.feature(VirtioLayout.Feature.adminQueue)), needing(.legacy),
        needing(.observable(.configurationChange)),
      ], on: OwnDevice.entropy())
    let names = report.results.map(\.verdict.name)
    #expect(
      names == ["not applicable", "passed", "passed", "not applicable", "not applicable", "not observable"])
    #expect(report.results[3].verdict.text.contains("VIRTIO_F_ADMIN_VQ"))
  }

  @Test func `a case that never ends is ended`() throws {
    var run = ConformanceRun(
      try OwnDevice.inProcess(), [Self.one { bench in while true { _ = try bench.function.status } }])
    run.patience.caseInSeconds = 1
    guard case .failed(let came) = run.run().results.first?.verdict else {
      Issue.record("not failed")
      return
    }
    #expect(came.contains("timed out"))
  }

  @Test func `each case begins with a device that was reset`() throws {
    let spoil = Self.one { bench in
      let driver = try PlainDriver(bench)
      try driver.roundTrip()
      try bench.machine.writeConfig(PCILayout.command, width: 2, 0)
      return "\(bench.ram.mark)"
    }
    let look = Self.one { bench in
      try expect("device_status", try bench.function.read(.deviceStatus), is: 0)
      try PlainDriver(bench).roundTrip()
      return "\(bench.ram.mark)"
    }
    let report = Self.run([spoil, look, spoil, look], on: try OwnDevice.inProcess())
    #expect(report.exitStatus == 0)
    // Memory is given back in between.
    #expect(Set(report.results.map(\.verdict.text)).count == 1)
  }

  @Test func `a lost machine is a failure, and the next case has another machine`() throws {
    let target = LosingTarget(try OwnDevice.inProcess(), mounts: 2)
    let lose = Self.one { _ in throw DriverError.disconnected }
    let report = Self.run([Self.one { _ in "a" }, lose, Self.one { _ in "b" }], on: target)
    #expect(report.results.map(\.verdict.name) == ["passed", "failed", "passed"])
    #expect(report.results[1].verdict.text.contains("connection"))
    #expect(report.loss == nil && report.exitStatus == 1)
    #expect(target.mountCount == 2)
  }

  @Test func `a machine that cannot be had again ends the run, and the report says so`() throws {
    let lose = Self.one { _ in throw DriverError.disconnected }
    let report = Self.run(
      [lose, Self.one { _ in "b" }, Self.one { _ in "c" }],
      on: LosingTarget(try OwnDevice.inProcess(), mounts: 1))
    #expect(report.results.count == 1)
    #expect(report.loss == .lost("there is no other machine", casesNotRun: 2))
    #expect(report.exitStatus == 1)
    #expect(report.text(width: 120).contains("2 cases were not run"))
  }

  @Test func `a target that cannot be driven at all has status 2`() throws {
    let report = Self.run([Self.one { _ in "a" }], on: LosingTarget(try OwnDevice.inProcess(), mounts: 0))
    #expect(report.exitStatus == 2)
    #expect(report.results.isEmpty)
    #expect(report.text(width: 120).contains("could not be driven: there is no other machine"))
  }

  @Test func `groups and names choose cases`() {
    #expect(ConformanceSuite.cases(groups: [], names: []).count == ConformanceSuite.cases.count)
    #expect(ConformanceSuite.cases(groups: [.pci], names: []).allSatisfy { $0.group == .pci })
    let both = ConformanceSuite.cases(groups: [.entropy], names: ["pci.vendor-id"])
    #expect(Set(both.map(\.group)) == [.pci, .entropy])
  }
}

/// A target that has only so many machines to give.
private final class LosingTarget: ConformanceTarget {
  private let target: any ConformanceTarget
  private let mounts: Int
  private(set) var mountCount = 0

  init(_ target: any ConformanceTarget, mounts: Int) {
    self.target = target
    self.mounts = mounts
  }

  var name: String { target.name }
  var hidden: [Observable: String] { target.hidden }

  func mount() throws -> Mount {
    guard mountCount < mounts else { throw DriverError.missing("other machine") }
    mountCount += 1
    return try target.mount()
  }

  func changeConfiguration() throws { try target.changeConfiguration() }
}
