import GuestDriver
import GuestRAM

@testable import VirtioCore

/// A device state with memory and one split ring that a test writes into; the rings are worked inline unless said
/// otherwise.
final class SmallGuest {
  static let base: UInt64 = 0x10_0000
  let state: DeviceState
  let block: RAMBlock
  /// Where the ring of queue 0 lies.
  var descriptors: UInt64 { state.queueSetup(0).descriptorArea }
  private var availableIndex: UInt16 = 0

  init(_ device: any VirtioDevice, scheduling: Scheduling = .inline) throws {
    let memory = GuestMemory()
    state = DeviceState(device: device, memory: memory, scheduling: scheduling, transportFeatures: .ringReset)
    block = try RAMBlock(base: Self.base, size: 1 << 20)
    let region = try MappedRegion(
      fileDescriptor: block.descriptor, offset: 0, count: UInt64(block.size), writable: true)
    try memory.add(region, at: GuestAddress(Self.base))
    state.setBusMaster(true)
  }

  /// A modern driver's way to DRIVER_OK with queue 0 enabled.
  func bringUp(_ features: FeatureSet) throws {
    state.writeStatus([.acknowledge, .driver])
    state.acceptWord(0, features.word(0))
    state.acceptWord(1, features.word(1))
    state.writeStatus([.featuresOK])
    place(size: 64)
    state.enableQueue(0)
    state.writeStatus([.driverOK])
    precondition(state.status.contains(.driverOK))
  }

  /// Programs an empty split ring for queue 0; it is not enabled yet.
  func place(size: UInt16) {
    block.fill(Self.base, count: 0x4000, with: 0)
    availableIndex = 0
    state.setQueueSize(0, size)
    state.setDescriptorArea(0, Self.base)
    state.setDriverArea(0, Self.base + 0x1000)
    state.setDeviceArea(0, Self.base + 0x2000)
  }

  /// Makes one buffer of 16 readable bytes available, and rings the doorbell as `ring` says.
  func offer(available: UInt64? = nil, ring: ((DeviceState) -> Void)? = nil) {
    block.write(RingDescriptor(address: Self.base + 0x8000, length: 16).encoded, at: Self.base)
    availableIndex += 1
    block.storeRelease16((available ?? Self.base + 0x1000) + 2, availableIndex)
    if let ring { ring(state) } else { state.notify(0) }
  }

  /// The used ring's index.
  func usedIndex(at used: UInt64) -> UInt16 { block.loadAcquire16(used + 2) }
}
