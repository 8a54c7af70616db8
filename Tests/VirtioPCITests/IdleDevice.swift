import GuestRAM
import VirtioCore

/// A device that does nothing with its buffers but give them back.
final class IdleDevice: VirtioDevice {
  let deviceID: UInt16
  let offeredFeatures: FeatureSet = []
  let queueSizes: [UInt16]
  let configurationSize = 0
  let sharedMemory: [SharedMemoryRegion]

  init(deviceID: UInt16 = 16, queueCount: Int = 1, sharedMemory: [SharedMemoryRegion] = []) {
    self.deviceID = deviceID
    queueSizes = Array(repeating: 16, count: queueCount)
    self.sharedMemory = sharedMemory
  }

  func readConfiguration(at offset: Int, into bytes: inout MutableRawSpan) {}
  func writeConfiguration(at offset: Int, _ bytes: RawSpan) {}
  func process(_ chain: consuming DescriptorChain, from queue: Virtqueue, in access: borrowing GuestAccess) {
    queue.complete(chain, written: 0, in: access)
  }
  func reset() {}
}
