import ScanoutDevice
import VfioUser

/// A device of this process that can be looked into, with the server in front of it if there is one.
package struct InspectedDevice: Sendable {
  private let kind: String
  private let device: @Sendable (Int) -> DeviceSnapshot
  private let server: (@Sendable () -> ServerSnapshot)?

  /// - Parameters:
  ///   - kind: what the report calls it.
  ///   - device: takes so many milliseconds at most.
  ///   - server: nil when the VMM is this process.
  package init(
    kind: String, device: @escaping @Sendable (Int) -> DeviceSnapshot,
    server: (@Sendable () -> ServerSnapshot)? = nil
  ) {
    self.kind = kind
    self.device = device
    self.server = server
  }

  /// What the state of some devices is, as text or JSON; one that is busy does not make the others wait any longer.
  package static func report(
    on devices: [InspectedDevice], asJSON: Bool,
    withinMilliseconds limit: Int = DeviceSnapshot.patienceInMilliseconds
  ) -> [UInt8] {
    let deadline = ContinuousClock.now.advanced(by: .milliseconds(limit))
    let reports = devices.map { inspected in
      let left = ContinuousClock.now.duration(to: deadline)
      let milliseconds = max(
        0,
        Int(clamping: left.components.seconds) * 1000
          + Int(left.components.attoseconds / 1_000_000_000_000_000))
      return DeviceReport(
        kind: inspected.kind, device: inspected.device(milliseconds), server: inspected.server?())
    }
    if asJSON { return Array(ReportNode.object([("devices", .rows(reports.map(\.fields)))]).json.utf8) }
    return Array(reports.map { ReportNode.text($0.fields) }.joined(separator: "\n").utf8)
  }
}
