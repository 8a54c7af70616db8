import GuestRAM
import HostThreads

/// The rings and what they need of the registers; whoever holds its lock is the device's thread.
struct RingWorker {
  var queues: [Virtqueue?]
  /// The epoch that was copied last.
  var seenEpoch: UInt64 = 0
  /// The reset that was carried out last.
  var resetsDone: UInt64 = 0
  var isLive = false
  var interrupts: (any VirtioInterrupts)?
  /// Queues that were rung and not worked since: all that were rung while the device was not live.
  var remembered: UInt64 = 0
  /// Bits of the doorbell that the device's thread set itself, to go on with a queue later.
  var ownBits: UInt64 = 0

  init(queueCount: Int) { queues = Array(repeating: nil, count: queueCount) }
}

extension DeviceState {
  /// Buffers of one queue that are handled before the others and the registers get a look.
  private static var turn: Int { 64 }

  /// Sets doorbell bits and sees to it that somebody works.
  func ring(_ bits: UInt64) {
    let isFirst = doorbell.ring(bits)
    switch scheduling {
    case .ownThread: if isFirst { doorbell.wake() }
    case .inline: workInline()
    }
  }

  /// Works on the calling thread, unless another is at it or about to follow; that one then takes the new bits too.
  func workInline() {
    while doorbell.isRung, followers.load(ordering: .sequentiallyConsistent) == 0 {
      let worked: Void? = worker.withLockIfAvailable { work(&$0) }
      if worked == nil { return }
    }
  }

  /// The body of the device's own thread.
  func runThread() {
    var rest: Duration?
    while !isStopping.load(ordering: .acquiring) {
      // A queue has rested for long enough; it is among those that are remembered.
      if !doorbell.wait(atMost: rest) { _ = doorbell.ring(Doorbell.control) }
      repeat {
        rest = worker.withLock { worker in
          work(&worker)
          return self.rest(worker)
        }
        while followers.load(ordering: .acquiring) != 0 { followed.wait() }
      } while doorbell.isRung && !isStopping.load(ordering: .acquiring)
    }
  }

  /// Follows the registers on the calling thread; who works the rings gives way to it after the buffer in hand.
  ///
  /// Inline, who rang meanwhile found the lock taken and left the bits to its holder.
  func followHere() {
    followers.add(1, ordering: .sequentiallyConsistent)
    worker.withLock { follow(&$0) }
    followers.subtract(1, ordering: .sequentiallyConsistent)
    switch scheduling {
    case .ownThread: followed.signal()
    case .inline: workInline()
    }
  }

  /// How long until the first of the queues that rest goes on; nil: none does.
  private func rest(_ worker: borrowing RingWorker) -> Duration? {
    guard worker.isLive else { return nil }
    var first: ContinuousClock.Instant?
    for queue in worker.queues {
      guard let instant = queue?.restsUntil else { continue }
      first = min(first ?? instant, instant)
    }
    guard let first else { return nil }
    return now().duration(to: first)
  }

  /// Asks the device's own thread to end.
  func stopThread() {
    isStopping.store(true, ordering: .releasing)
    _ = doorbell.ring(Doorbell.control)
    doorbell.wake()
  }

  /// Works until no bit is left, or another thread wants to follow the registers.
  private func work(_ worker: inout RingWorker) {
    while !isStopping.load(ordering: .acquiring), followers.load(ordering: .acquiring) == 0 {
      answerQuestions(worker)
      let taken = doorbell.take()
      guard taken != 0 else { return }
      let rung = taken & ~worker.ownBits
      worker.ownBits = 0
      worker.remembered |= taken & ~Doorbell.control
      follow(&worker)
      var bits = worker.remembered
      worker.remembered = 0
      while bits != 0 {
        let index = bits.trailingZeroBitCount
        bits &= bits - 1
        if rung >> UInt64(index) & 1 != 0 { worker.queues[index]?.countNotification() }
        if drain(index, &worker) {
          worker.ownBits |= 1 << UInt64(index)
          _ = doorbell.ring(1 << UInt64(index))
        }
      }
    }
  }

  /// What the rings need of the registers.
  private struct Snapshot {
    let setups: [QueueSetup]
    let accepted: FeatureSet
    let resetsRequested: UInt64
    let isLive: Bool
    let isBusMaster: Bool
    let isSuspending: Bool
  }

