import GuestDriver

/// The common configuration structure, and doorbells.
extension SeededFault {
  static let commonFaults: [SeededFault] = registerFaults + changeFaults + queueFieldFaults + doorbellFaults

  private static let changeFaults: [SeededFault] = [
    SeededFault(
      "common.generation-is-stuck", caughtBy: "common.generation-after-change", on: .changingGPU,
      .reads(.common(.configGeneration), as: 0)),
    SeededFault(
      "common.change-without-event", caughtBy: "common.generation-after-change", on: .changingGPU,
      .reads(.device(GPULayout.Config.eventsRead), as: 0)),
    SeededFault(
      "common.change-without-interrupt", caughtBy: "common.generation-after-change", on: .changingGPU,
      .neverInterrupts),
  ]

  private static let registerFaults: [SeededFault] = [
    SeededFault(
      "common.one-feature-select", caughtBy: "common.selectors",
      .write(.common(.driverFeatureSelect)) { function, value in
        function.put(.common(.deviceFeatureSelect), value)
        return value
      }),
    SeededFault(
      "common.writable-queue-count", caughtBy: "common.read-only-fields",
      .write(.common(.queueCount)) { function, value in
        function.tally = value
        return value
      },
      .read(.common(.queueCount)) { $0.tally == 0 ? $1 : $0.tally }),
    SeededFault(
      "common.feature-words-repeat", caughtBy: "common.device-feature-words",
      .write(.common(.deviceFeatureSelect)) { $1 % 2 }),
    SeededFault(
      "common.driver-feature-words-repeat", caughtBy: "common.driver-feature-words",
      .write(.common(.driverFeatureSelect)) { $1 % 2 }),
    SeededFault(
      "common.high-half-is-lost", caughtBy: "common.halves-of-64-bit-fields",
      .write(.half(.queueDriverArea, isHigh: true)) { _, _ in 0 }),
    SeededFault(
      "common.low-half-clears-the-high-one", caughtBy: "common.halves-of-64-bit-fields",
      .write(.half(.queueDeviceArea, isHigh: false)) { function, value in
        function.put(.half(.queueDeviceArea, isHigh: true), 0)
        return value
      }),
    SeededFault(
      "common.one-queue-of-a-gpu", caughtBy: "common.queue-count", .reads(.common(.queueCount), as: 1)),
    SeededFault(
      "common.no-second-queue", caughtBy: "common.queue-count",
      .read(.common(.queueSize)) { $0.driver.queueSelect == 1 ? 0 : $1 }),
  ]

  private static let queueFieldFaults: [SeededFault] = [
    SeededFault(
      "common.queue-0-past-the-end", caughtBy: "common.queue-select-past-end",
      .read(.common(.queueSize)) { function, value in
        guard function.driver.queueSelect >= 2 else { return value }
        function.put(.common(.queueSelect), 0)
        return function.right(.common(.queueSize))
      }),
    SeededFault(
      "common.queue-of-96", caughtBy: "common.queue-size-is-a-power-of-two",
      .reads(.common(.queueSize), as: 96)),
    SeededFault(
      "common.size-is-not-taken", caughtBy: "common.queue-size-reduced", .ignoresWrites(.common(.queueSize))),
    SeededFault(
      "common.size-survives-a-reset", caughtBy: "common.queue-size-reduced",
      .write(.common(.queueSize)) { function, value in
        function.tally = value
        return value
      },
      .read(.common(.queueSize)) { $0.tally == 0 ? $1 : $0.tally }),
    SeededFault(
      "common.queues-share-an-area", caughtBy: "common.queue-fields",
      .write(.half(.queueDescriptorArea, isHigh: false)) { function, value in
        function.tally = value
        return value
      },
      .read(.half(.queueDescriptorArea, isHigh: false)) { function, _ in function.tally }),
  ]

  private static let doorbellFaults: [SeededFault] = [
    SeededFault(
      "common.deaf-doorbell", caughtBy: "common.doorbells", .ignoresWrites(.doorbell(2))),
    SeededFault(
      "common.doorbell-of-another-queue", caughtBy: "common.doorbells",
      .write(.doorbell(2)) { function, value in
        function.put(.doorbellOfQueue1, value ^ 1)
        return nil
      }),
    SeededFault(
      "common.spurious-doorbell-uses-a-buffer", caughtBy: "common.spurious-doorbells",
      .write(.doorbell(2)) { function, value in
        guard let ram = function.ram, let queue = function.driver.queues[0], queue.isEnabled else {
          return value
        }
        let used = queue.deviceArea + 2
        // Nothing new is there: pretend that the last buffer is used once more.
        if ram.loadAcquire16(queue.driverArea + 2) == ram.loadAcquire16(used) {
          ram.storeRelease16(used, ram.loadAcquire16(used) &+ 1)
        }
        return value
      }),
    SeededFault(
      "common.deaf-to-wide-doorbells", caughtBy: "common.notification-data",
      .ignoresWrites(.doorbell(4))),
    SeededFault(
      "common.deaf-with-notification-config-data", caughtBy: "common.notification-config-data",
      .write(.doorbell(2)) { function, value in
        function.driver.accepts(VirtioLayout.Feature.notificationConfigData) ? nil : value
      }),
  ]
}
