import Conformance
import DeviceMachine
import GuestDriver
import ScanoutDevice
import Testing

/// Each case fails on a device that breaks its clauses: a suite that cannot fail proves nothing.
@Suite struct MutationTests {
  /// One wrong thing, and the cases that have to notice.
  struct Row: Sendable, CustomTestStringConvertible {
    let wrong: String
    let caught: [String]
    let mutation: Mutation

    init(_ wrong: String, _ caught: [String], _ mutation: Mutation) {
      self.wrong = wrong
      self.caught = caught
      self.mutation = mutation
    }

    var testDescription: String { wrong }
  }

  @Test(arguments: identity + registers + queues + interrupts + gpu)
  func `a device that is wrong fails the case for it`(_ row: Row) throws {
    let cases = ConformanceSuite.cases(groups: [], names: row.caught)
    #expect(cases.count == row.caught.count, "all named cases exist")
    // A thread of the device's own could take a request before it is changed.
    let device = try OwnDevice.inProcess(scheduling: row.mutation.request == nil ? .ownThread : .inline)
    let target = MutantTarget(device, row.mutation)
    var run = ConformanceRun(target, cases)
    run.patience.answerInMilliseconds = 300
    for result in run.run().results {
      #expect(result.verdict.name == "failed", "\(result.conformanceCase.name): \(result.verdict.text)")
    }
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
    Row("a network controller", ["pci.class-of-a-gpu"], .configuration(0x0b) { _ in 2 }),
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
      "a status that survives a reset", ["status.zero-after-function-reset", "reset.from-any-status"],
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
}
