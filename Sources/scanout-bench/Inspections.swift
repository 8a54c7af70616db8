import DeviceMachine
import GuestDriver
import ScanoutDevice

/// What an inspector costs a device that holds as much as it may: a request that comes then waits for the copying.
enum Inspections {
  /// Milliseconds for as many resources as there may be.
  private static let bound = 60.0

  static func run(_ report: inout Report) throws {
    let bench = try Bench(scheduling: .inline)
    let most = DisplayLimits().maxResources
    for id in 1...most {
      try bench.driver.expectOK(
        .createResource2D(id: UInt32(id), format: GPUFormat.bgrx.rawValue, width: 1, height: 1))
    }
    let times = (0..<21).map { _ in
      ContinuousClock().measure { _ = bench.device.inspect() } / .milliseconds(1)
    }
    report.check(
      "an inspection with \(most) resources takes less than \(bound) ms", times.median < bound,
      "\((times.median * 100).rounded() / 100) ms")
  }
}
