import Conformance
import GuestRAM
import ScanoutDevice
import Testing

/// The suite's verdict on this package's own devices.
@Suite struct OwnDeviceTests {
  /// The ways a device appears to the guest.
  enum Appearance: String, CaseIterable, CustomTestStringConvertible {
    case modern, transitional, express, doorbellPages
    var testDescription: String { rawValue }

    var options: VirtioPCIOptions {
      var options = VirtioPCIOptions()
      switch self {
      case .modern: break
      case .transitional: options.transport = .transitional
      case .express: options.placement = .express
      case .doorbellPages:
        options.hasDoorbellPages = true
        // Other rules hold for doorbells without this feature.
        options.withheld = .notificationData
      }
      return options
    }
  }

  @Test(arguments: Appearance.allCases)
  func `our GPU passes all cases that can be observed`(_ appearance: Appearance) throws {
    let report = Self.report(on: try OwnDevice.inProcess(appearance.options))
    // The specification has no transitional id for a GPU: having one is an extension of ours.
    Self.expectNoFailure(report, except: appearance == .transitional ? ["pci.device-id"] : [])
    #expect(report.profile?.kind == .gpu)
    #expect(report.profile?.generation == (appearance == .transitional ? .transitional : .modern))
  }

  @Test(arguments: Appearance.allCases)
  func `our GPU passes with a host visible memory region`(_ appearance: Appearance) throws {
    let cases = ConformanceSuite.cases(groups: [.gpu, .pci], names: [])
    let target = try OwnDevice.inProcess(appearance.options, hostVisibleMemory: 8 << 30)
    let report = Self.report(on: target, cases)
    Self.expectNoFailure(
      report, except: appearance == .transitional ? ["pci.device-id"] : [], count: cases.count)
    let names = [
      "pci.shared-memory-ids", "pci.shared-memory-inside-region", "gpu.blob-of-guest-memory-is-not-mapped",
    ]
    let passed = report.results.filter { $0.verdict.name == "passed" }.map(\.conformanceCase.name)
    #expect(Set(names).isSubset(of: passed))
  }

  @Test(arguments: [1, 16]) func `our GPU passes with any number of outputs`(outputs: Int) throws {
    let cases = ConformanceSuite.cases(groups: [.gpu], names: [])
    Self.expectNoFailure(
      Self.report(on: try OwnDevice.inProcess(outputs: outputs), cases), count: cases.count)
  }

  @Test(arguments: Appearance.allCases)
  func `our entropy device passes all cases that can be observed`(_ appearance: Appearance) throws {
    let report = Self.report(on: OwnDevice.entropy(appearance.options))
    Self.expectNoFailure(report)
    #expect(report.profile?.kind == .entropy)
  }

  @Test func `our legacy entropy device passes all cases that can be observed`() throws {
    var options = VirtioPCIOptions()
    options.transport = .legacy
    let report = Self.report(on: OwnDevice.entropy(options))
    Self.expectNoFailure(report)
    #expect(report.profile?.generation == .legacy)
  }

  @Test func `our GPU behind a socket passes all cases that can be observed`() throws {
    let memory = GuestMemory()
    let mode = try #require(OutputMode(width: 640, height: 480))
    let service = try Service(try DisplayDevice(outputs: [mode], memory: memory).function, memory)
    defer { service.end() }
    let report = Self.report(on: VfioUserTarget(path: service.path))
    Self.expectNoFailure(report)
    #expect(try report.hiddenCases == NotObservable.list("vfio-user"))
  }

  @Test func `every case passes on one of our devices, or says why none can show it`() throws {
    var open = Set(ConformanceSuite.cases.map(\.name))
    let targets: [any ConformanceTarget] = [
      try OwnDevice.inProcess(Appearance.transitional.options),
      try OwnDevice.inProcess(Appearance.doorbellPages.options, hostVisibleMemory: 1 << 28),
      OwnDevice.entropy(Appearance.transitional.options),
    ]
    for target in targets {
      // What has passed on one is not asked of the next.
      let cases = ConformanceSuite.cases.filter { open.contains($0.name) }
      for result in Self.report(on: target, cases).results where result.verdict.name == "passed" {
        open.remove(result.conformanceCase.name)
      }
    }
    #expect(open == ["common.admin-queues", "legacy.notify-on-empty"])
  }

  /// The suite's report. What has to come has more time than a loaded machine keeps a thread from its turn.
  private static func report(
    on target: any ConformanceTarget, _ cases: [ConformanceCase] = ConformanceSuite.cases
  ) -> ConformanceReport {
    var run = ConformanceRun(target, cases)
    run.patience.answerInMilliseconds = 60_000
    run.patience.caseInSeconds = 600
    return run.run()
  }

  private static func expectNoFailure(
    _ report: ConformanceReport, except: Set<String> = [], count: Int = ConformanceSuite.cases.count,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(report.loss == nil, sourceLocation: sourceLocation)
    #expect(report.results.count == count, sourceLocation: sourceLocation)
    for result in report.results {
      guard case .failed(let came) = result.verdict, !except.contains(result.conformanceCase.name) else {
        continue
      }
      Issue.record("\(result.conformanceCase.name): \(came)", sourceLocation: sourceLocation)
    }
  }
}
