import GuestRAM
import Synchronization
import Testing

@testable import VirtioCore

/// What a legacy driver may do that a modern one may not (virtio 1.4 §2.2.3, §3.1.2, §4.1.5.1.3.1).
@Suite struct LegacyDriverTests {
  let device = CountingDevice()
  let guest: SmallGuest
  var state: DeviceState { guest.state }

  init() throws { guest = try SmallGuest(device) }

  /// Where the available ring of 64 entries lies, and the used ring behind it.
  private let available = SmallGuest.base + 64 * 16
  private let used = SmallGuest.base + 0x1000

  private func place() { state.setLegacyRing(0, at: SmallGuest.base, alignment: 4096) }

  @Test("a legacy driver needs no FEATURES_OK, and what was not offered is not accepted")
  func features() {
    state.writeStatus([.acknowledge], by: .legacy)
    state.writeStatus([.acknowledge, .driver, .featuresOK], by: .legacy)
    state.acceptLegacy(0xffff_ffff)
    #expect(state.accepted == FeatureSet(bit: 1).union([.anyLayout, .indirectDescriptors, .eventIndex]))
    state.writeStatus([.acknowledge, .driver, .driverOK], by: .legacy)
    #expect(state.status == [.acknowledge, .driver, .driverOK])
    state.acceptLegacy(0)
    #expect(state.acceptedWord(0) != 0 && state.acceptedWord(1) == 0)
  }

  @Test("a legacy ring lies in one piece and is enabled by its address; 0 takes it back")
  func ring() throws {
    state.writeStatus([.acknowledge, .driver], by: .legacy)
    place()
    let setup = state.queueSetup(0)
    #expect(setup.isEnabled && setup.driverArea == available && setup.deviceArea == used)
    state.setLegacyRing(0, at: SmallGuest.base + 0x4000, alignment: 4096)
    #expect(state.queueSetup(0) == setup)  // it is enabled, so it stays
    state.writeStatus([.driverOK], by: .legacy)
    guest.offer(available: available) { $0.notifyLegacy(0) }
    #expect(guest.usedIndex(at: used) == 1)
    state.setQueueVector(0, 1, by: .legacy)
    state.setLegacyRing(0, at: 0, alignment: 4096)
    #expect(!state.queueSetup(0).isEnabled && state.queueSetup(0).vector == 1)
    guest.offer(available: available) { $0.notifyLegacy(0) }
    #expect(guest.usedIndex(at: used) == 1)
    state.setLegacyRing(9, at: SmallGuest.base, alignment: 4096)
  }

  @Test("a legacy driver's doorbell is heard before DRIVER_OK, and then its features are final")
  func early() throws {
    state.writeStatus([.acknowledge], by: .legacy)
    place()
    guest.offer(available: available) { $0.notifyLegacy(0) }
    #expect(guest.usedIndex(at: used) == 1)
    state.acceptLegacy(2)
    #expect(state.accepted == [])
    state.notifyLegacy(7)
    state.writeStatus([], by: .legacy)
    #expect(state.status == [])
    #expect(device.resets.load(ordering: .relaxed) == 1)
  }

  @Test("a ring found broken before DRIVER_OK asks for a reset without an interrupt")
  func brokenEarly() throws {
    let interrupts = RecordedInterrupts()
    state.connect(interrupts)
    state.writeStatus([.acknowledge], by: .legacy)
    state.setLegacyRing(0, at: 1 << 40, alignment: 4096)  // no memory is there
    state.notifyLegacy(0)
    #expect(state.status == [.acknowledge, .needsReset])
    #expect(interrupts.changes.load(ordering: .relaxed) == 0)
    state.writeStatus([], by: .legacy)
    state.writeStatus([.acknowledge, .driver, .driverOK], by: .legacy)
    state.setLegacyRing(0, at: 1 << 40, alignment: 4096)
    #expect(state.status.contains(.needsReset))
    #expect(interrupts.changes.load(ordering: .relaxed) == 1)
  }