  /// Copies what the registers say, if they have changed: carries out a reset of the device or of a queue, suspends,
  /// takes over queues that were enabled.
  func follow(_ worker: inout RingWorker) {
    guard epoch.load(ordering: .acquiring) != worker.seenEpoch else { return }
    let seen = registers.withLock { registers in
      // Under the lock the epoch stands still.
      worker.seenEpoch = epoch.load(ordering: .relaxed)
      worker.interrupts = registers.interrupts
      return Snapshot(
        setups: registers.queues, accepted: registers.accepted, resetsRequested: registers.resetsRequested,
        isLive: registers.isLive, isBusMaster: registers.isBusMaster, isSuspending: registers.isSuspending)
    }
    if seen.resetsRequested != worker.resetsDone {
      carryOutReset(seen.resetsRequested, isBusMaster: seen.isBusMaster, &worker)
    }
    for (index, setup) in seen.setups.enumerated() where !setup.isEnabled || setup.isResetting {
      letGo(of: index, setup, &worker)
    }
    if seen.isSuspending { return suspend(&worker) }
    if seen.isLive && !worker.isLive { worker.remembered = (1 << UInt64(queueCount)) - 1 }
    worker.isLive = seen.isLive
    guard seen.isLive else { return }
    for (index, setup) in seen.setups.enumerated() where setup.isEnabled && !setup.isResetting {
      if let queue = worker.queues[index] {
        queue.update(setup)
        continue
      }
      do throws(RingFault) {
        worker.queues[index] = try memory.withAccess { (access) throws(RingFault) in
          try Virtqueue(
            index: index, setup: setup, features: seen.accepted, era: worker.resetsDone, resets: resets,
            in: access)
        }
        worker.remembered |= 1 << UInt64(index)
      } catch {
        fail(error, &worker)
        return
      }
    }
  }

  /// Drops a queue that was reset or taken back; nothing of it is executed any more (virtio 1.4 §2.6.1.1.1).
  private func letGo(of index: Int, _ setup: QueueSetup, _ worker: inout RingWorker) {
    worker.queues[index]?.detach()
    worker.queues[index] = nil
    worker.remembered &= ~(1 << UInt64(index))
    guard setup.isResetting else { return }
    registers.withLock { registers in
      // Not if the whole device was reset meanwhile.
      guard registers.queues[index].isResetting else { return }
      registers.queues[index] = QueueSetup(maximumSize: setup.maximumSize)
    }
  }

  /// Stops between two buffers and tells the driver of what was used; then the status says so (virtio 1.4 §3.4.2).
  private func suspend(_ worker: inout RingWorker) {
    if worker.isLive {
      endRests(worker)
      for case let queue? in worker.queues { interrupt(queue, worker) }
    }
    worker.isLive = false
    registers.withLock { registers in
      guard registers.isSuspending else { return }
      registers.isSuspending = false
      registers.status.remove(.driverOK)
      registers.status.insert(.suspend)
    }
  }

  private func carryOutReset(_ requested: UInt64, isBusMaster: Bool, _ worker: inout RingWorker) {
    var isAwaited = false
    if worker.isLive && isBusMaster {
      // What was not rung is not announced: a driver that does not wait may have given the ring's memory away.
      // Room for something of the device's is no announced work: it is let go of as it is.
      for case let queue? in worker.queues
      where worker.remembered >> UInt64(queue.index) & 1 != 0
        && device.use(ofBuffersIn: queue.index) == .always
      {
        if finish(queue, worker) { isAwaited = true }
      }
    }
    for index in worker.queues.indices { worker.queues[index] = nil }
    worker.isLive = false
    device.reset()
    worker.resetsDone = requested
    registers.withLock { registers in
      registers.resetsDone = requested
      if isAwaited && registers.status.isEmpty && registers.isResetUnseen { registers.showsReset = true }
    }
  }

  /// Gives the driver now what it was to have later, for nothing more is given to it then.
  private func endRests(_ worker: borrowing RingWorker) {
    for case let queue? in worker.queues where queue.restsUntil != nil {
      memory.withAccess { queue.release(in: $0) }
      interrupt(queue, worker)
    }
  }

  /// Whether a queue may go on. One that rested for long enough gives its buffer to the driver first, which is to hear of
  /// it before the next is looked at.
  private func mayGoOn(_ queue: Virtqueue, _ worker: borrowing RingWorker) -> Bool {
    guard let instant = queue.restsUntil else { return true }
    // Registers that have changed are looked at first: the device may not write any more.
    guard instant <= now(), epoch.load(ordering: .acquiring) == worker.seenEpoch else { return false }
    memory.withAccess { queue.release(in: $0) }
    interrupt(queue, worker)
    return true
  }

  /// Handles the next buffer of a queue; false when there is none.
  ///
  /// - Parameter mayRest: whether there is time for the queue to rest, and a thread that waits for its end.
  private func handleNext(
    of queue: Virtqueue, mayRest: Bool, in access: borrowing GuestAccess
  ) throws(RingFault) -> Bool {
    guard let chain = try queue.next(in: access) else { return false }
    device.process(chain, from: queue, in: access)
    if !mayRest { queue.release(in: access) }
    return true
  }

