import GuestDriver

/// A change of the displays, as a right device tells it (virtio 1.4 §5.7.4.2, §3.4.2), told apart from our own
/// so that faults can be planted into each step.
///
/// It is a part of the right device that faults are planted before.
final class DisplayChange: @unchecked Sendable {
  // Sendable: of one function, on its one thread.
  private var isPending = false
  private var generation: UInt64 = 0
  private var isNotificationHeld = false

  /// The displays change now.
  func happen(on function: FaultyFunction) {
    isPending = true
    generation += 1
    isNotificationHeld = true
    notify(function)
  }

  /// A suspended device keeps its notification until it resumes.
  private func notify(_ function: FaultyFunction) {
    typealias Status = VirtioLayout.Status
    let status = UInt8(truncatingIfNeeded: function.right(.common(.deviceStatus)))
    guard isNotificationHeld, status & Status.driverOK != 0, status & Status.suspend == 0 else { return }
    isNotificationHeld = false
    function.notifyConfigurationChange()
  }

  /// What the registers say of it.
  var effects: [FaultEffect] {
    [
      .read(.device(GPULayout.Config.eventsRead)) { _, events in
        self.isPending ? events | UInt64(GPULayout.displayEvent) : events
      },
      .read(.common(.configGeneration)) { _, generation in (generation + self.generation) & 0xff },
      .write(.device(GPULayout.Config.eventsClear)) { function, events in
        let isSuspended =
          function.right(.common(.deviceStatus)) & UInt64(VirtioLayout.Status.suspend) != 0
        if !isSuspended, events & UInt64(GPULayout.displayEvent) != 0 { self.isPending = false }
        return events
      },
      .afterWrite { self.notify($0) },
    ]
  }
}