  @Test("a modern driver's doorbell is not heard before DRIVER_OK")
  func modernEarly() throws {
    state.writeStatus([.acknowledge, .driver])
    state.acceptWord(1, 1)
    state.writeStatus([.featuresOK])
    guest.place(size: 64)
    state.enableQueue(0)
    guest.offer()
    guest.offer { $0.notifyLegacy(0) }
    #expect(device.processed.load(ordering: .relaxed) == 0)
  }

  @Test("a legacy driver's reset has let go of the rings when the write returns, and status reads 0 at once")
  func reset() throws {
    // A device with a thread of its own, so that somebody else has to let go.
    let state = DeviceState(device: device, memory: GuestMemory(), scheduling: .ownThread)
    let thread = try DeviceThread(state)
    state.writeStatus([.acknowledge, .driver, .driverOK], by: .legacy)
    state.writeStatus([], by: .legacy)
    #expect(state.status == [])
    #expect(device.resets.load(ordering: .relaxed) > 0)
    withExtendedLifetime(thread) {}
  }

  @Test("the first write decides whose the device is; the other interface may only reset it")
  func choice() {
    state.writeStatus([.acknowledge], by: .legacy)
    state.writeStatus([.driver])
    state.acceptWord(0, 2)
    state.setQueueSize(0, 4)
    state.enableQueue(0)
    state.enableQueue(0, at: SmallGuest.base, alignment: 64)
    state.setQueueVector(0, 1)
    state.setConfigurationVector(1)
    #expect(state.status == [.acknowledge] && state.accepted == [])
    #expect(state.queueSetup(0) == QueueSetup(maximumSize: 64))
    #expect(state.configurationVector == QueueSetup.noVector)
    state.writeStatus([])
    while state.status != [] {}
    state.writeStatus([.acknowledge, .driver])
    state.writeStatus([.driverOK], by: .legacy)
    state.acceptLegacy(2)
    place()
    state.setConfigurationVector(1, by: .legacy)
    #expect(state.status == [.acknowledge, .driver] && state.accepted == [])
    #expect(state.queueSetup(0) == QueueSetup(maximumSize: 64))
    state.writeStatus([], by: .legacy)
    #expect(state.status == [])
  }
}

/// Rings laid out by the classic formula with an alignment of the driver's choice.
@Suite struct ContiguousLayoutTests {
  @Test(
    "the used ring lies at the next multiple of the alignment",
    arguments: [4, 8, 64, 4096, 65536, 1 << 31] as [UInt64], [1, 2, 64, 32768] as [UInt16])
  func places(alignment: UInt64, size: UInt16) {
    var setup = QueueSetup(maximumSize: size)
    let address = max(alignment, 16) * 3
    let isLaidOut = setup.layOut(at: address, alignment: alignment)
    #expect(isLaidOut)
    #expect(setup.descriptorArea == address && setup.driverArea == address + 16 * UInt64(size))
    let end = setup.driverArea + 6 + 2 * UInt64(size)
    #expect(setup.deviceArea >= end && setup.deviceArea < end + alignment)
    #expect(setup.deviceArea % alignment == 0)
  }

  @Test(
    "what is not aligned or wraps is refused, and nothing changes",
    arguments: [
      (0x1000, 0), (0x1000, 1), (0x1000, 2), (0x1000, 3), (0x1000, 6), (0x1000, 0xffff), (0x1008, 4),
      (0x1000, 65536), (UInt64.max & ~0xf, 4), (UInt64.max & ~0xfff, 4096), (UInt64.max - 1631, 4),
    ] as [(UInt64, UInt64)])
  func refused(address: UInt64, alignment: UInt64) {
    var setup = QueueSetup(maximumSize: 64)
    let isLaidOut = setup.layOut(at: address, alignment: alignment)
    #expect(!isLaidOut)
    #expect(setup == QueueSetup(maximumSize: 64))
  }
}
