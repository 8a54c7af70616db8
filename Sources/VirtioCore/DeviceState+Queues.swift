/// Queue setup: what the register files of all transports program.
extension DeviceState {
  /// The number of queues.
  package var queueCount: Int { device.queueSizes.count }

  /// A queue as set up so far; one that does not exist reads as size 0 (virtio 1.4 §4.1.4.3.1).
  package func queueSetup(_ index: UInt16) -> QueueSetup {
    registers.withLock { $0.queues.indices.contains(Int(index)) ? $0.queues[Int(index)] : $0.noQueue }
  }

  /// The driver reduces a queue's size: from 1 to the maximum, and a power of two unless packed rings were accepted
  /// (virtio 1.4 §4.1.4.3.2); else ignored.
  package func setQueueSize(_ index: UInt16, _ size: UInt16) {
    program(index) { queue, accepted in
      guard size > 0, size <= queue.maximumSize else { return }
      guard size.nonzeroBitCount == 1 || accepted.contains(.ringPacked) else { return }
      queue.size = size
    }
  }

  /// The driver chooses where the descriptor area lies.
  package func setDescriptorArea(_ index: UInt16, _ address: UInt64) {
    program(index) { queue, _ in queue.descriptorArea = address }
  }

  /// The driver chooses where the driver area lies.
  package func setDriverArea(_ index: UInt16, _ address: UInt64) {
    program(index) { queue, _ in queue.driverArea = address }
  }

  /// The driver chooses where the device area lies.
  package func setDeviceArea(_ index: UInt16, _ address: UInt64) {
    program(index) { queue, _ in queue.deviceArea = address }
  }

  /// Changes a queue that the driver has not enabled yet; what is enabled is frozen (virtio 1.4 §4.1.4.3.2), and what
  /// is being reset is nobody's.
  private func program(_ index: UInt16, _ body: (inout QueueSetup, FeatureSet) -> Void) {
    registers.withLock { registers in
      guard registers.queues.indices.contains(Int(index)), registers.claim(.modern) else { return }
      let queue = registers.queues[Int(index)]
      guard !queue.isEnabled, !queue.isResetting else { return }
      body(&registers.queues[Int(index)], registers.accepted)
    }
  }

  /// The driver enables a queue: taken once features are agreed on and if its ring is well-formed, else ignored, so
  /// that `queue_enable` keeps reading 0.
  package func enableQueue(_ index: UInt16) {
    changeQueue(index) { queue, registers in
      guard registers.mayEnable(queue), queue.isWellFormed(registers.accepted) else { return }
      queue.isEnabled = true
    }
  }

  /// The driver enables a queue whose ring lies in one piece: see `QueueSetup.layOut`. Ignored as `enableQueue` is, and
  /// when packed rings were accepted, which have no such layout.
  package func enableQueue(_ index: UInt16, at address: UInt64, alignment: UInt64) {
    changeQueue(index) { queue, registers in
      guard registers.mayEnable(queue), !registers.accepted.contains(.ringPacked),
        queue.layOut(at: address, alignment: alignment)
      else { return }
      queue.isEnabled = true
    }
  }

  private func changeQueue(_ index: UInt16, _ body: (inout QueueSetup, borrowing DeviceRegisters) -> Void) {
    change { registers in
      guard registers.queues.indices.contains(Int(index)), registers.claim(.modern) else { return }
      var queue = registers.queues[Int(index)]
      body(&queue, registers)
      registers.queues[Int(index)] = queue
    }
  }

  /// The driver resets a queue (virtio 1.4 §2.6.1, §4.1.4.3.1): nothing of it is executed any more, and when the
  /// device's thread has let go of it, it is as after a reset of the device. Ignored unless RING_RESET was accepted.
  package func resetQueue(_ index: UInt16) {
    changeQueue(index) { queue, registers in
      guard registers.accepted.contains(.ringReset), registers.status.contains(.featuresOK) else { return }
      queue.isResetting = true
    }
  }

  /// A legacy driver says where a queue's ring lies, and so enables it (virtio 1.4 §4.1.5.1.3.1); 0 takes it back.
  ///
  /// Taking back returns when the ring has been let go of, after the buffer in hand at most: the driver may give the
  /// memory away at once, and the legacy interface has no register to wait on.
  package func setLegacyRing(_ index: UInt16, at address: UInt64, alignment: UInt64) {
    let isTakenBack = change { registers -> Bool in
      guard registers.queues.indices.contains(Int(index)), registers.claim(.legacy) else { return false }
      var queue = registers.queues[Int(index)]
      defer { registers.queues[Int(index)] = queue }
      guard address == 0 else {
        if !queue.isEnabled, queue.layOut(at: address, alignment: alignment) { queue.isEnabled = true }
        return false
      }
      let vector = queue.vector
      queue = QueueSetup(maximumSize: queue.maximumSize)
      queue.vector = vector
      return true
    }
    if isTakenBack { followHere() }
  }

  /// The driver gives a queue a vector. `vector` must exist or be `QueueSetup.noVector`.
  package func setQueueVector(_ index: UInt16, _ vector: UInt16, by interface: DriverInterface = .modern) {
    change { registers in
      guard registers.queues.indices.contains(Int(index)), registers.claim(interface) else { return }
      registers.queues[Int(index)].vector = vector
    }
  }

  /// The vector of configuration changes, or `QueueSetup.noVector`.
  package var configurationVector: UInt16 { registers.withLock { $0.configurationVector } }

  /// The driver gives configuration changes a vector. `vector` must exist or be `QueueSetup.noVector`.
  package func setConfigurationVector(_ vector: UInt16, by interface: DriverInterface = .modern) {
    registers.withLock { registers in
      guard registers.claim(interface) else { return }
      registers.configurationVector = vector
    }
  }
}

extension DeviceRegisters {
  /// Whether a driver may enable this queue now.
  fileprivate func mayEnable(_ queue: QueueSetup) -> Bool {
    status.contains(.featuresOK) && !queue.isEnabled && !queue.isResetting
  }
}
