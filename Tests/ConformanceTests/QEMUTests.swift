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

  /// Where QEMU's GPU departs.
  private static let ofGPU: Set<String> = [
    // Buffers are used before DRIVER_OK, and features that were not offered are taken.
    "status.no-buffers-before-driver-ok", "status.unoffered-feature",
    // An indirect table is seen in a chain's first descriptor alone (virtio 1.4 §2.7.5.3.2).
    "indirect.after-chained-descriptors",
    // The cursor queue's buffers come back with len 0: no response (§5.7.6.10), no fence (§5.7.6.7).
    "gpu.cursor-responses", "gpu.cursor-fences", "gpu.cursor-errors", "gpu.open-cursor-sizes",
    // A request without its fields is answered with OK_NODATA (§5.7.6.7).
    "gpu.error-for-short-requests",
    // A transfer from an offset at or past the end of the backing ends QEMU by an assertion.
    "gpu.open-transfers",
  ]

  /// Where its packed rings depart.
  private static let ofPackedRings: Set<String> = [
    // Used descriptors never have the write flag (§2.8.3).
    "packed.write-flag",
    // It is the first descriptor's, up to QEMU 9.0 (§2.8.6).
    "packed.buffer-id-of-the-last-descriptor",
    // When the ring's end is passed an interrupt comes whatever event was asked for (§2.8.10).
    "event-index.packed-other-buffers", "event-index.packed-other-round",
  ]

  private static let rows: [Row] = [
    Row(device: "virtio-gpu-pci", kind: .gpu, generation: .modern, departures: ofGPU),
    Row(
      device: "virtio-gpu-pci,packed=on", kind: .gpu, generation: .modern,
      departures: ofGPU.union(ofPackedRings)),
    // A legacy driver has to wait for DRIVER_OK too.
    Row(
      device: "virtio-rng-pci", kind: .entropy, generation: .transitional,
      departures: [
        "legacy.requests-before-driver-ok", "status.unoffered-feature", "indirect.after-chained-descriptors",
      ]),
  ]

  @Test(arguments: rows)
  func `QEMU's device is driven to the end and departs only where it is known to`(_ row: Row) throws {
    let target = QtestTarget(
      command: [Self.qemu, "-machine", "q35", "-device", "\(row.device),addr=5"])
    let cases = ConformanceSuite.cases.filter { $0.group != .gpu }
    var run = ConformanceRun(target, cases)
    run.patience.answerInMilliseconds = 5000
    let report = run.run()
    #expect(report.loss == nil)
    #expect(report.profile?.kind == row.kind)
    #expect(report.profile?.generation == row.generation)
    #expect(report.results.count == cases.count)
    #expect(report.results.count { $0.verdict.name == "passed" } > 60)
    Self.expectNoFailure(report, but: row.departures)
  }

  @Test func `QEMU's GPU with three outputs departs nowhere else, its pictures seen`() throws {
    let command = [
      Self.qemu, "-machine", "q35", "-vga", "none", "-device", "virtio-gpu-pci,id=gpu0,max_outputs=3",
    ]
    let cases = ConformanceSuite.cases(groups: [.gpu], names: [])
    let report = ConformanceRun(QtestTarget(command: command), cases).run()
    #expect(report.loss == nil)
    #expect(report.results.count == cases.count)
    Self.expectNoFailure(report, but: Self.ofGPU)
    #expect(try report.hiddenCases.isSubset(of: NotObservable.list("qtest with a GPU of QEMU's own")))
    for name in ["gpu.picture-of-every-format", "gpu.several-heads-pictures"] {
      #expect(report.results.first { $0.conformanceCase.name == name }?.verdict.name == "passed")
    }
  }

  private static func expectNoFailure(
    _ report: ConformanceReport, but departures: Set<String>,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    for result in report.results {
      guard case .failed(let came) = result.verdict, !departures.contains(result.conformanceCase.name)
      else { continue }
      Issue.record("\(result.conformanceCase.name): \(came)", sourceLocation: sourceLocation)
    }
  }
}
