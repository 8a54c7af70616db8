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
/// Register calls come on any thread, take the short lock and do not wait for the rings, except that a legacy driver's
/// reset and its taking back of a queue wait for the buffer in hand. What the rings need of the registers is copied by
/// the device's thread when `epoch` has moved.
package final class DeviceState: Sendable {
  package let device: any VirtioDevice
  package let memory: GuestMemory
  /// Everything that a modern driver may accept.
  package let offered: FeatureSet
  /// Everything that a legacy driver may accept: 32 bits are all that it can see (virtio 1.4 §4.1.4.10).
  package let legacyOffered: FeatureSet
  let scheduling: Scheduling
  let registers: Lock<DeviceRegisters>
  let worker: Lock<RingWorker>
  let doorbell = Doorbell()
  /// Moves, under the registers' lock, with every change that the rings have to follow.
  let epoch = Atomic<UInt64>(1)
  let resets = Virtqueue.HostResets()
  /// Threads that want to follow the registers themselves: the rings wait for them, not they for the rings.
  let followers = Atomic(0)
  /// A follower is done; only the device's own thread waits for that.
  let followed = Event()
  let isStopping = Atomic(false)
  /// The time as it is.
  package static let clock: @Sendable () -> ContinuousClock.Instant = { .now }
  /// What time it is, for queues that rest.
  let now: @Sendable () -> ContinuousClock.Instant
  /// What whoever inspects the device wants to know of its thread.
  let questions = QuestionDesk()

  /// A device as after power-on.
  ///
  /// - Parameters:
  ///   - device: what the device is.
  ///   - memory: what the guest calls its memory.
  ///   - scheduling: who works the rings.
  ///   - transportFeatures: what the transport adds to the features of the device and the rings.
  ///   - withheld: what is not offered, though it could be.
  ///   - now: the clock that the device names instants by.
  package init(
    device: any VirtioDevice, memory: GuestMemory, scheduling: Scheduling, transportFeatures: FeatureSet = [],
    withheld: FeatureSet = [], now: @escaping @Sendable () -> ContinuousClock.Instant = DeviceState.clock
  ) {
    precondition(!device.queueSizes.isEmpty && device.queueSizes.count <= 63)
    self.device = device
    self.memory = memory
    self.scheduling = scheduling
    self.now = now
    offered = device.offeredFeatures.union(.rings).union(transportFeatures).subtracting(
      withheld.subtracting(.version1))
    let legacyRings: FeatureSet = [.indirectDescriptors, .eventIndex]
    legacyOffered = device.offeredFeatures.union(legacyRings).subtracting(withheld).union(.anyLayout)
      .intersection(.legacy)
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
    registers.withLock { registers in
      guard registers.status.isEmpty else { return registers.status }
      if registers.isResetting || registers.showsReset {
        registers.showsReset = false
        return registers.statusBeforeReset
      }
      if registers.isResetUnseen {
        registers.isResetUnseen = false
        registers.interrupts?.resetCompleted()
      }
      return []
    }
  }

  /// A driver's write to the device status field: 0 resets; other bits are added, never taken away.
  ///
  /// A write through the interface that the driver has not chosen is ignored unless it is a reset.
  package func writeStatus(_ value: DeviceStatus, by interface: DriverInterface = .modern) {
    if value.isEmpty { return resetByDriver(interface) }
    change { registers in
      guard registers.claim(interface) else { return }
      guard interface == .modern else {
        registers.status.formUnion(value.intersection(.legacyBits))
        return
      }
      if registers.status.contains(.suspend) { return resume(&registers, value) }
      addStatus(value, to: &registers)
    }
  }

  /// FEATURES_OK sticks only if the driver accepted `version1` and nothing that was not offered (§2.2.2, §6.1),
  /// DRIVER_OK only after it (§3.1.1), and SUSPEND only counts after that (§3.4.2).
  private func addStatus(_ value: DeviceStatus, to registers: inout DeviceRegisters) {
    var asked = registers.status.union(value.intersection(.driversBits))
    if !registers.status.contains(.featuresOK), asked.contains(.featuresOK) {
      let accepted = registers.accepted
      if !asked.contains(.driver) || !accepted.isSubset(of: offered) || !accepted.contains(.version1) {
        asked.remove(.featuresOK)
      }
    }
    if !asked.contains(.featuresOK) { asked.remove(.driverOK) }
    if value.contains(.suspend), registers.status.contains(.driverOK), registers.accepted.contains(.suspend) {
      registers.isSuspending = true
    }
    registers.status = asked
    if asked.contains(.featuresOK), !registers.accepted.contains(.ringPacked) {
      // A size that only packed rings may have was chosen before the driver chose split ones (§4.1.4.3.1).
      for index in registers.queues.indices where registers.queues[index].size.nonzeroBitCount != 1 {
        registers.queues[index].size = registers.queues[index].maximumSize
      }
    }
  }

  /// A write to the status of a suspended device: DRIVER_OK lets it go on, and the driver hears of a change that
  /// happened meanwhile (virtio 1.4 §3.4).
  private func resume(_ registers: inout DeviceRegisters, _ value: DeviceStatus) {
    registers.status.formUnion(value.intersection(.failed))
    guard value.contains(.driverOK) else { return }
    registers.status.remove(.suspend)
    registers.status.insert(.driverOK)
    guard registers.hasHeldChange else { return }
    registers.hasHeldChange = false
    registers.interruptForConfiguration()
  }

  // MARK: Features

  /// A word of the features that the driver has written.
  package func acceptedWord(_ select: UInt32) -> UInt32 { registers.withLock { $0.accepted.word(select) } }

  /// Everything that the driver has written.
  package var accepted: FeatureSet { registers.withLock { $0.accepted } }

  /// A driver's write to a word of the features; ignored once they are agreed on (virtio 1.4 §3.1.1).
  package func acceptWord(_ select: UInt32, _ value: UInt32) {
    registers.withLock { registers in
      guard registers.claim(.modern), !registers.status.contains(.featuresOK) else { return }
      registers.accepted.setWord(select, to: value)
    }
  }

  /// A legacy driver's write to its 32 feature bits. It cannot be told of a refusal, so what was not offered is not
  /// accepted; ignored once the device is used, when features are final (virtio 1.4 §3.1.2).
  package func acceptLegacy(_ value: UInt32) {
    registers.withLock { registers in
      guard registers.claim(.legacy), !registers.status.contains(.driverOK), !registers.isInUse else {
        return
      }
      registers.accepted = legacyOffered.intersection(FeatureSet(rawValue: UInt64(value)))
    }
  }

  // MARK: The bus

  /// A buffer notification (virtio 1.4 §4.1.5.2). A queue that does not exist is ignored.
  package func notify(_ index: UInt16) {
    guard Int(index) < queueCount else { return }
    ring(1 << UInt64(index))
  }

  /// The device may have use for buffers of a queue that it had none for; from any thread.
  package func lookAgain(at index: Int) {
    precondition(index < queueCount)
    ring(1 << UInt64(index))
  }

  /// A legacy driver's buffer notification; it may come before DRIVER_OK and is heard (virtio 1.4 §3.1.2).
  package func notifyLegacy(_ index: UInt16) {
    guard Int(index) < queueCount else { return }
    registers.withLock { registers in
      guard registers.interface == .legacy, !registers.isInUse, !registers.status.contains(.driverOK) else {
        return
      }
      registers.isInUse = true
      epoch.add(1, ordering: .releasing)
    }
    ring(1 << UInt64(index))
  }

  /// The bus lets the device read and write memory, or no longer does.
  package func setBusMaster(_ isBusMaster: Bool) {
    change { $0.isBusMaster = isBusMaster }
  }
}