  /// Handles what the driver announced before it reset the device, at most one buffer for each entry; true when that
  /// raised an interrupt. Stops at once at a forced reset.
  private func finish(_ queue: Virtqueue, _ worker: borrowing RingWorker) -> Bool {
    memory.withAccess { queue.release(in: $0) }
    for _ in 0..<queue.size where resets.forced.load(ordering: .acquiring) <= worker.resetsDone {
      let isMore = memory.withAccess { access in
        // A ring that is broken now needs no reset any more: it is being reset.
        (try? handleNext(of: queue, mayRest: false, in: access)) ?? false
      }
      if !isMore { break }
    }
    return interrupt(queue, worker)
  }

  /// Handles the buffers of a queue, one memory access each; true when there may be more.
  private func drain(_ index: Int, _ worker: inout RingWorker) -> Bool {
    guard worker.isLive, let queue = worker.queues[index], mayGoOn(queue, worker) else {
      worker.remembered |= 1 << UInt64(index)
      return false
    }
    do throws(RingFault) {
      memory.withAccess { queue.suppressDoorbell(in: $0) }
      for _ in 0..<Self.turn {
        guard epoch.load(ordering: .acquiring) == worker.seenEpoch, device.use(ofBuffersIn: index) != .later
        else { break }
        answerQuestions(worker)
        let isMore = try memory.withAccess { (access) throws(RingFault) in
          try handleNext(of: queue, mayRest: scheduling == .ownThread, in: access)
        }
        if !isMore { break }
      }
      // Registers have changed: look at them before going on, and before the interrupt, whose vector may be another.
      guard epoch.load(ordering: .acquiring) == worker.seenEpoch else {
        _ = doorbell.ring(Doorbell.control)
        return true
      }
      interrupt(queue, worker)
      guard queue.restsUntil == nil else {
        worker.remembered |= 1 << UInt64(index)
        return false
      }
      // Without use for more there is no need to be told of more: the device looks again when it has.
      guard device.use(ofBuffersIn: index) != .later else { return false }
      return try memory.withAccess { (access) throws(RingFault) in try queue.requestDoorbell(in: access) }
    } catch {
      fail(error, &worker)
      return false
    }
  }

  /// Tells the driver of used buffers if it wants to know, and says whether it did; not after a forced reset.
  @discardableResult
  private func interrupt(_ queue: Virtqueue, _ worker: borrowing RingWorker) -> Bool {
    guard resets.forced.load(ordering: .acquiring) <= worker.resetsDone,
      memory.withAccess({ queue.takeInterruptDecision(in: $0) })
    else { return false }
    queue.countInterrupt()
    worker.interrupts?.queueUsed(vector: queue.vector)
    return true
  }

  /// The device cannot go on: DEVICE_NEEDS_RESET, and a configuration interrupt if the driver is there (§2.1.2).
  private func fail(_ fault: RingFault, _ worker: inout RingWorker) {
    endRests(worker)
    worker.isLive = false
    registers.withLock { registers in
      guard registers.resetsRequested == worker.resetsDone else { return }
      registers.status.insert(.needsReset)
      registers.lastFault = fault
      registers.faultCounts[fault.kind.rawValue] &+= 1
      if registers.status.contains(.driverOK) { registers.interruptForConfiguration() }
    }
  }

  /// The driver resets the device (virtio 1.4 §2.4).
  ///
  /// What it wrote is gone at once. If the device was at work, the device's thread first finishes the buffers that were
  /// announced before, so that their interrupts still come, and then lets go; until then `status` does not read 0.
  /// A legacy driver does not look twice: for it this finishes the buffer in hand alone, and returns when the rings
  /// are let go of.
  func resetByDriver(_ interface: DriverInterface) {
    guard interface == .modern else {
      reset()
      registers.withLock { $0.interrupts?.resetCompleted() }
      return
    }
    let isAtWork = registers.withLock { registers in
      // After a reset that is not carried out yet there is the same work to finish.
      let isAtWork = registers.isAtWork
      registers.clear()
      registers.resetsRequested &+= 1
      registers.showsReset = isAtWork
      registers.isResetUnseen = isAtWork
      epoch.add(1, ordering: .releasing)
      if !isAtWork { registers.interrupts?.resetCompleted() }
      return isAtWork
    }
    // Without rings there is nothing to finish, and nobody to wait for.
    if isAtWork || scheduling == .inline || worker.withLockIfAvailable({ follow(&$0) }) == nil {
      ring(Doorbell.control)
    }
  }

  /// Resets the device for its host, or for a legacy driver: returns when the rings are let go of, after the buffer in
  /// hand at most.
  package func reset() {
    registers.withLock { registers in
      registers.clear()
      registers.resetsRequested &+= 1
      registers.showsReset = false
      registers.isResetUnseen = false
      resets.forced.store(registers.resetsRequested, ordering: .releasing)
      epoch.add(1, ordering: .releasing)
    }
    followHere()
  }

  /// Ring faults so far, and the last.
  package var ringFaults: (count: UInt64, last: RingFault?) {
    registers.withLock { ($0.faultCounts.reduce(0, &+), $0.lastFault) }
  }
}
