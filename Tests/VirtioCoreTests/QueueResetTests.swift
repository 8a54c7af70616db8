import GuestRAM
import Synchronization
import Testing

@testable import VirtioCore

/// RING_RESET and SUSPEND, from the registers' side (virtio 1.4 §2.6.1, §3.4).
@Suite struct QueueResetTests {
  let device = CountingDevice()
  let guest: SmallGuest
  var state: DeviceState { guest.state }

  init() throws { guest = try SmallGuest(device) }

  @Test("a queue that is reset reads as after a reset of the device, and may be set up anew")
  func reset() throws {
    try guest.bringUp([.version1, .ringReset])
    guest.offer()
    #expect(device.processed.load(ordering: .relaxed) == 1)
    state.resetQueue(0)
    let setup = state.queueSetup(0)
    #expect(!setup.isEnabled && !setup.isResetting && setup.size == 64 && setup.descriptorArea == 0)
    #expect(setup.vector == QueueSetup.noVector)
    // Nothing of it is executed any more.
    guest.offer()
    #expect(device.processed.load(ordering: .relaxed) == 1)
    guest.place(size: 4)
    state.enableQueue(0)
    guest.offer()
    #expect(device.processed.load(ordering: .relaxed) == 2)
    #expect(device.resets.load(ordering: .relaxed) == 0)
  }

  @Test("a queue is not reset without the feature or before features are agreed on")
  func refused() throws {
    try guest.bringUp([.version1])
    state.resetQueue(0)
    #expect(state.queueSetup(0).isEnabled)
    state.writeStatus([])
    while state.status != [] {}
    state.acceptWord(1, FeatureSet.ringReset.union(.version1).word(1))
    state.resetQueue(0)
    state.resetQueue(2)
    state.resetQueue(0xffff)
    #expect(!state.queueSetup(0).isResetting)
  }

  @Test("a queue that was only programmed is reset too")
  func programmed() throws {
    try guest.bringUp([.version1, .ringReset])
    state.setQueueSize(1, 2)
    state.setDriverArea(1, 0x1000)
    state.resetQueue(1)
    #expect(state.queueSetup(1) == QueueSetup(maximumSize: 8))
  }

  @Test("a size that only packed rings may have does not outlast the choice of split ones")
  func size() {
    state.writeStatus([.acknowledge, .driver])
    state.acceptWord(1, FeatureSet.ringPacked.union(.version1).word(1))
    state.setQueueSize(0, 3)
    state.setQueueSize(1, 4)
    state.acceptWord(1, 1)
    state.writeStatus([.featuresOK])
    #expect(state.queueSetup(0).size == 64 && state.queueSetup(1).size == 4)
  }

  @Test("until the device's thread has let go of a queue it reads as being reset and takes nothing")
  func waits() throws {
    // No thread works this device's rings yet.
    let state = DeviceState(
      device: device, memory: GuestMemory(), scheduling: .ownThread, transportFeatures: .ringReset)
    state.writeStatus([.acknowledge, .driver])
    state.acceptWord(1, FeatureSet.ringReset.union(.version1).word(1))
    state.writeStatus([.featuresOK])
    state.enableQueue(0)
    state.resetQueue(0)
    #expect(state.queueSetup(0).isResetting && state.queueSetup(0).isEnabled)
    state.setQueueSize(0, 2)
    state.enableQueue(0)
    state.enableQueue(0, at: 0, alignment: 4)
    #expect(state.queueSetup(0).size == 64)
    let thread = try DeviceThread(state)
    while state.queueSetup(0).isResetting {}
    #expect(!state.queueSetup(0).isEnabled)
    withExtendedLifetime(thread) {}
  }

  @Test("a suspended device does nothing until DRIVER_OK, and then what came meanwhile")
  func suspend() throws {
    try guest.bringUp([.version1, .suspend])
    state.writeStatus([.suspend])
    #expect(state.status == [.acknowledge, .driver, .featuresOK, .suspend])
    guest.offer()
    #expect(device.processed.load(ordering: .relaxed) == 0)
    state.writeStatus([.suspend])
    state.writeStatus([.acknowledge])
    #expect(state.status == [.acknowledge, .driver, .featuresOK, .suspend])
    state.writeStatus([.driverOK])
    #expect(state.status == [.acknowledge, .driver, .featuresOK, .driverOK])
    #expect(device.processed.load(ordering: .relaxed) == 1)
  }

  @Test("SUSPEND is ignored without the feature and before DRIVER_OK")
  func noSuspend() throws {
    try guest.bringUp([.version1])
    state.writeStatus([.suspend])
    #expect(state.status == [.acknowledge, .driver, .featuresOK, .driverOK])
    state.writeStatus([])
    while state.status != [] {}
    state.writeStatus([.acknowledge, .suspend])
    #expect(state.status == [.acknowledge])
  }

  @Test(
    "a suspended device keeps its configuration from the driver's writes and tells of changes when it resumes"
  )
  func heldChange() throws {
    let interrupts = RecordedInterrupts()
    state.connect(interrupts)
    try guest.bringUp([.version1, .suspend])
    state.writeStatus([.suspend])
    state.changeConfiguration {}
    let bytes: [UInt8] = [1]
    unsafe state.writeConfiguration(at: 0, bytes.span.bytes)
    #expect(device.writes.load(ordering: .relaxed) == 0)
    #expect(interrupts.changes.load(ordering: .relaxed) == 0)
    state.writeStatus([.driverOK])
    #expect(interrupts.changes.load(ordering: .relaxed) == 1)
    unsafe state.writeConfiguration(at: 0, bytes.span.bytes)
    #expect(device.writes.load(ordering: .relaxed) == 1)
  }

  @Test("a suspended device is reset at once")
  func resetSuspended() throws {
    try guest.bringUp([.version1, .suspend])
    state.writeStatus([.suspend])
    state.writeStatus([])
    #expect(state.status == [])
    #expect(!state.queueSetup(0).isEnabled)
  }
}
