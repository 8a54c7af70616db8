import GuestRAM
import HostThreads
import Synchronization
import Testing

@testable import VirtioCore

/// What a driver does while the device's thread is in the middle of something else it asked for.
@Suite(.timeLimit(.minutes(15))) struct OverlapTests {
  /// A device that does something in the middle of its work.
  private final class InterruptedDevice: VirtioDevice {
    let deviceID: UInt16 = 99
    let offeredFeatures: FeatureSet = []
    let queueSizes: [UInt16] = [64]
    let configurationSize = 0
    let processed = Atomic(0)
    let resets = Atomic(0)
    /// Done before the next buffer is completed.
    let atNextBuffer = OneShot()
    /// Done in the next reset.
    let atNextReset = OneShot()

    func readConfiguration(at offset: Int, into bytes: inout MutableRawSpan) {}
    func writeConfiguration(at offset: Int, _ bytes: RawSpan) {}
    func process(_ chain: consuming DescriptorChain, from queue: Virtqueue, in access: borrowing GuestAccess)
    {
      atNextBuffer.fire()
      processed.add(1, ordering: .relaxed)
      queue.complete(chain, written: 0, in: access)
    }
    func reset() {
      atNextReset.fire()
      resets.add(1, ordering: .relaxed)
    }
  }

  private let device = InterruptedDevice()

  /// Takes a device without a running thread to DRIVER_OK; no queue is set up.
  private func start(_ state: DeviceState) {
    state.writeStatus([.acknowledge, .driver])
    state.acceptWord(1, FeatureSet.ringReset.union(.version1).word(1))
    state.writeStatus([.featuresOK])
    state.writeStatus([.driverOK])
  }

  /// A device at work that was reset and set up again before its thread did anything: `follow` is what that does then.
  private func makeStartedTwice() -> DeviceState {
    let state = DeviceState(
      device: device, memory: GuestMemory(), scheduling: .ownThread, transportFeatures: .ringReset)
    state.setBusMaster(true)
    start(state)
    state.writeStatus([])
    start(state)
    state.enableQueue(0)
    return state
  }

  /// Looks at the registers as the device's thread does, until both resets are done.
  private func follow(_ state: DeviceState) {
    for _ in 0..<2 { state.worker.withLock { state.follow(&$0) } }
    _ = state.status  // which is what it was, once
  }

  @Test("a doorbell rung while another processor's is being answered returns at once, and is answered too")
  func doorbells() throws {
    let guest = try SmallGuest(device)
    let state = guest.state
    try guest.bringUp([.version1])
    let isInside = Event(), mayLeave = Event()
    device.atNextBuffer.set {
      isInside.signal()
      mayLeave.wait()
    }
    guest.offer { _ in }
    let other = try HostThread(name: "processor") { state.notify(0) }
    isInside.wait()
    guest.offer()
    #expect(device.processed.load(ordering: .relaxed) == 0)
    mayLeave.signal()
    other.join()
    #expect(device.processed.load(ordering: .relaxed) == 2)
  }

  @Test("a queue's reset that a reset of the device overtakes leaves alone what was programmed since")
  func queueReset() {
    let state = makeStartedTwice()
    state.resetQueue(0)
    #expect(state.queueSetup(0).isResetting)
    device.atNextReset.set {
      state.writeStatus([])
      state.setQueueSize(0, 8)
    }
    follow(state)
    #expect(state.queueSetup(0).size == 8)
    #expect(device.resets.load(ordering: .relaxed) == 2)
  }

  @Test("a fault of a ring that a reset overtakes is not the next driver's")
  func fault() {
    let state = makeStartedTwice()
    let interrupts = RecordedInterrupts()
    state.connect(interrupts)
    device.atNextReset.set { state.writeStatus([]) }
    // The ring lies where no memory is.
    follow(state)
    #expect(state.status == [] && state.ringFaults.count == 0)
    #expect(interrupts.changes.load(ordering: .relaxed) == 0)
  }

  @Test("a suspension that a reset overtakes does not suspend the device")
  func suspension() throws {
    let guest = try SmallGuest(device)
    let state = guest.state
    let interrupts = RecordedInterrupts()
    state.connect(interrupts)
    try guest.bringUp([.version1, .suspend])
    // The driver hears of the buffer used before the suspension, and resets the device.
    device.atNextBuffer.set { state.writeStatus([.suspend]) }
    interrupts.atNextUsed.set { state.writeStatus([]) }
    guest.offer()
    #expect(interrupts.used.load(ordering: .relaxed) == 1)
    #expect(!state.status.contains(.suspend))
    #expect(state.status == [])
  }

  /// How a device comes to tell its driver of something other than used buffers.
  enum Occasion: CaseIterable {
    case change, resumption, ringFault, resetAtWork, resetOfIdle, legacyReset
  }

  @Test(
    "no reset or suspension can be written between a change and its interrupt", arguments: Occasion.allCases)
  func interruptsUnderTheLock(_ occasion: Occasion) throws {
    let guest = try SmallGuest(device)
    let state = guest.state
    let interrupts = RecordedInterrupts()
    state.connect(interrupts)
    /// Whether a register access would have to wait, each time that somebody was told.
    let waits = Lock<[Bool]>([])
    let look: @Sendable () -> Void = {
      let isFree = state.registers.withLockIfAvailable { _ in true } ?? false
      waits.withLock { $0.append(!isFree) }
    }
    try guest.bringUp([.version1, .suspend])
    interrupts.atNextChange.set(look)
    switch occasion {
    case .change: state.changeConfiguration {}
    case .resumption:
      state.writeStatus([.suspend])
      state.changeConfiguration {}
      #expect(waits.withLock { $0.isEmpty })
      state.writeStatus([.driverOK])
    case .ringFault:
      state.writeStatus([])
      while state.status != [] {}
      start(state)
      state.enableQueue(0)  // where no memory is
    case .resetAtWork:
      interrupts.atNextCompletion.set(look)
      state.writeStatus([])
      while state.status != [] {}
    case .resetOfIdle:
      state.writeStatus([])
      while state.status != [] {}
      interrupts.atNextCompletion.set(look)
      state.writeStatus([])
    case .legacyReset:
      interrupts.atNextCompletion.set(look)
      state.writeStatus([], by: .legacy)
    }
    #expect(waits.withLock { $0 } == [true])
  }
}
