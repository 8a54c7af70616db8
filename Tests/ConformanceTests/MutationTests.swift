import Conformance
import DeviceMachine
import GuestDriver
import ScanoutDevice
import Testing

/// Each case fails on a device that breaks its clauses: a suite that cannot fail proves nothing.
@Suite struct MutationTests {
  /// One wrong thing in a device, and the cases that have to notice.
  struct Row: Sendable, CustomTestStringConvertible {
    let wrong: String
    let caught: [String]
    let device: Device
    let mutation: Mutation

    init(_ wrong: String, _ caught: [String], of device: Device = .gpu, _ mutation: Mutation) {
      self.wrong = wrong
      self.caught = caught
      self.device = device
      self.mutation = mutation
    }

    var testDescription: String { wrong }
  }

  /// The right device that a row makes wrong.
  enum Device: Sendable {
    case gpu, entropy, transitionalGPU, transitionalEntropy
    /// A GPU that does not offer NOTIFICATION_DATA.
    case plainDoorbells

    /// - Parameter isInline: work the rings on the driver's thread; else a thread of the device's own could take a
    ///   request before it is changed.
    func target(isInline: Bool) throws -> any ConformanceTarget {
      var options = VirtioPCIOptions()
      switch self {
      case .gpu: return try OwnDevice.inProcess(scheduling: isInline ? .inline : .ownThread)
      case .entropy: return OwnDevice.entropy()
      case .plainDoorbells:
        options.withheld = .notificationData
        return try OwnDevice.inProcess(options)
      case .transitionalGPU, .transitionalEntropy:
        options.transport = .transitional
        return self == .transitionalGPU ? try OwnDevice.inProcess(options) : OwnDevice.entropy(options)
      }
    }
  }

  private static let rows = identity + structures + registers + queues + interrupts + legacy + gpu

  @Test(arguments: rows)
  func `a device that is wrong fails the case for it`(_ row: Row) throws {
    try Self.expectCaught(row)
  }

  /// Runs a row's cases on a device with its mutation: all have to fail.
  static func expectCaught(_ row: Row) throws {
    let cases = ConformanceSuite.cases(groups: [], names: row.caught)
    #expect(cases.count == row.caught.count, "all named cases exist")
    // A thread of the device's own could look at a ring before its doorbell: before a request is changed, or where
    // the doorbell is what never comes.
    let device = try row.device.target(isInline: true)
    var run = ConformanceRun(MutantTarget(device, row.mutation), cases)
    run.patience.answerInMilliseconds = 300
    let report = run.run()
    #expect(report.loss == nil)
    for result in report.results {
      #expect(result.verdict.name == "failed", "\(result.conformanceCase.name): \(result.verdict.text)")
    }
  }

