import GuestDriver

/// What a case is about; the part of its name before the dot.
package enum ConformanceGroup: String, CaseIterable, Sendable {
  /// Identity, capabilities, the configuration access window.
  case pci
  /// Device status and feature negotiation.
  case status
  /// The common configuration structure.
  case common
  /// Split virtqueues.
  case split
  /// Packed virtqueues.
  case packed
  /// Indirect descriptors, in both formats.
  case indirect
  /// Event suppression by index.
  case eventIndex = "event-index"
  /// Reset of the device and of a queue, and suspension.
  case reset
  /// MSI-X, INTx and ISR status.
  case interrupts
  /// The legacy interface.
  case legacy
  /// Commands of the GPU.
  case gpu
  /// The entropy device.
  case entropy
}

/// What a case needs before it says anything.
package enum Requirement: Hashable, Sendable {
  /// The device is of this kind.
  case kind(DeviceKind)
  /// The device has the capability-based interface.
  case modern
  /// The device has the legacy interface.
  case legacy
  /// The device offers this feature bit.
  case feature(Int)
  /// The device has an MSI-X capability.
  case vectors
  /// The device has an interrupt pin.
  case pin
  /// The device has a configuration structure of its own.
  case configuration
  /// The target shows this.
  case observable(Observable)
}

/// One thing tried on a device and what the specification lets come of it.
package struct ConformanceCase: Sendable {
  /// `group.what-is-shown`, unique.
  package let name: String
  package let group: ConformanceGroup
  /// The clauses covered, as listed in `spec/conformance/clauses.json`.
  package let clauses: [String]
  package let needs: [Requirement]
  /// What is done, in one line.
  package let tried: String
  /// What the clauses let a device answer, in one line.
  package let expected: String
  /// Does it; what came is returned when it was expected, and thrown when not (`Deviation`).
  package let body: @Sendable (ConformanceBench) throws -> String

  /// A case; its group is the name's part before the dot.
  ///
  /// - Precondition: the name starts with a group and a dot, and there is a clause.
  package init(
    _ name: String, _ clauses: [String], needs: [Requirement] = [.modern], tried: String, expected: String,
    _ body: @escaping @Sendable (ConformanceBench) throws -> String
  ) {
    guard let dot = name.firstIndex(of: "."), let group = ConformanceGroup(rawValue: String(name[..<dot]))
    else { preconditionFailure("no group in the name \(name)") }
    precondition(!clauses.isEmpty, "\(name) covers no clause")
    self.name = name
    self.group = group
    self.clauses = clauses
    self.needs = needs
    self.tried = tried
    self.expected = expected
    self.body = body
  }
}

/// The end of a case.
package enum Verdict: Hashable, Sendable {
  /// What came was expected.
  case passed(came: String)
  case failed(came: String)
  /// The target hides what the case looks at.
  case notObservable(why: String)
  /// The device does not offer what the case is about.
  case notApplicable(why: String)

  /// The verdict's name in reports.
  package var name: String {
    switch self {
    case .passed: "passed"
    case .failed: "failed"
    case .notObservable: "not observable"
    case .notApplicable: "not applicable"
    }
  }

  /// What came, or why nothing could.
  package var text: String {
    switch self {
    case .passed(let text), .failed(let text), .notObservable(let text), .notApplicable(let text): text
    }
  }
}

/// Something came that the specification does not allow: the case fails with this text.
package struct Deviation: Error, Hashable {
  package let came: String

  package init(_ came: String) { self.came = came }
}

/// A case found out in its body that it has nothing to say about this device.
package struct NotApplicable: Error, Hashable {
  package let why: String

  package init(_ why: String) { self.why = why }
}

/// A case found out in its body that the target hides what it wanted to see.
package struct NotObservable: Error, Hashable {
  package let why: String

  package init(_ why: String) { self.why = why }
}

/// Fails the case unless `condition` holds.
package func expect(_ condition: Bool, came: @autoclosure () -> String) throws {
  guard condition else { throw Deviation(came()) }
}

/// Fails the case unless a field has this value.
package func expect(_ name: String, _ value: UInt64, is wanted: UInt64) throws {
  guard value == wanted else { throw Deviation("\(name) is \(hex(value)), not \(hex(wanted))") }
}

/// A number as reports write it.
package func hex(_ value: some BinaryInteger) -> String { "0x" + String(value, radix: 16) }
