import GuestDriver

/// A case with its end.
package struct ConformanceResult: Sendable {
  package let conformanceCase: ConformanceCase
  package let verdict: Verdict
}

/// Runs cases on a target, one after the other.
package struct ConformanceRun {
  private let target: any ConformanceTarget
  private let cases: [ConformanceCase]
  package var patience = Patience()

  package init(_ target: any ConformanceTarget, _ cases: [ConformanceCase] = ConformanceSuite.cases) {
    self.target = target
    self.cases = cases
  }

  /// Runs all cases and tells each result when it is there.
  ///
  /// A case that loses the target has failed, and the next one begins with a new mount; where there is none
  /// the run ends.
  package func run(_ tell: (ConformanceResult) throws -> Void) rethrows -> ConformanceReport {
    var report = ConformanceReport(target: target.name)
    var mount: Remount
    do {
      mount = try Remount(target, patience)
      report.profile = mount.profile
    } catch {
      report.loss = .neverDriven(Self.text(error))
      return report
    }
    for (index, one) in cases.enumerated() {
      let verdict: Verdict
      do {
        let bench = try mount.bench()
        verdict = Self.verdict(of: one, on: bench, hidden: target.hidden, &mount)
      } catch {
        report.loss = .lost(Self.text(error), casesNotRun: cases.count - index)
        return report
      }
      let result = ConformanceResult(conformanceCase: one, verdict: verdict)
      report.results.append(result)
      try tell(result)
    }
    return report
  }

  /// Runs all cases.
  package func run() -> ConformanceReport { run { _ in } }

  private static func verdict(
    of one: ConformanceCase, on bench: ConformanceBench, hidden: [Observable: String], _ mount: inout Remount
  ) -> Verdict {
    if let verdict = bench.profile.verdict(on: one.needs, hidden: hidden) { return verdict }
    do {
      return .passed(came: try one.body(bench))
    } catch let deviation as Deviation {
      return .failed(came: deviation.came)
    } catch let nothing as NotApplicable {
      return .notApplicable(why: nothing.why)
    } catch let unseen as NotObservable {
      return .notObservable(why: unseen.why)
    } catch {
      // The machine may be in the middle of a message: begin anew.
      mount.drop()
      return .failed(came: text(error))
    }
  }

  /// An error in words.
  static func text(_ error: any Error) -> String {
    switch error {
    case let deviation as Deviation: deviation.came
    case DriverError.host(let call, let errno): "\(call) failed with errno \(errno)"
    case DriverError.refused(let errno): "the machine refused the access with errno \(errno)"
    case DriverError.disconnected: "the connection to the device ended"
    case DriverError.processEnded(let how): "the program under the machine ended: \(how)"
    case DriverError.timedOut(let what): "timed out waiting for \(what)"
    case DriverError.deviceFault(let text): text
    case DriverError.missing(let what): "there is no \(what)"
    case DriverError.outOfMemory: "the suite's own guest memory is used up"
    default: "\(error)"
    }
  }
}

/// The target's present mount, or none after an accident.
private struct Remount {
  private let target: any ConformanceTarget
  private let patience: Patience
  private var mount: Mount?
  private var startOfMemory: UInt64 = 0
  private(set) var profile: DeviceProfile?

  init(_ target: any ConformanceTarget, _ patience: Patience) throws {
    self.target = target
    self.patience = patience
    profile = try bench().profile
  }

  /// A function that was just reset, of the present mount if that can be.
  mutating func bench() throws -> ConformanceBench {
    if mount != nil {
      do { return try makeBench() } catch { mount = nil }  // tried once more on a new one
    }
    let new = try target.mount()
    startOfMemory = new.ram.mark
    mount = new
    return try makeBench()
  }

  private func makeBench() throws -> ConformanceBench {
    guard let mount else { preconditionFailure("mounted before") }
    return try ConformanceBench(mount, target: target, patience: patience, startOfMemory: startOfMemory)
  }

  mutating func drop() { mount = nil }
}