  @Test func `every case of these groups is seen to fail on some device`() {
    let groups: [ConformanceGroup] = [.pci, .status, .common, .reset, .interrupts, .legacy, .entropy]
    let caught = Set(Self.rows.flatMap(\.caught))
    let unseen = ConformanceSuite.cases(groups: groups, names: []).map(\.name).filter { !caught.contains($0) }
    #expect(
      Set(unseen) == [
        // No device of ours offers what these are about, or changes its configuration by itself.
        "common.admin-queues", "legacy.notify-on-empty", "pci.shared-memory-ids",
        "pci.shared-memory-inside-region",
        "common.generation-after-change", "reset.suspend-keeps-configuration",
        "reset.suspended-change-is-kept",
      ])
  }

  private static let gpu: [Row] = headers + resources + outputs

  private static let identity: [Row] = [
    Row("another vendor", ["pci.vendor-id"], .configuration(0x00) { _ in 0x1af5 }),
    Row(
      "an id of no device", ["pci.device-id", "pci.device-id-of-a-modern-device"],
      .configuration(0x02) { _ in 0x1100 }),
    Row("revision 0", ["pci.revision-of-a-modern-device"], .configuration(0x08) { _ in 0 }),
    Row(
      "the subsystem of a legacy device", ["pci.subsystem-of-a-modern-device"],
      .configuration(0x2e) { _ in 16 }),
    Row("pin 5", ["pci.header"], .configuration(0x3d) { _ in 5 }),
    Row("ids that can be written", ["pci.header"], .configuration(0x08) { _ in .random(in: 1...0xffff) }),
    Row("a network controller", ["pci.class-of-a-gpu"], .configuration(0x0b) { _ in 2 }),
  ]

  private static let structures: [Row] = [
    Row("no ISR status", ["pci.structures-present"], .capability(3, 3) { _ in 0x77 }),
    Row("no access window", ["pci.structures-present"], .capability(5, 3) { _ in 0x77 }),
    Row("no device configuration", ["pci.device-structure-present"], .capability(4, 3) { _ in 0x77 }),
    Row("short capabilities", ["pci.capability-lengths"], .capability(2, 2) { _ in 16 }),
    Row(
      "structures past their region", ["pci.structures-inside-regions"], .capability(1, 12) { _ in 0x10_0000 }
    ),
    Row("a short common configuration", ["pci.structure-lengths"], .capability(1, 12) { _ in 0x38 }),
    Row("an odd device configuration", ["pci.structure-alignment"], .capability(4, 8) { $0 | 2 }),
    Row(
      "capabilities that change", ["pci.capabilities-are-read-only"],
      .capability(1, 12) { _ in .random(in: 64...4096) }),
    Row("an odd doorbell", ["pci.notify-offset"], of: .plainDoorbells, .capability(2, 8) { $0 | 1 }),
    Row("a doorbell at half a word", ["pci.notify-offset-with-data"], .capability(2, 8) { $0 | 2 }),
    Row(
      "doorbells 3 bytes apart", ["pci.notify-multiplier"], of: .plainDoorbells, .capability(2, 16) { _ in 3 }
    ),
    Row("doorbells 2 bytes apart", ["pci.notify-multiplier-with-data"], .capability(2, 16) { _ in 2 }),
    Row("no room for doorbells", ["pci.notify-length"], of: .plainDoorbells, .capability(2, 12) { _ in 5 }),
    Row("no room for wide doorbells", ["pci.notify-length-with-data"], .capability(2, 12) { _ in 6 }),
    Row("a window that shows 0", ["pci.window-reads"], .capability(5, 16) { _ in 0 }),
    Row(
      "a window that takes nothing", ["pci.window-writes"],
      {
        var mutation = Mutation.capability(5, 16) { $0 }
        mutation.swallowsCapabilityWrites = true
        return mutation
      }()),
    Row("vendor data of virtio's", ["pci.vendor-data"], .capability(9, 4) { _ in 0x1af4 }),
    Row("vendor data of 10 bytes", ["pci.vendor-data"], .capability(9, 2) { _ in 10 }),
    Row(
      "vendor data that counts reads", ["pci.vendor-data-reads"],
      .capability(9, 8) { _ in .random(in: 0...255) }),
    Row("one vector", ["interrupts.table-size"], .configuration(0x42) { $0 & ~0x7ff }),
    Row(
      "a table past its region", ["interrupts.table-inside-region"], .configuration(0x44) { $0 | 0x10_0000 }),
    Row("pending bits in the table", ["interrupts.table-inside-region"], .configuration(0x48) { $0 & 7 }),
  ]

  private static let registers: [Row] = [
    Row("selectors that stay 0", ["common.selectors"], .reading(.queueSelect) { _ in 0 }),
    Row(
      "feature words that wrap around", ["common.device-feature-words"],
      .writing(.deviceFeatureSelect) { $0 & 1 }),
    Row(
      "accepted features that are lost", ["common.driver-feature-words"], .reading(.driverFeature) { _ in 0 }),
    Row("no VERSION_1", ["status.version-1-is-offered"], .reading(.deviceFeature) { $0 & ~1 }),
    Row(
      "every bit offered", ["status.no-unknown-features", "status.sr-iov"],
      .reading(.deviceFeature) { _ in 0xffff_ffff }),
    Row(
      "CONTEXT_INIT without VIRGL", ["status.offered-feature-dependencies"],
      .reading(.deviceFeature) { $0 | 0x10 }),
    Row(
      "FEATURES_OK for anything", ["status.unoffered-feature"],
      .reading(.deviceStatus) { $0 & 3 == 3 ? $0 | 8 : $0 }),
    Row(
      "FEATURES_OK never", ["status.valid-subsets", "status.renegotiation", "status.steps-read-back"],
      .reading(.deviceStatus) { $0 & ~8 }),
    Row(
      "a status that survives a reset",
      ["status.zero-after-function-reset", "reset.from-any-status", "reset.after-a-doorbell-of-no-queue"],
      .reading(.deviceStatus) { $0 | 1 }),
    Row(
      "resets that are not taken", ["reset.status-becomes-zero"],
      .writing(.deviceStatus) { $0 == 0 ? nil : $0 }),
    Row(
      "high halves that are dropped", ["common.halves-of-64-bit-fields"],
      Mutation(writeBAR: { bar, offset, value in bar == 4 && offset == 0x24 ? nil : value })),
    Row(
      "num_queues that can be written", ["common.read-only-fields"],
      .reading(.queueCount) { _ in UInt64.random(in: 1...0xffff) }),
    Row(
      "a broken ring without DEVICE_NEEDS_RESET", ["status.needs-reset"],
      .reading(.deviceStatus) { $0 & ~0x40 }),
    Row(
      "a configuration that comes and goes", ["status.configuration-before-features-ok"],
      Mutation(readBAR: { bar, offset, value in
        bar == 4 && offset == 0x2008 ? .random(in: 1...1 << 31) : value
      })),
  ]

  private static let queues: [Row] = [
    Row(
      "a size for every queue", ["common.queue-select-past-end"], .reading(.queueSize) { $0 == 0 ? 64 : $0 }),
    Row("a size of 48", ["common.queue-size-is-a-power-of-two"], .reading(.queueSize) { _ in 48 }),
    Row("a size that cannot be reduced", ["common.queue-size-reduced"], .writing(.queueSize) { _ in nil }),
    Row("queues that stay enabled", ["reset.queue-fields"], .reading(.queueEnable) { _ in 1 }),
    Row("one set of queue fields", ["common.queue-fields"], .writing(.queueSelect) { _ in 0 }),
    Row("one queue", ["common.queue-count"], .reading(.queueCount) { _ in 1 }),
    Row(
      "doorbells that nobody hears",
      [
        "common.doorbells", "common.spurious-doorbells", "common.notification-data",
        "common.notification-config-data", "gpu.both-queues",
      ],
      Mutation(writeBAR: { bar, offset, value in bar == 4 && offset >= 0x4000 ? nil : value })),
    Row(
      "a queue reset that does not end",
      [
        "reset.queue-reset-field", "reset.queue-is-quiet", "reset.queue-state",
        "reset.queue-with-another-size",
      ],
      .reading(.queueReset) { _ in 1 }),
    Row("a queue reset that is not one", ["reset.queue-state"], .writing(.queueReset) { _ in nil }),
    Row(
      "no suspension",
      ["reset.suspend-and-resume", "reset.suspended-queues-are-quiet", "reset.suspend-finishes-buffers"],
      .writing(.deviceStatus) { $0 & ~16 }),
    Row(
      "SUSPEND at any time", ["reset.suspend-before-driver-ok"],
      .reading(.deviceStatus) { $0 == 11 ? 27 : $0 }),
    Row(
      "the wrong fence", ["gpu.scanout-count"],
      Mutation(readBAR: { bar, offset, value in bar == 4 && offset == 0x2008 ? value << 24 : value })),
  ]

  private static let interrupts: [Row] = [
    Row(
      "interrupts that get lost",
      [
        "interrupts.each-queue-its-vector", "interrupts.shared-vector", "interrupts.queue-bit",
        "interrupts.pin-falls-on-read", "interrupts.pin-disabled", "interrupts.masked-vector",
        "interrupts.masked-function", "status.needs-reset-notifies",
      ],
      Mutation(interrupt: { _, _ in false })),
    Row(
      "interrupts out of nothing",
      [
        "interrupts.queue-without-vector", "interrupts.configuration-without-vector",
        "reset.quiet-afterwards",
        "status.no-buffers-before-driver-ok",
      ],
      Mutation(interrupt: { _, _ in true })),
    Row(
      "ISR status that stays", ["interrupts.read-clears"],
      Mutation(readBAR: { bar, offset, value in bar == 4 && offset == 0x1000 ? 1 : value })),
    Row(
      "ISR status that is never set", ["interrupts.queue-bit", "interrupts.configuration-bit"],
      Mutation(readBAR: { bar, offset, value in bar == 4 && offset == 0x1000 ? 0 : value })),
    Row("no interrupt status in PCI", ["interrupts.pci-status-bit"], .configuration(0x06) { $0 & ~8 }),
    Row(
      "vectors that cannot be unmapped", ["interrupts.unmapping", "interrupts.unmapped-after-reset"],
      .reading(.configVector) { $0 == 0xffff ? 0 : $0 }),
    Row(
      "vectors without a check", ["interrupts.vector-that-does-not-exist"],
      .reading(.queueVector) { $0 == 0xffff ? 3 : $0 }),
    Row(
      "vectors that cannot be mapped", ["interrupts.any-event-to-any-vector"],
      .reading(.queueVector) { _ in 0xffff }),
  ]

  private static let legacy: [Row] = [
    Row("revision 1", ["legacy.revision"], of: .transitionalEntropy, .configuration(0x08) { _ in 1 }),
    Row(
      "a subsystem of another kind", ["legacy.subsystem"], of: .transitionalEntropy,
      .configuration(0x2e) { _ in 5 }),
    Row(
      "a legacy status that stays 0", ["legacy.structure"], of: .transitionalEntropy,
      Mutation(readBAR: { bar, offset, value in bar == 0 && offset == 18 ? 0 : value })),
    Row(
      "a legacy doorbell that nobody hears",
      [
        "legacy.round-trip", "legacy.driver-without-version-1", "legacy.any-layout",
        "legacy.requests-before-driver-ok",
      ], of: .transitionalEntropy,
      Mutation(writeBAR: { bar, offset, value in bar == 0 && offset == 16 ? nil : value })),
    Row(
      "no ANY_LAYOUT", ["legacy.any-layout"], of: .transitionalEntropy,
      Mutation(readBAR: { bar, offset, value in bar == 0 && offset == 0 ? value & ~(1 << 27) : value })),
    Row(
      "legacy events that stay", ["legacy.configuration-before-features"], of: .transitionalGPU,
      Mutation(readBAR: { bar, offset, value in bar == 0 && offset == 20 ? 1 : value })),
    Row(
      "a legacy configuration of whole words", ["legacy.configuration-of-any-width"], of: .transitionalGPU,
      Mutation(readBAR: { bar, offset, value in bar == 0 && offset == 29 ? 7 : value })),
    Row(
      "a legacy configuration that does not move", ["legacy.configuration-moves-with-msix"],
      of: .transitionalGPU,
      Mutation(readBAR: { bar, offset, value in bar == 0 && offset == 32 ? 0 : value })),
    Row(
      "no random numbers", ["entropy.at-least-one-byte", "entropy.bytes-differ"], of: .entropy,
      Mutation(writeBAR: { bar, offset, value in bar == 4 && offset >= 0x4000 ? nil : value })),
  ]
}
