import GuestRAM
import HostThreads
import Synchronization

/// Who works the rings.
public enum Scheduling: Sendable {
  /// A thread of the device's own; a doorbell only wakes it.
  case ownThread
  /// The thread that rings the doorbell; it returns when the queue is drained.
  ///
  /// A register write that lets the device go on (DRIVER_OK, `queue_enable`, a reset) works the rings too, and other
  /// register accesses wait meanwhile.
  case inline
}

/// A virtio device without a bus: status, features and queue setup, which a transport's registers program, and the
/// rings, which the device's thread works.
///
/// Register calls come on any thread, take the short lock and never wait for the rings. What the rings need of the
/// registers is copied by the device's thread when `epoch` has moved.
package final class DeviceState: Sendable {
  package let device: any VirtioDevice
  package let memory: GuestMemory
  /// Everything that the driver may accept.
  package let offered: FeatureSet
  let scheduling: Scheduling
  let registers: Lock<DeviceRegisters>
  let worker: Lock<RingWorker>
  let doorbell = Doorbell()
  /// Moves, under the registers' lock, with every change that the rings have to follow.
  let epoch = Atomic<UInt64>(1)
  let resets = Virtqueue.HostResets()
  let isStopping = Atomic(false)

  /// A device as after power-on.
  package init(device: any VirtioDevice, memory: GuestMemory, scheduling: Scheduling) {
    precondition(!device.queueSizes.isEmpty && device.queueSizes.count <= 63)
    self.device = device
    self.memory = memory
    self.scheduling = scheduling
    offered = device.offeredFeatures.union([.version1, .indirectDescriptors, .eventIndex])
    registers = Lock(DeviceRegisters(queueSizes: device.queueSizes))
    worker = Lock(RingWorker(queueCount: device.queueSizes.count))
  }

  /// Says where interrupts go; nil: nowhere.
  package func connect(_ interrupts: (any VirtioInterrupts)?) {
    change { $0.interrupts = interrupts }
  }

  /// Changes registers under the short lock and tells the device's thread.
  func change<Result>(_ body: (inout DeviceRegisters) -> Result) -> Result {
    let result = registers.withLock { registers in
      let result = body(&registers)
      epoch.add(1, ordering: .releasing)
      return result
    }
    ring(Doorbell.control)
    return result
  }

  // MARK: Status

  /// The device status field as the driver reads it (virtio 1.4 §2.1, §4.1.4.3).
  ///
  /// After a reset was written it stays what it was until the device's thread has let go of the rings, and is seen
  /// so at least once: see `DeviceRegisters.showsReset`.
  package var status: DeviceStatus {
    let (status, interrupts) = registers.withLock { registers -> (DeviceStatus, (any VirtioInterrupts)?) in
      guard registers.status.isEmpty else { return (registers.status, nil) }
      if registers.isResetting || registers.showsReset {
        registers.showsReset = false
        return (registers.statusBeforeReset, nil)
      }
      guard registers.isResetUnseen else { return ([], nil) }
      registers.isResetUnseen = false
      return ([], registers.interrupts)
    }
    interrupts?.resetCompleted()
    return status
  }

  /// A driver's write to the device status field: 0 resets; other bits are added, never taken away.
  ///
  /// FEATURES_OK sticks only if the driver accepted `version1` and nothing that was not offered (§2.2.2, §6.1), and
  /// DRIVER_OK only after it (§3.1.1).
  package func writeStatus(_ value: DeviceStatus) {
    if value.isEmpty { return resetByDriver() }
    change { registers in
      var asked = registers.status.union(value.intersection(.driversBits))
      if !registers.status.contains(.featuresOK), asked.contains(.featuresOK) {
        let accepted = registers.accepted
        if !asked.contains(.driver) || !accepted.isSubset(of: offered) || !accepted.contains(.version1) {
          asked.remove(.featuresOK)
        }
      }
      if !asked.contains(.featuresOK) { asked.remove(.driverOK) }
      registers.status = asked
    }
  }

  // MARK: Features

  /// A word of the features that the driver has written.
  package func acceptedWord(_ select: UInt32) -> UInt32 { registers.withLock { $0.accepted.word(select) } }

  /// Everything that the driver has written.
  package var accepted: FeatureSet { registers.withLock { $0.accepted } }

  /// A driver's write to a word of the features; ignored once they are agreed on (virtio 1.4 §3.1.1).
  package func acceptWord(_ select: UInt32, _ value: UInt32) {
    registers.withLock { registers in
      guard !registers.status.contains(.featuresOK) else { return }
      registers.accepted.setWord(select, to: value)
    }
  }

  // MARK: Queues

  /// The number of queues.
  package var queueCount: Int { device.queueSizes.count }

  /// A queue as set up so far; one that does not exist reads as size 0 (virtio 1.4 §4.1.4.3.1).
  package func queueSetup(_ index: UInt16) -> QueueSetup {
    registers.withLock { $0.queues.indices.contains(Int(index)) ? $0.queues[Int(index)] : $0.noQueue }
  }

  /// The driver reduces a queue's size: from 1 to the maximum, a power of two since rings are split; else ignored.
  package func setQueueSize(_ index: UInt16, _ size: UInt16) {
    program(index) { queue in
      guard size > 0, size <= queue.maximumSize, size.nonzeroBitCount == 1 else { return }
      queue.size = size
    }
  }

  /// The driver chooses where the descriptor area lies.
  package func setDescriptorArea(_ index: UInt16, _ address: UInt64) {
    program(index) { $0.descriptorArea = address }
  }

  /// The driver chooses where the driver area lies.
  package func setDriverArea(_ index: UInt16, _ address: UInt64) {
    program(index) { $0.driverArea = address }
  }

  /// The driver chooses where the device area lies.
  package func setDeviceArea(_ index: UInt16, _ address: UInt64) {
    program(index) { $0.deviceArea = address }
  }

  /// Changes a queue that the driver has not enabled yet; what is enabled is frozen (virtio 1.4 §4.1.4.3.2).
  private func program(_ index: UInt16, _ body: (inout QueueSetup) -> Void) {
    registers.withLock { registers in
      guard registers.queues.indices.contains(Int(index)), !registers.queues[Int(index)].isEnabled else {
        return
      }
      body(&registers.queues[Int(index)])
    }
  }

  /// The driver enables a queue: taken once features are agreed on and if its ring is well-formed, else ignored, so
  /// that `queue_enable` keeps reading 0.
  package func enableQueue(_ index: UInt16) {
    change { registers in
      guard registers.queues.indices.contains(Int(index)), registers.status.contains(.featuresOK),
        !registers.queues[Int(index)].isEnabled, registers.queues[Int(index)].isWellFormed(registers.accepted)
      else { return }
      registers.queues[Int(index)].isEnabled = true
    }
  }

  /// The driver gives a queue a vector. `vector` must exist or be `QueueSetup.noVector`.
  package func setQueueVector(_ index: UInt16, _ vector: UInt16) {
    change { registers in
      guard registers.queues.indices.contains(Int(index)) else { return }
      registers.queues[Int(index)].vector = vector
    }
  }

  /// The vector of configuration changes, or `QueueSetup.noVector`.
  package var configurationVector: UInt16 { registers.withLock { $0.configurationVector } }

  /// The driver gives configuration changes a vector. `vector` must exist or be `QueueSetup.noVector`.
  package func setConfigurationVector(_ vector: UInt16) {
    registers.withLock { $0.configurationVector = vector }
  }

  /// A buffer notification (virtio 1.4 §4.1.5.2). A queue that does not exist is ignored.
  package func notify(_ index: UInt16) {
    guard Int(index) < queueCount else { return }
    ring(1 << UInt64(index))
  }

  /// The bus lets the device read and write memory, or no longer does.
  package func setBusMaster(_ isBusMaster: Bool) {
    change { $0.isBusMaster = isBusMaster }
  }

  // MARK: Device configuration

  /// Reads from the device configuration structure; beyond its end are zeros.
  package func readConfiguration(at offset: Int, into bytes: inout MutableRawSpan) {
    for index in 0..<bytes.byteCount { bytes.storeBytes(of: 0, toByteOffset: index, as: UInt8.self) }
    guard let inside = insideConfiguration(offset, bytes.byteCount) else { return }
    registers.withLock { registers in
      var part = bytes._mutatingExtracting(0..<inside)
      device.readConfiguration(at: offset, into: &part)
      registers.configurationWasRead = true
    }
  }

  /// Writes to the device configuration structure; what is not wholly inside is ignored.
  package func writeConfiguration(at offset: Int, _ bytes: RawSpan) {
    guard insideConfiguration(offset, bytes.byteCount) == bytes.byteCount else { return }
    registers.withLock { _ in device.writeConfiguration(at: offset, bytes) }
  }

  private func insideConfiguration(_ offset: Int, _ count: Int) -> Int? {
    guard offset >= 0, offset < device.configurationSize else { return nil }
    return min(count, device.configurationSize - offset)
  }

  /// Changes each time the configuration changed after the driver had read any of it (virtio 1.4 §4.1.4.3.1), so two
  /// equal readings around a read of the configuration mean that it was of one piece.
  package var configurationGeneration: UInt8 { registers.withLock { $0.configurationGeneration } }

  /// The device's configuration has changed: the driver is told.
  package func configurationChanged() {
    let (interrupts, vector) = registers.withLock { registers in
      if registers.configurationWasRead {
        registers.configurationGeneration &+= 1
        registers.configurationWasRead = false
      }
      return (
        registers.status.contains(.driverOK) ? registers.interrupts : nil, registers.configurationVector
      )
    }
    interrupts?.configurationChanged(vector: vector)
  }
}
