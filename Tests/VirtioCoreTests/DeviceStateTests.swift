import GuestRAM
import HostThreads
import Synchronization
import Testing

@testable import VirtioCore

/// A device that completes every buffer with nothing written and counts.
final class CountingDevice: VirtioDevice {
  let deviceID: UInt16 = 99
  let offeredFeatures = FeatureSet(bit: 1)
  let queueSizes: [UInt16] = [64, 8]
  let configurationSize = 6
  let processed = Atomic(0)
  let resets = Atomic(0)
  let writes = Atomic(0)

  func readConfiguration(at offset: Int, into bytes: inout MutableRawSpan) {
    for index in 0..<bytes.byteCount {
      bytes.storeBytes(of: UInt8(0x10 + offset + index), toByteOffset: index, as: UInt8.self)
    }
  }
  func writeConfiguration(at offset: Int, _ bytes: RawSpan) { writes.add(1, ordering: .relaxed) }
  func process(_ chain: consuming DescriptorChain, from queue: Virtqueue, in access: borrowing GuestAccess) {
    processed.add(1, ordering: .relaxed)
    queue.complete(chain, written: 0, in: access)
  }
  func reset() { resets.add(1, ordering: .relaxed) }
}

@Suite struct DeviceStateTests {
  let device = CountingDevice()
  let state: DeviceState

  init() { state = DeviceState(device: device, memory: GuestMemory(), scheduling: .inline) }

  private func agree(_ low: UInt32 = 2, _ high: UInt32 = 1) {
    state.writeStatus([.acknowledge])
    state.writeStatus([.acknowledge, .driver])
    state.acceptWord(0, low)
    state.acceptWord(1, high)
    state.writeStatus([.acknowledge, .driver, .featuresOK])
  }

  @Test("features are agreed on when the driver takes VERSION_1 and nothing that was not offered")
  func agreement() {
    agree()
    #expect(state.status == [.acknowledge, .driver, .featuresOK])
    state.acceptWord(0, 0)
    #expect(state.acceptedWord(0) == 2)  // frozen
  }

  @Test(
    "FEATURES_OK does not stick otherwise",
    arguments: [(0, 0), (2, 0), (4, 1), (0, 0x21), (0xffff_ffff, 0xffff_ffff)] as [(UInt32, UInt32)])
  func disagreement(low: UInt32, high: UInt32) {
    agree(low, high)
    #expect(state.status == [.acknowledge, .driver])
    // And so DRIVER_OK does not either.
    state.writeStatus([.acknowledge, .driver, .driverOK])
    #expect(state.status == [.acknowledge, .driver])
  }

  @Test("a driver cannot take status bits away, nor set the device's own")
  func statusBits() {
    agree()
    state.writeStatus([.acknowledge])
    #expect(state.status == [.acknowledge, .driver, .featuresOK])
    state.writeStatus([.needsReset, DeviceStatus(rawValue: 0x30)])
    #expect(state.status == [.acknowledge, .driver, .featuresOK])
    state.writeStatus([.failed])
    #expect(state.status.contains(.failed))
    state.writeStatus([])
    #expect(state.status == [] && device.resets.load(ordering: .relaxed) == 1)
  }

