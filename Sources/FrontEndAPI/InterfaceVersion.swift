/// The name and version that every interface between the display and its front-ends begins with.
///
/// Interfaces meet in the manner of Spice VDI: each starts with type, description, major and minor version, and
/// the device side opens the handshake. A minor version adds what an older peer can leave alone; a major version may
/// break, so both sides must have the same.
public struct InterfaceVersion: Sendable, Equatable, CustomStringConvertible {
  /// What kind of interface this is, such as `display`; both sides must name the same.
  public let type: String
  /// Who speaks it, for logs and errors: `PNG pictures`, `virtio-gpu display`.
  public let label: String
  /// Both sides must have the same major version.
  public let major: UInt32
  /// The lower of the two sides' minor versions is what they may use.
  public let minor: UInt32

  /// Names an interface as its author built it.
  public init(type: String, label: String, major: UInt32, minor: UInt32) {
    self.type = type
    self.label = label
    self.major = major
    self.minor = minor
  }

  /// For example `display 1.0 (PNG pictures)`.
  public var description: String { "\(type) \(major).\(minor) (\(label))" }

  /// The version that two sides share: the lower minor version of the same type and major version.
  ///
  /// - Throws: `InterfaceMismatch`, whose description names both sides, when type or major version differ.
  public func agreed(with peer: InterfaceVersion) throws(InterfaceMismatch) -> InterfaceVersion {
    guard peer.type == type, peer.major == major else {
      throw InterfaceMismatch(device: self, frontEnd: peer)
    }
    return InterfaceVersion(type: type, label: label, major: major, minor: min(minor, peer.minor))
  }
}

/// A front-end was built for another interface or another major version than the device offers.
public struct InterfaceMismatch: Error, Equatable, CustomStringConvertible {
  /// What the device side offers.
  public let device: InterfaceVersion
  /// What the front-end was built for.
  public let frontEnd: InterfaceVersion

  /// Names both sides and what to do.
  public var description: String {
    "the front-end speaks \(frontEnd), the device speaks \(device): "
      + (frontEnd.type == device.type
        ? "build the front-end for major version \(device.major)"
        : "attach it to a \(frontEnd.type) interface")
  }
}
