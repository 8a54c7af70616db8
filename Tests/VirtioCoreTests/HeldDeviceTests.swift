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
    // Another vCPU that always has one buffer more; a minute of them is as good as for ever.
    let forEver = ContinuousClock.now + .seconds(60)
    let available = SmallGuest.base + 64 * 16, block = guest.block
    device.atEachBuffer.withLock {
      $0 = { count in
        guard ContinuousClock.now < forEver else { return }
        block.storeRelease16(available + 2, UInt16(truncatingIfNeeded: count + 1))
      }
    }
    guest.offer(available: available) { $0.notifyLegacy(0) }
    while device.processed.load(ordering: .relaxed) == 0 {}
    state.setLegacyRing(1, at: 0, alignment: 4096)
    #expect(ContinuousClock.now < forEver)
    device.atEachBuffer.withLock { $0 = nil }
    withExtendedLifetime(thread) {}
  }

  @Test("what the driver is to have later it has when the time has come, and the next buffer after it")
  func rest() throws {
    let device = HeldDevice(), guest = try SmallGuest(device, scheduling: .ownThread)
    let thread = try DeviceThread(guest.state)
    try guest.bringUp(.version1)
    device.rest.withLock { $0 = .milliseconds(1) }
    for _ in 0..<3 { guest.offer() }
    while guest.usedIndex(at: SmallGuest.base + 0x2000) != 3 {}
    #expect(device.processed.load(ordering: .relaxed) == 3)
    withExtendedLifetime(thread) {}
  }
}
