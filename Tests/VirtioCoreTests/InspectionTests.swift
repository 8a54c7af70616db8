import GuestDriver
import GuestRAM
import HostThreads
import Synchronization
import Testing

@testable import VirtioCore

/// What `DeviceState.inspect` sees, and that nobody else notices.
@Suite(.timeLimit(.minutes(15))) struct InspectionTests {
  /// Long enough for what must come.
  private static let patience = 60_000

  private func look(_ state: DeviceState) -> VirtioSnapshot {
    let (snapshot, detail) = state.inspect(withinMilliseconds: Self.patience) { 7 }
    #expect(detail == 7)
    return snapshot
  }

  @Test("a device that nobody drives is as after power-on")
  func powerOn() {
    let state = DeviceState(device: HeldDevice(), memory: GuestMemory(), scheduling: .inline)
    let snapshot = look(state)
    #expect(snapshot.deviceType == 99 && snapshot.status == 0 && snapshot.statusNames.isEmpty)
    #expect(snapshot.interface == nil && snapshot.accepted.isEmpty && snapshot.offered == state.offered)
    #expect(!snapshot.isBusMaster && !snapshot.isResetting && !snapshot.isBusy)
    #expect(snapshot.ringFaults.isEmpty && snapshot.lastRingFault == nil)
    #expect(snapshot.configurationVector == nil && snapshot.configurationGeneration == 0)
    #expect(snapshot.queues.map(\.index) == [0, 1])
    #expect(snapshot.queues.allSatisfy { $0.maximumSize == 64 && !$0.isEnabled && $0.ring == nil })
  }

  @Test("a ring's progress is told", arguments: [FeatureSet.version1, [.version1, .eventIndex]])
  func progress(features: FeatureSet) throws {
    let guest = try SmallGuest(HeldDevice())
    try guest.bringUp(features)
    for _ in 0..<3 { guest.offer() }
    guest.block.storeRelease16(SmallGuest.base + 0x1000 + 2, 5)  // two more without a doorbell
    guest.block.storeRelease16(SmallGuest.base + 0x1000 + 4 + 2 * 64, 9)  // used_event
    let snapshot = look(guest.state)
    #expect(snapshot.statusNames == ["ACKNOWLEDGE", "DRIVER", "DRIVER_OK", "FEATURES_OK"])
    #expect(snapshot.interface == .modern && snapshot.accepted == features)
    let queue = snapshot.queues[0], ring = try #require(queue.ring)
    #expect(queue.isEnabled && queue.size == 64 && queue.vector == nil)
    #expect(queue.descriptorArea == SmallGuest.base && queue.deviceArea == SmallGuest.base + 0x2000)
    #expect(ring.format == .split && ring.availableIndex == 3 && ring.usedIndex == 3 && ring.inFlight == 0)
    #expect(ring.driverIndex == 5 && ring.hasBuffers == true && ring.availableWrap == nil)
    #expect(ring.buffers == 3 && ring.notifications == 3)
    let hasEventIndex = features.contains(.eventIndex)
    #expect(ring.hasEventIndex == hasEventIndex)
    #expect(ring.interruptsWanted == (hasEventIndex ? .at(9) : .always))
    #expect(ring.notificationsWanted == (hasEventIndex ? .at(3) : .always))
    #expect(snapshot.queues[1].ring == nil)
    #expect(look(guest.state) == snapshot, "looking changes nothing")
    guest.block.storeRelease16(SmallGuest.base + 0x1000, 1)  // VIRTQ_AVAIL_F_NO_INTERRUPT
    #expect(
      look(guest.state).queues[0].ring?.interruptsWanted == (hasEventIndex ? .at(9) : .never))
  }

  @Test("an inspector works no ring, raises no interrupt, and a status that is to be seen is still seen")
  func noTraces() throws {
    let device = HeldDevice(), guest = try SmallGuest(device), interrupts = RecordedInterrupts()
    guest.state.connect(interrupts)
    try guest.bringUp(.version1)
    guest.offer()
    guest.offer { _ in }  // announced to nobody
    _ = look(guest.state)
    #expect(device.processed.load(ordering: .relaxed) == 1)
    #expect(interrupts.used.load(ordering: .relaxed) == 1 && interrupts.changes.load(ordering: .relaxed) == 0)
    guest.state.writeStatus([])
    for _ in 0..<3 { #expect(look(guest.state).status == 0) }
    // The driver reads once what was, as it would without: see `DeviceRegisters.showsReset`.
    #expect(guest.state.status == [.acknowledge, .driver, .featuresOK, .driverOK])
    #expect(guest.state.status == [])
  }

  @Test("a broken ring is told by its cause, and what it was before")
  func broken() throws {
    let guest = try SmallGuest(HeldDevice())
    try guest.bringUp(.version1)
    guest.block.storeRelease16(SmallGuest.base + 0x1002, 65)
    guest.state.notify(0)
    let snapshot = look(guest.state)
    #expect(snapshot.statusNames.contains("DEVICE_NEEDS_RESET"))
    #expect(snapshot.ringFaults == [.availableIndex: 1] && snapshot.lastRingFault == .availableIndex)
    #expect(snapshot.queues[0].ring?.driverIndex == 65 && snapshot.queues[0].ring?.availableIndex == 0)
    guest.state.writeStatus([])
    #expect(look(guest.state).ringFaults == [.availableIndex: 1])
  }

  @Test("a ring whose memory is gone is told without what was in it")
  func unmapped() throws {
    let guest = try SmallGuest(HeldDevice())
    try guest.bringUp(.version1)
    guest.offer()
    guest.state.memory.removeAll()
    let ring = try #require(look(guest.state).queues[0].ring)
    #expect(ring.availableIndex == 1 && ring.driverIndex == nil && ring.hasBuffers == nil)
    #expect(ring.interruptsWanted == nil && ring.notificationsWanted == nil)
  }

  @Test("so is a packed one")
  func unmappedPacked() throws {
    let bench = try QueueBench(size: 4, PackedQueueTests.features)
    #expect(bench.memory.withAccess { bench.queue.snapshot(in: $0) }.hasBuffers == false)
    try bench.setMapped(false)
    let ring = bench.memory.withAccess { bench.queue.snapshot(in: $0) }
    #expect(ring.format == .packed && ring.availableIndex == 0 && ring.availableWrap == true)
    #expect(ring.hasBuffers == nil && ring.interruptsWanted == nil && ring.notificationsWanted == nil)
  }

  @Test("a legacy driver is told as one, with what it was offered")
  func legacy() throws {
    let guest = try SmallGuest(HeldDevice())
    guest.state.writeStatus([.acknowledge, .driver], by: .legacy)
    let snapshot = look(guest.state)
    #expect(snapshot.interface == .legacy && snapshot.offered == guest.state.legacyOffered)
    #expect(snapshot.offered != guest.state.offered)
  }

  @Test("every bit of the status has a name, or its value")
  func names() {
    #expect(
      DeviceStatus(rawValue: 0xff).names == [
        "ACKNOWLEDGE", "DRIVER", "DRIVER_OK", "FEATURES_OK", "SUSPEND", "32", "DEVICE_NEEDS_RESET", "FAILED",
      ])
  }

  @Test("each broken ring is counted as what it is")
  func kinds() {
    let faults: [RingFault] = [
      .area(.removed), .availableIndex, .descriptorIndex, .unavailable, .descriptorInUse, .chainTooLong,
      .chainTooLarge, .order, .indirect, .buffer(.removed),
    ]
    #expect(faults.map(\.kind) == RingFaultKind.allCases)
  }

  @Test("a device that hangs in a buffer is told as busy when the time is over, by what its registers say")
  func busy() throws {
    let device = HeldDevice(), guest = try SmallGuest(device, scheduling: .ownThread), state = guest.state
    let thread = try DeviceThread(state)
    try guest.bringUp(.version1)
    device.holdNext()
    guest.offer()
    device.waitUntilHeld()
    let (snapshot, detail) = state.inspect(withinMilliseconds: 20) { 7 }
    #expect(snapshot.isBusy && detail == nil)
    #expect(snapshot.statusNames.contains("DRIVER_OK") && snapshot.queues[0].isEnabled)
    #expect(snapshot.queues[0].ring == nil)
    device.goOn()
    #expect(!look(state).isBusy)
    withExtendedLifetime(thread) {}
  }

  @Test("a reset that is under way is told with the status from before it")
  func resetting() throws {
    let device = HeldDevice(), guest = try SmallGuest(device, scheduling: .ownThread), state = guest.state
    let thread = try DeviceThread(state)
    try guest.bringUp(.version1)
    device.holdNext()
    state.writeStatus([])
    device.waitUntilHeld()
    let (snapshot, _) = state.inspect(withinMilliseconds: 20) {}
    #expect(snapshot.isResetting && snapshot.isBusy && snapshot.statusNames.contains("DRIVER_OK"))
    device.goOn()
    while state.status != [] {}
    #expect(!look(state).isResetting && look(state).status == 0)
    withExtendedLifetime(thread) {}
  }

  @Test("who asks while a buffer is at work is answered before the next one")
  func between() throws {
    let device = HeldDevice(), guest = try SmallGuest(device, scheduling: .ownThread), state = guest.state
    let thread = try DeviceThread(state)
    try guest.bringUp(.version1)
    for _ in 0..<3 { guest.offer { _ in } }
    device.holdNext()
    state.notify(0)
    device.waitUntilHeld()
    let buffers = Reply<UInt64>()
    let inspector = try HostThread(name: "inspector") {
      let (snapshot, _) = state.inspect(withinMilliseconds: Self.patience) {}
      buffers.give(snapshot.queues[0].ring?.buffers ?? 0)
    }
    // The question is there once another one would be beside it; each buffer after the first waits for the answer.
    while !state.questions.isAnyWaiting {}
    device.atEachBuffer.withLock {
      $0 = { _ in #expect(buffers.value(withinMilliseconds: Self.patience) == 1) }
    }
    device.goOn()
    inspector.join()
    #expect(buffers.value() == 1)
    while guest.usedIndex(at: SmallGuest.base + 0x2000) != 3 {}
    withExtendedLifetime(thread) {}
  }

  @Test("inline, a doorbell that rings while somebody looks is not lost")
  func inlineDoorbell() throws {
    let device = HeldDevice(), guest = try SmallGuest(device), state = guest.state
    try guest.bringUp(.version1)
    guest.offer { _ in }
    _ = state.inspect(withinMilliseconds: Self.patience) { state.notify(0) }
    #expect(device.processed.load(ordering: .relaxed) == 1)
  }

  @Test("a thread that works without end is looked at a thousand times, and loses no buffer by it")
  func thousand() throws {
    let device = HeldDevice(), guest = try SmallGuest(device, scheduling: .ownThread), state = guest.state
    let thread = try DeviceThread(state)
    try guest.bringUp(.version1)
    let block = guest.block, isDone = Atomic(false)
    device.atEachBuffer.withLock {
      $0 = { count in
        guard !isDone.load(ordering: .relaxed) else { return }
        block.storeRelease16(SmallGuest.base + 0x1002, UInt16(truncatingIfNeeded: count + 1))
      }
    }
    guest.offer()
    while device.processed.load(ordering: .relaxed) == 0 {}
    var last: UInt64 = 0
    for _ in 0..<1000 {
      let ring = try #require(look(state).queues[0].ring)
      #expect(ring.buffers >= last && ring.inFlight == 0)
      #expect(
        ring.usedIndex == ring.availableIndex && ring.usedIndex == UInt16(truncatingIfNeeded: ring.buffers))
      last = ring.buffers
    }
    isDone.store(true, ordering: .relaxed)
    #expect(last > 0)
    withExtendedLifetime(thread) {}
  }
}
