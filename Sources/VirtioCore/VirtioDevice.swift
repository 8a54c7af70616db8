import GuestRAM

/// What a kind of virtio device supplies; rings, status and buses are the package's.
package protocol VirtioDevice: AnyObject, Sendable {
  /// The device type (virtio 1.4 §5), such as 16 for a GPU.
  var deviceID: UInt16 { get }
  /// The device type's own feature bits; the rings' and the transport's are added to them.
  var offeredFeatures: FeatureSet { get }
  /// The largest size of each queue, a power of two up to 32768.
  var queueSizes: [UInt16] { get }
  /// Bytes of the device configuration structure.
  var configurationSize: Int { get }
  /// Memory of the device's own that the driver can map (virtio 1.4 §2.10); most devices have none.
  var sharedMemory: [SharedMemoryRegion] { get }
  /// Copies out part of the device configuration; `offset` and length are inside it.
  ///
  /// On the thread of the register access, under the device's short lock: copy and return.
  func readConfiguration(at offset: Int, into bytes: inout MutableRawSpan)
  /// A driver's write to the device configuration; inside it, 1, 2, 4 or 8 bytes. As `readConfiguration`.
  func writeConfiguration(at offset: Int, _ bytes: RawSpan)
  /// Whether the device has use for a buffer of a queue; until it has, buffers stay in the ring. Most devices always
  /// have: a buffer is a request. Where it is room for something that comes from outside, `DeviceState.lookAgain`
  /// says that this may have changed.
  ///
  /// On the device's thread, before each buffer: a look at a value and no more.
  func use(ofBuffersIn queue: Int) -> BufferUse
  /// Handles one buffer; it must be completed through `queue`, exactly once, before or after this returns.
  ///
  /// Completed before this returns, it may be kept from the driver until an instant (`Virtqueue.complete`): that queue
  /// rests until then, the others do not. A reset by the driver or SUSPEND ends the rest early. Inline nothing
  /// rests: there is no thread to wait.
  ///
  /// On the device's thread (or the doorbell's, see `Scheduling`), never on two threads at once.
  func process(_ chain: consuming DescriptorChain, from queue: Virtqueue, in access: borrowing GuestAccess)
  /// Drops everything that the driver made: as after power-on. Never while `process` runs.
  func reset()
}

extension VirtioDevice {
  package var sharedMemory: [SharedMemoryRegion] { [] }
  package func use(ofBuffersIn queue: Int) -> BufferUse { .always }
}

/// What a device would do with the next buffer of a queue.
package enum BufferUse: Sendable {
  /// Handle it: it is a request, and the driver's reset lets those go first that were announced.
  case always
  /// Fill it with what it has for the driver.
  case now
  /// Nothing yet.
  case later
}

/// A shared memory region (virtio 1.4 §2.10): an address range that the device fills with memory.
package struct SharedMemoryRegion: Sendable, Equatable {
  /// What the device type calls it (`shmid`); each once in a device.
  package let id: UInt8
  /// Bytes, a power of two of at least 4096, so that it can have any alignment a driver may want.
  package let size: UInt64

  package init(id: UInt8, size: UInt64) {
    precondition(size >= 4096 && size.nonzeroBitCount == 1)
    self.id = id
    self.size = size
  }
}

/// Where a device's interrupts go: the transport's side.
///
/// `queueUsed` is called by the device's thread, the others under the device's short lock: what is behind this must not
/// call the device, and whatever lock it takes is inside that one.
package protocol VirtioInterrupts: AnyObject, Sendable {
  /// Buffers of a queue were used and the driver wants to know; `vector` is the queue's.
  func queueUsed(vector: UInt16)
  /// The device configuration or the status changed; `vector` is the configuration's.
  func configurationChanged(vector: UInt16)
  /// The driver has reset the device and knows that it is done: what it has not acknowledged is void.
  func resetCompleted()
}
