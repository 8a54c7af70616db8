import GuestDriver

/// Device status and feature negotiation.
extension SeededFault {
  private typealias Status = VirtioLayout.Status
  private typealias Feature = VirtioLayout.Feature

  static let statusFaults: [SeededFault] = offerFaults + negotiationFaults + statusFieldFaults

  /// Offers a feature bit, or does not.
  private static func offer(_ bit: Int, _ isOffered: Bool) -> FaultEffect {
    .read(.common(.deviceFeature)) { function, value in
      guard function.right(.common(.deviceFeatureSelect)) == UInt64(bit / 32) else { return value }
      return isOffered ? value | 1 << UInt64(bit % 32) : value & ~(1 << UInt64(bit % 32))
    }
  }

  private static let offerFaults: [SeededFault] = [
    SeededFault(
      "status.without-version-1", caughtBy: "status.version-1-is-offered", offer(Feature.version1, false)),
    SeededFault(
      "status.context-init-without-virgl", caughtBy: "status.offered-feature-dependencies", offer(4, true)),
    SeededFault(
      "status.alignment-without-blobs", caughtBy: "status.offered-feature-dependencies",
      offer(3, false)),
    SeededFault("status.reserved-feature", caughtBy: "status.no-unknown-features", offer(44, true)),
    SeededFault("status.feature-of-a-legacy-device", caughtBy: "status.no-unknown-features", offer(24, true)),
    SeededFault(
      "status.sr-iov-without-capability", caughtBy: "status.sr-iov", offer(Feature.sriov, true)),
  ]

  private static let negotiationFaults: [SeededFault] = [
    SeededFault(
      "status.insists-on-indirect-descriptors", caughtBy: "status.valid-subsets",
      .write(.common(.deviceStatus)) { function, value in
        function.driver.accepts(Feature.indirectDescriptors) ? value : value & ~UInt64(Status.featuresOK)
      }),
    SeededFault(
      "status.packed-only-without-order", caughtBy: "status.valid-subsets",
      .write(.common(.deviceStatus)) { function, value in
        let refuses = function.driver.isPacked && function.driver.accepts(Feature.inOrder)
        return refuses ? value & ~UInt64(Status.featuresOK) : value
      }),
    SeededFault(
      "status.takes-what-is-not-offered", caughtBy: "status.unoffered-feature",
      .write(.common(.driverFeature)) { function, value in
        // What the device must not be told of is kept here instead.
        let select = function.right(.common(.driverFeatureSelect))
        function.put(.common(.deviceFeatureSelect), select)
        return value & function.right(.common(.deviceFeature))
      },
      .read(.common(.driverFeature)) { function, _ in
        function.driver.features >> (32 * function.right(.common(.driverFeatureSelect))) & 0xffff_ffff
      }),
    SeededFault(
      "status.takes-the-first-features-only", caughtBy: "status.renegotiation",
      .write(.common(.deviceStatus)) { function, value in
        guard value & UInt64(Status.featuresOK) != 0 else { return value }
        if function.tally == 0 { function.tally = function.driver.features }
        return function.tally == function.driver.features ? value : value & ~UInt64(Status.featuresOK)
      }),
  ]

  private static let statusFieldFaults: [SeededFault] = [
    SeededFault(
      "status.survives-a-function-reset", caughtBy: "status.zero-after-function-reset", .ignoresFunctionReset),
    SeededFault(
      "status.driver-bit-is-lost", caughtBy: "status.steps-read-back",
      .read(.common(.deviceStatus)) { $1 & ~UInt64(Status.driver) }),
    SeededFault(
      "status.driver-ok-at-once", caughtBy: "status.steps-read-back",
      .read(.common(.deviceStatus)) {
        $1 & UInt64(Status.featuresOK) != 0 ? $1 | UInt64(Status.driverOK) : $1
      }),
    SeededFault(
      "status.works-before-driver-ok", caughtBy: "status.no-buffers-before-driver-ok",
      .write(.doorbell(2)) { function, value in
        function.put(.common(.deviceStatus), function.right(.common(.deviceStatus)) | UInt64(Status.driverOK))
        return value
      }),
    SeededFault(
      "status.interrupts-before-driver-ok", caughtBy: "status.no-buffers-before-driver-ok",
      .write(.doorbell(2)) { function, value in
        function.raise(1)
        return value
      }),
    SeededFault(
      "status.silent-about-needing-reset", caughtBy: "status.needs-reset",
      .read(.common(.deviceStatus)) { $1 & ~UInt64(Status.needsReset) }),
    SeededFault(
      "status.needs-reset-without-notification", caughtBy: "status.needs-reset-notifies",
      .neverInterrupts),
    SeededFault(
      "status.configuration-after-features-only", caughtBy: "status.configuration-before-features-ok",
      .read(.device(GPULayout.Config.scanoutCount)) { function, value in
        function.driver.status & Status.featuresOK == 0 ? 0 : value
      }),
  ]
}
