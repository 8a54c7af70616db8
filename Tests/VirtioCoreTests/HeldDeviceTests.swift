import GuestRAM
import HostThreads
import Synchronization
import Testing

@testable import VirtioCore

/// What another thread does to a device that is in the middle of something.
@Suite struct HeldDeviceTests {
  @Test("a reset asked for while another thread carries one out is carried out too")
  func resetMeanwhile() throws {
    let device = HeldDevice()
    let state = DeviceState(device: device, memory: GuestMemory(), scheduling: .inline)
    device.holdNext()
    let host = try HostThread(name: "host") { state.reset() }
    device.waitUntilHeld()
    state.writeStatus([.acknowledge])
    state.writeStatus([])
    device.goOn()
    host.join()
    _ = state.status  // which shows once more what it was
    #expect(state.status == [])
    #expect(device.resets.load(ordering: .relaxed) == 2)
  }

  @Test("a legacy driver's reset waits for the buffer in hand, and for no other")
  func legacyReset() throws {
    let device = HeldDevice()
    let guest = try SmallGuest(device)
    let state = guest.state
    state.writeStatus([.acknowledge, .driver, .driverOK], by: .legacy)
    state.setLegacyRing(0, at: SmallGuest.base, alignment: 4096)
    for _ in 0..<2 { guest.offer(available: SmallGuest.base + 64 * 16) { _ in } }
    device.holdNext()
    let first = try HostThread(name: "first vCPU") { state.notifyLegacy(0) }
    device.waitUntilHeld()
    let second = try HostThread(name: "second vCPU") { state.writeStatus([], by: .legacy) }
    while state.queueSetup(0).isEnabled {}
    device.goOn()
    second.join()
    #expect(state.status == [])
    #expect(device.processed.load(ordering: .relaxed) == 1)
    #expect(device.resets.load(ordering: .relaxed) == 1)
    first.join()
  }

  @Test("a legacy driver takes a queue back though the device never gets done with another")
  func takeBack() throws {
    let device = HeldDevice()
    let guest = try SmallGuest(device, scheduling: .ownThread)
    let state = guest.state
    let thread = try DeviceThread(state)
    state.writeStatus([.acknowledge, .driver, .driverOK], by: .legacy)
    for queue: UInt16 in 0..<2 {
      state.setLegacyRing(queue, at: SmallGuest.base + 0x4000 * UInt64(queue), alignment: 4096)
    }
    // Another vCPU that always has one buffer more; this many are as good as for ever.
    let forEver = 1 << 17
    let available = SmallGuest.base + 64 * 16, block = guest.block
    device.atEachBuffer.withLock {
      $0 = { count in
        guard count < forEver else { return }
        block.storeRelease16(available + 2, UInt16(truncatingIfNeeded: count + 1))
      }
    }
    guest.offer(available: available) { $0.notifyLegacy(0) }
    while device.processed.load(ordering: .relaxed) == 0 {}
    state.setLegacyRing(1, at: 0, alignment: 4096)
    #expect(device.processed.load(ordering: .relaxed) < forEver)
    device.atEachBuffer.withLock { $0 = nil }
    withExtendedLifetime(thread) {}
  }
}

/// A device that stands still in the middle of a buffer or a reset when a test wants it to.
private final class HeldDevice: VirtioDevice {
  let deviceID: UInt16 = 99
  let offeredFeatures: FeatureSet = []
  let queueSizes: [UInt16] = [64, 64]
  let configurationSize = 0
  let processed = Atomic(0)
  let resets = Atomic(0)
  /// Called for each buffer with the number of those so far.
  let atEachBuffer = Lock<(@Sendable (Int) -> Void)?>(nil)
  private let isToHold = Atomic(false)
  private let held = Event(), released = Event()

  /// The next buffer or reset stands still until `goOn`.
  func holdNext() { isToHold.store(true, ordering: .releasing) }
  func waitUntilHeld() { held.wait() }
  func goOn() { released.signal() }

  private func stand() {
    guard isToHold.exchange(false, ordering: .acquiringAndReleasing) else { return }
    held.signal()
    released.wait()
  }

  func readConfiguration(at offset: Int, into bytes: inout MutableRawSpan) {}
  func writeConfiguration(at offset: Int, _ bytes: RawSpan) {}
  func process(_ chain: consuming DescriptorChain, from queue: Virtqueue, in access: borrowing GuestAccess) {
    let count = processed.add(1, ordering: .relaxed).newValue
    atEachBuffer.withLock { $0 }?(count)
    stand()
    queue.complete(chain, written: 0, in: access)
  }
  func reset() {
    stand()
    resets.add(1, ordering: .relaxed)
  }
}
