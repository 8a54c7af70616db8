/// What stands behind the device's short lock.
struct DeviceRegisters {
  var status: DeviceStatus = []
  /// The way that the driver has chosen by its first write; nil after a reset.
  var interface: DriverInterface?
  /// A legacy driver has rung a doorbell, and so uses the device, whatever the status says (virtio 1.4 §3.1.2).
  var isInUse = false
  /// The driver has asked for SUSPEND and the device's thread has not followed yet.
  var isSuspending = false
  /// The configuration changed while the device was suspended: the driver hears of it later (§3.4.2).
  var hasHeldChange = false
  /// What `status` reads as while a reset waits for the device's thread.
  var statusBeforeReset: DeviceStatus = []
  /// The driver is to read a non-zero status once more, though the reset is done.
  ///
  /// Linux's GPU driver waits for the reset of a device that is about to go, but not for the buffers that it sent last:
  /// their interrupts must find the driver still there. It sleeps a millisecond when the status is not 0 yet, time
  /// enough for an interrupt that was raised to arrive.
  var showsReset = false
  /// A reset was asked for of a device at work, and the driver has not read a status of 0 since.
  ///
  /// Until then the interrupts of the last buffers are still its own to handle.
  var isResetUnseen = false
  /// How many of the resets asked for have been carried out; see `resetsRequested`.
  var resetsDone: UInt64 = 0
  /// How many resets were asked for, by the driver or the host.
  var resetsRequested: UInt64 = 0
  var accepted: FeatureSet = []
  var queues: [QueueSetup]
  var configurationVector: UInt16 = QueueSetup.noVector
  var configurationGeneration: UInt8 = 0
  var configurationWasRead = false
  var isBusMaster = false
  var interrupts: (any VirtioInterrupts)?
  /// Ring faults since the program started, by kind, and the last of them.
  var faultCounts = Array<UInt64>(repeating: 0, count: RingFaultKind.allCases.count)
  var lastFault: RingFault?
  /// What a queue that does not exist reads as.
  let noQueue = QueueSetup(maximumSize: 0)
  private let queueSizes: [UInt16]

  init(queueSizes: [UInt16]) {
    self.queueSizes = queueSizes
    queues = queueSizes.map { QueueSetup(maximumSize: $0) }
  }

  /// Whether a reset was asked for that the device's thread has not carried out.
  var isResetting: Bool { resetsDone != resetsRequested }

  /// Whether the device may work its rings.
  var isLive: Bool {
    (status.contains(.driverOK) || isInUse) && status.isDisjoint(with: [.failed, .needsReset, .suspend])
      && isBusMaster
  }

  /// Whether a reset has something to finish: the device was at work, or is still finishing for the reset before.
  var isAtWork: Bool { status.contains(.driverOK) || isInUse || isResetting }

  /// Whether a driver's write through `interface` is one of the driver's that has the device; the first write decides
  /// who that is, until a reset.
  mutating func claim(_ interface: DriverInterface) -> Bool {
    if self.interface == nil { self.interface = interface }
    return self.interface == interface
  }

  /// Tells the driver that the configuration or the status changed.
  func interruptForConfiguration() { interrupts?.configurationChanged(vector: configurationVector) }

  /// Everything that a driver wrote is gone; where interrupts go and who may use the bus is not a driver's.
  mutating func clear() {
    if !status.isEmpty { statusBeforeReset = status }
    status = []
    interface = nil
    isInUse = false
    isSuspending = false
    hasHeldChange = false
    accepted = []
    queues = queueSizes.map { QueueSetup(maximumSize: $0) }
    configurationVector = QueueSetup.noVector
    configurationWasRead = false
  }
}
