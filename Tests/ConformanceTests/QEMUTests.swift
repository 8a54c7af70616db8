import Conformance
import Glibc
import Testing

/// The suite's verdict on devices that nobody here wrote: QEMU's, driven by its qtest protocol. Commands of a GPU are
/// looked at in `PeerDeviceTests`.
@Suite struct QEMUTests {
  /// A device of QEMU's, and where QEMU 7.2 is known to depart from the specification.
  struct Row: Sendable, CustomTestStringConvertible {
    let device: String
    let kind: DeviceKind
    let generation: DeviceGeneration
    let departures: Set<String>

    var testDescription: String { device }
  }

  /// Another QEMU than the system's for a run by hand.
  private static let qemu =
    unsafe getenv("SCANOUT_QEMU").map { unsafe String(cString: $0) } ?? "qemu-system-x86_64"

  private static let rows: [Row] = [
    // Buffers are used before DRIVER_OK, and features that were not offered are taken.
    Row(
      device: "virtio-gpu-pci", kind: .gpu, generation: .modern,
      departures: ["status.no-buffers-before-driver-ok", "status.unoffered-feature"]),
    // A legacy driver has to wait for DRIVER_OK too.
    Row(
      device: "virtio-rng-pci", kind: .entropy, generation: .transitional,
      departures: ["legacy.requests-before-driver-ok", "status.unoffered-feature"]),
  ]

  @Test(arguments: rows)
  func `QEMU's device is driven to the end and departs only where it is known to`(_ row: Row) throws {
    let target = QtestTarget(
      command: [Self.qemu, "-machine", "q35", "-device", "\(row.device),addr=5"])
    let cases = ConformanceSuite.cases.filter { $0.group != .gpu }
    var run = ConformanceRun(target, cases)
    run.patience.answerInMilliseconds = 2000
    let report = run.run()
    #expect(report.loss == nil)
    #expect(report.profile?.kind == row.kind)
    #expect(report.profile?.generation == row.generation)
    #expect(report.results.count == cases.count)
    #expect(report.results.count { $0.verdict.name == "passed" } > 60)
    for result in report.results {
      guard case .failed(let came) = result.verdict, !row.departures.contains(result.conformanceCase.name)
      else { continue }
      Issue.record("\(result.conformanceCase.name): \(came)")
    }
  }
}
