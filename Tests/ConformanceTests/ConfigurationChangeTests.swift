import Conformance
import GuestDriver
import Synchronization
import Testing

/// The cases about a configuration that changes, on a device whose changes are made up here.
@Suite struct ConfigurationChangeTests {
  private static let cases = [
    "common.generation-after-change", "gpu.display-event", "reset.suspend-keeps-configuration",
    "reset.suspended-change-is-kept",
  ]

  /// What is wrong about the changes, and which cases notice; nothing, and all pass.
  private static let rows: [(fault: ChangingTarget.Fault?, caught: Set<String>)] = [
    (nil, []),
    (.sameGeneration, ["common.generation-after-change"]),
    (.noEvent, ["common.generation-after-change", "gpu.display-event", "reset.suspend-keeps-configuration"]),
    (.noInterrupt, ["common.generation-after-change", "reset.suspended-change-is-kept"]),
    (.interruptWhileSuspended, ["reset.suspended-change-is-kept"]),
    (.clearedWhileSuspended, ["reset.suspend-keeps-configuration"]),
  ]

  @Test(arguments: rows)
  func `a change is judged by its generation, event and interrupt`(
    _ row: (fault: ChangingTarget.Fault?, caught: Set<String>)
  ) throws {
    let target = ChangingTarget(try OwnDevice.inProcess(), row.fault)
    var run = ConformanceRun(target, ConformanceSuite.cases(groups: [], names: Self.cases))
    run.patience.answerInMilliseconds = 200
    let report = run.run()
    #expect(report.results.count == Self.cases.count)
    for result in report.results {
      let name = result.conformanceCase.name
      #expect(
        result.verdict.name == (row.caught.contains(name) ? "failed" : "passed"),
        "\(name): \(result.verdict.text)")
    }
  }
}

/// A GPU whose display changes when it is told to.
final class ChangingTarget: ConformanceTarget {
  enum Fault: Sendable {
    case sameGeneration, noEvent, noInterrupt, interruptWhileSuspended, clearedWhileSuspended
  }

  private let target: MutantTarget
  private let display: ChangingDisplay

  init(_ target: any ConformanceTarget, _ fault: Fault?) {
    let display = ChangingDisplay(fault)
    self.display = display
    self.target = MutantTarget(
      target,
      Mutation(
        readBAR: { display.read($0, $1, $2) }, writeBAR: { display.write($0, $1, $2) },
        interrupt: { line, hasCome in display.takeInterrupt(line) || hasCome }))
  }

  var name: String { "changing" }
  var hidden: [Observable: String] { [:] }

  func mount() throws -> Mount { try target.mount() }
  func changeConfiguration() throws { display.change() }
}

/// What a change of the display is to the driver. Registers are where our own device has them.
final class ChangingDisplay: Sendable {
  private struct State {
    var isPending = false
    var generation: UInt64 = 0
    var isInterruptDue = false
    var isSuspended = false
  }

  private let fault: ChangingTarget.Fault?
  private let state = Mutex(State())
  private static let events: UInt64 = 0x2000, clear: UInt64 = 0x2004

  init(_ fault: ChangingTarget.Fault?) { self.fault = fault }

  func change() {
    state.withLock {
      $0.isPending = fault != .noEvent
      $0.isInterruptDue = fault != .noInterrupt
      if fault != .sameGeneration { $0.generation += 1 }
    }
  }

  func read(_ bar: Int, _ offset: UInt64, _ value: UInt64) -> UInt64 {
    guard bar == Mutation.bar else { return value }
    return state.withLock { state in
      switch offset {
      case Self.events: return state.isPending ? 1 : 0
      case UInt64(CommonRegister.configGeneration.offset): return value &+ state.generation
      case UInt64(CommonRegister.deviceStatus.offset):
        state.isSuspended = value & 0x14 == 0x10
        return value
      default: return value
      }
    }
  }

  func write(_ bar: Int, _ offset: UInt64, _ value: UInt64) -> UInt64? {
    guard bar == Mutation.bar else { return value }
    return state.withLock { state in
      if offset == Self.clear, value & 1 != 0, !state.isSuspended || fault == .clearedWhileSuspended {
        state.isPending = false
      }
      // A reset ends everything.
      if offset == UInt64(CommonRegister.deviceStatus.offset), value == 0 { state = State() }
      return value
    }
  }

  /// Whether the configuration's interrupt is due, which is vector 0 with the suite's drivers.
  func takeInterrupt(_ line: InterruptLine) -> Bool {
    state.withLock { state in
      guard line == .vector(0), state.isInterruptDue,
        !state.isSuspended || fault == .interruptWhileSuspended
      else { return false }
      state.isInterruptDue = false
      return true
    }
  }
}
