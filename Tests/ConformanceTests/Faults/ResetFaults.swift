import GuestDriver

/// Reset of the device and of a queue, and suspension.
extension SeededFault {
  private typealias Status = VirtioLayout.Status

  static let resetFaults: [SeededFault] = deviceResetFaults + queueResetFaults + suspensionFaults

  private static let deviceResetFaults: [SeededFault] = [
    SeededFault(
      "reset.never-ends", caughtBy: "reset.status-becomes-zero",
      .read(.common(.deviceStatus)) { function, value in
        if value & UInt64(Status.driverOK) != 0 { function.tally = value }
        return value | function.tally
      }),
    SeededFault(
      "reset.failed-for-good", caughtBy: "reset.from-any-status",
      .write(.common(.deviceStatus)) { function, value in
        function.tally |= value & UInt64(Status.failed)
        return value
      },
      .read(.common(.deviceStatus)) { $1 | $0.tally }),
    SeededFault(
      "reset.deaf-after-a-wrong-doorbell", caughtBy: "reset.after-a-doorbell-of-no-queue",
      .write(.doorbell(2)) { function, value in
        if value >= 2 { function.tally = 1 }
        return value
      },
      .write(.common(.deviceStatus)) { $0.tally == 1 ? nil : $1 }),
    SeededFault(
      "reset.goes-on-working", caughtBy: "reset.quiet-afterwards",
      .write(.common(.deviceStatus)) { function, value in
        // The status alone is reset, until the next driver comes.
        function.tally = value == 0 ? 1 : 0
        if value == UInt64(Status.acknowledge) { function.put(.common(.deviceStatus), 0) }
        return value == 0 ? nil : value
      },
      .read(.common(.deviceStatus)) { $0.tally == 1 ? 0 : $1 }),
    SeededFault(
      "reset.late-interrupt", caughtBy: "reset.quiet-afterwards",
      .write(.doorbell(2)) { function, value in
        if function.driver.status == 0 { function.raise(1) }
        return value
      }),
    SeededFault(
      "reset.queues-stay-enabled", caughtBy: "reset.queue-fields", .reads(.common(.queueEnable), as: 1)),
  ]

  private static let queueResetFaults: [SeededFault] = [
    SeededFault(
      "reset.queue-reset-never-ends", caughtBy: "reset.queue-reset-field",
      .write(.common(.queueReset)) { function, value in
        function.tally = value
        return value
      },
      .read(.common(.queueReset)) { function, _ in function.tally }),
    SeededFault(
      "reset.queue-stays-enabled", caughtBy: "reset.queue-reset-field",
      .write(.common(.queueEnable)) { function, value in
        function.tally = value
        return value
      },
      .read(.common(.queueEnable)) { function, _ in function.tally }),
    SeededFault(
      "reset.queue-is-not-reset", caughtBy: "reset.queue-is-quiet", .ignoresWrites(.common(.queueReset)),
      .write(.common(.queueEnable)) { function, value in value }),
    SeededFault(
      "reset.queue-keeps-its-index", caughtBy: "reset.queue-state",
      .write(.common(.queueReset)) { function, value in
        function.tally = 1
        return value
      },
      .used { function, buffer in if function.tally == 1 { buffer.usedIndex &+= 5 } }),
    SeededFault(
      "reset.queue-keeps-its-size", caughtBy: "reset.queue-with-another-size",
      .write(.common(.queueReset)) { function, value in
        function.tally = function.right(.common(.queueSize))
        return value
      },
      .write(.common(.queueSize)) { $0.tally == 0 ? $1 : $0.tally }),
  ]

  private static let suspensionFaults: [SeededFault] = [
    SeededFault(
      "reset.suspends-before-driver-ok", caughtBy: "reset.suspend-before-driver-ok",
      .read(.common(.deviceStatus)) { $1 | UInt64($0.driver.status & Status.suspend) }),
    SeededFault(
      "reset.suspend-is-ignored", caughtBy: "reset.suspend-and-resume",
      .write(.common(.deviceStatus)) { $1 & ~UInt64(Status.suspend) }),
    SeededFault(
      "reset.never-resumes", caughtBy: "reset.suspend-and-resume",
      .write(.common(.deviceStatus)) { function, value in
        let isSuspended = function.right(.common(.deviceStatus)) & UInt64(Status.suspend) != 0
        return isSuspended && value != 0 ? value & ~UInt64(Status.driverOK) : value
      }),
    SeededFault(
      "reset.works-while-suspended", caughtBy: "reset.suspended-queues-are-quiet",
      .write(.common(.deviceStatus)) { $1 & ~UInt64(Status.suspend) },
      .read(.common(.deviceStatus)) { function, value in
        guard function.driver.status & Status.suspend != 0, value & UInt64(Status.driverOK) != 0 else {
          return value
        }
        return value & ~UInt64(Status.driverOK) | UInt64(Status.suspend)
      }),
    SeededFault(
      "reset.suspends-without-a-last-interrupt", caughtBy: "reset.suspend-finishes-buffers", .neverInterrupts),
    SeededFault(
      "reset.suspended-configuration-is-written", caughtBy: "reset.suspend-keeps-configuration",
      on: .changingGPU,
      .write(.device(GPULayout.Config.eventsClear)) { function, value in
        function.tally = value
        return value
      },
      .read(.device(GPULayout.Config.eventsRead)) { $1 & ~$0.tally }),
    SeededFault(
      "reset.change-interrupts-while-suspended", caughtBy: "reset.suspended-change-is-kept",
      on: .changingGPU, .changed { function in function.raise(0) }),
    SeededFault(
      "reset.suspended-change-is-forgotten", caughtBy: "reset.suspended-change-is-kept", on: .changingGPU,
      .neverInterrupts),
  ]
}
