import Conformance
import GuestDriver
import Testing

/// Each case about queues fails on a device that breaks its clauses.
@Suite struct RingMutationTests {
  typealias Row = MutationTests.Row
  private typealias Feature = VirtioLayout.Feature

  @Test(arguments: featureRows + signalRows + splitRows + packedRows)
  func `a device whose queues are wrong fails the case for it`(_ row: Row) throws {
    try MutationTests.expectCaught(row)
  }

  private static let featureRows: [Row] = [
    Row(
      "EVENT_IDX accepted and not followed",
      [
        "event-index.flags-ignored", "event-index.split-other-buffers", "event-index.packed-other-buffers",
        "event-index.packed-other-round",
      ], .features(without: Feature.eventIndex)),
    Row(
      "EVENT_IDX followed and not accepted", ["event-index.used-event-without-feature"],
      .features(with: Feature.eventIndex)),
    Row(
      "INDIRECT_DESC accepted and not followed",
      ConformanceSuite.cases(groups: [.indirect], names: []).map(\.name),
      .features(without: Feature.indirectDescriptors)),
    Row(
      "RING_PACKED accepted and not followed",
      ConformanceSuite.cases(groups: [.packed], names: []).map(\.name),
      .features(without: Feature.ringPacked)),
  ]

  private static let signalRows: [Row] = [
    Row(
      "interrupts that get lost",
      ["split", "packed"].flatMap {
        [
          "\($0).interrupt-for-each-buffer", "\($0).interrupts-suppressed",
          "event-index.\($0)-next-buffer", "event-index.\($0)-later-buffer",
          "event-index.\($0)-batch-past-the-buffer",
        ]
      } + ["event-index.over-the-index-wrap", "event-index.packed-enable-and-disable"],
      Mutation(interrupt: { _, _ in false })),
    Row(
      "doorbells that nobody hears",
      ConformanceSuite.cases(groups: [.split], names: []).map(\.name),
      Mutation(writeBAR: { bar, offset, value in bar == Mutation.bar && offset >= 0x4000 ? nil : value })),
  ]

  private static let splitRows: [Row] = [
    Row(
      "a descriptor table that is written", ["split.driver-parts-are-kept"],
      Mutation(queue: { ring in ring.change(ring.table + UInt64(16 * ring.size) - 1, width: 1) { $0 ^ 1 } })),
    Row(
      "an available ring that is written", ["split.driver-parts-are-kept"],
      Mutation(queue: { ring in ring.change(ring.driverPart + 4, width: 2) { $0 ^ 0x40 } })),
    Row(
      "an indirect table that is written", ["indirect.split-table-is-kept"],
      Mutation(queue: { ring in ring.change(ring.ram.load(ring.table, width: 8), width: 1) { $0 ^ 1 } })),
    Row(
      "flags of 2 in the used ring", ["split.used-flags", "event-index.used-flags"],
      Mutation(queue: { ring in ring.change(ring.devicePart, width: 2) { _ in 2 } })),
    Row(
      "len behind the room's end", ["split.used-length", "split.room-for-more"],
      Mutation(queue: { ring in ring.change(ring.lastElement + 4, width: 4) { _ in 1_000_000 } })),
    Row(
      "heads that were not offered",
      ["split.rounds", "split.chains-anywhere-in-the-table", "split.stream", "split.full-ring"],
      Mutation(queue: { ring in ring.change(ring.lastElement, width: 4) { $0 + 1 } })),
    Row(
      "a used index that counts double", ["split.used-index-starts-at-zero"],
      Mutation(queue: { ring in ring.change(ring.devicePart + 2, width: 2) { $0 + 1 } })),
    Row(
      "a byte of the answer that is left out", ["split.used-length"],
      // Entry 1 is the answer's room.
      Mutation(queue: { ring in
        let room = ring.ram.load(ring.table + 16, width: 8)
        ring.change(room + 40, width: 1) { _ in ring.ram.load(ring.devicePart + 2, width: 1) }
      })),
    Row(
      "a readable buffer that is written", ["split.readable-buffers-are-kept"],
      Mutation(queue: { ring in ring.change(ring.ram.load(ring.table, width: 8), width: 1) { $0 ^ 1 } })),
  ]

  private static let packedRows: [Row] = [
    Row(
      "no write flag", ["packed.write-flag"],
      Mutation(queue: { ring in ring.changeUsedFlags { $0 & ~2 } })),
    Row(
      "USED without AVAIL", ["packed.used-flags", "packed.rounds", "packed.used-in-a-row"],
      Mutation(queue: { ring in ring.changeUsedFlags { $0 ^ 0x80 } })),
    Row(
      "another buffer id",
      ["packed.buffer-id-of-the-last-descriptor", "packed.stream", "indirect.packed-reserved-fields"],
      Mutation(queue: { ring in
        for index in 0..<UInt64(ring.size) {
          ring.change(ring.table + 16 * index + 12, width: 2) { $0 ^ 0x100 }
        }
      })),
    Row(
      "len behind the room's end", ["packed.used-length", "packed.room-for-more"],
      Mutation(queue: { ring in ring.change(ring.table + 8, width: 4) { _ in 1_000_000 } })),
    Row(
      "used descriptors that change", ["packed.used-descriptors-stay"],
      Mutation(queue: { ring in ring.change(ring.table, width: 8) { $0 + 1 } })),
    Row(
      "a driver's event structure that is written", ["packed.event-structures"],
      Mutation(queue: { ring in ring.change(ring.driverPart, width: 2) { $0 + 1 } })),
    Row(
      "reserved bits in the device's event structure",
      ["packed.event-structures", "event-index.packed-device-structure"],
      Mutation(queue: { ring in ring.change(ring.devicePart + 2, width: 2) { $0 | 4 } })),
    Row(
      "an event outside the ring", ["event-index.packed-device-structure"],
      Mutation(queue: { ring in ring.change(ring.devicePart, width: 2) { _ in 7 } })),
  ]
}