  @Test("words of features beyond the second read as 0 and swallow writes")
  func featureWords() {
    #expect(
      state.offered.word(0) == 0x3000_0002 && state.offered.word(1) == 0x81f && state.offered.word(2) == 0)
    state.acceptWord(.max, .max)
    #expect(state.accepted == [])
  }

  @Test(
    "a queue size is 1 to the maximum and a power of two",
    arguments: [0, 3, 63, 65, 128, 0x8000, 0xffff] as [UInt16])
  func badSizes(size: UInt16) {
    state.setQueueSize(0, size)
    #expect(state.queueSetup(0).size == 64)
  }

  @Test("a queue that is enabled is frozen, and one that does not exist reads as size 0")
  func frozen() {
    agree()
    state.setQueueSize(0, 4)
    state.setDescriptorArea(0, 0x1000)
    state.setDriverArea(0, 0x2000)
    state.setDeviceArea(0, 0x3000)
    state.enableQueue(0)
    let setup = state.queueSetup(0)
    #expect(setup.isEnabled && setup.size == 4)
    state.setQueueSize(0, 64)
    state.setDescriptorArea(0, 0)
    state.setDriverArea(0, 0)
    state.setDeviceArea(0, 0)
    #expect(state.queueSetup(0) == setup)
    #expect(state.queueSetup(2).maximumSize == 0 && state.queueSetup(0xffff).size == 0)
    state.setQueueSize(0xffff, 4)
    state.enableQueue(2)
    state.notify(0xffff)
  }

  @Test(
    "areas that are not aligned or wrap are not enabled",
    arguments: [
      (8, 0, 0), (0, 1, 0), (0, 0, 2), (UInt64.max & ~0xf, 0, 0), (0, .max & ~1, 0), (0, 0, .max & ~3),
    ]
      as [(UInt64, UInt64, UInt64)])
  func areas(descriptors: UInt64, driver: UInt64, device: UInt64) {
    agree()
    state.setDescriptorArea(0, descriptors)
    state.setDriverArea(0, driver)
    state.setDeviceArea(0, device)
    state.enableQueue(0)
    #expect(!state.queueSetup(0).isEnabled)
  }

  @Test("a queue is not enabled before features are agreed on")
  func early() {
    state.enableQueue(0)
    #expect(!state.queueSetup(0).isEnabled)
  }

  @Test("a ring outside guest memory asks for a reset when it is first used, and a reset helps")
  func outside() {
    agree()
    state.setBusMaster(true)
    state.enableQueue(0)
    #expect(state.status == [.acknowledge, .driver, .featuresOK])
    state.writeStatus([.driverOK])
    #expect(state.status.contains(.needsReset))
    #expect(state.ringFaults.last == .area(.unmapped(GuestAddress(0))))
    state.writeStatus([])
    #expect(state.status.contains(.needsReset))  // once more
    #expect(state.status == [])
    agree()
    #expect(state.status == [.acknowledge, .driver, .featuresOK])
  }

  @Test("a second reset does not do on the caller's thread what the first one left to the device's")
  func resetTwice() throws {
    let state = DeviceState(device: device, memory: GuestMemory(), scheduling: .ownThread)
    state.writeStatus([.acknowledge, .driver])
    state.acceptWord(1, 1)
    state.writeStatus([.featuresOK])
    state.writeStatus([.driverOK])
    state.writeStatus([])
    state.writeStatus([])
    #expect(device.resets.load(ordering: .relaxed) == 0)
    #expect(state.status.contains(.driverOK))
    let thread = try DeviceThread(state)
    while state.status != [] {}
    #expect(device.resets.load(ordering: .relaxed) > 0)
    withExtendedLifetime(thread) {}
  }

  @Test("the configuration generation moves only when the driver had read what changed")
  func generation() {
    func read() {
      var out: [UInt8] = [0, 0, 0, 0]
      var span = out.mutableSpan
      var bytes = unsafe span.mutableBytes
      state.readConfiguration(at: 4, into: &bytes)
      #expect(out == [0x14, 0x15, 0, 0])
    }
    #expect(state.configurationGeneration == 0)
    state.changeConfiguration {}
    state.changeConfiguration {}
    #expect(state.configurationGeneration == 0)
    read()
    state.changeConfiguration {}
    state.changeConfiguration {}
    #expect(state.configurationGeneration == 1)
    read()
    #expect(state.configurationGeneration == 1)
    for _ in 0..<255 {
      state.changeConfiguration {}
      read()
    }
    #expect(state.configurationGeneration == 0)
  }

  @Test("a driver hears of a change of the configuration at once while it uses the device, and not before")
  func configurationChange() {
    let interrupts = RecordedInterrupts()
    state.connect(interrupts)
    agree()
    state.changeConfiguration {}
    #expect(interrupts.changes.load(ordering: .relaxed) == 0)
    state.writeStatus([.driverOK])
    state.changeConfiguration {}
    #expect(interrupts.changes.load(ordering: .relaxed) == 1)
  }

  @Test(
    "an index has crossed an event as the specification's formula says",
    arguments: [
      (5, 4, 5, false), (4, 4, 5, true), (5, 4, 8, true), (8, 4, 8, false), (7, 4, 8, true),
      (0xffff, 0xfffe, 2, true),
      (2, 0xfffe, 2, false), (0, 0xfffe, 2, true), (3, 4, 8, false),
    ] as [(UInt16, UInt16, UInt16, Bool)])
  func crossed(event: UInt16, old: UInt16, new: UInt16, expected: Bool) {
    #expect(NotificationPolicy.crossed(event, from: old, to: new) == expected)
  }
}
