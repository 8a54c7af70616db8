public import VirtioCore

/// How a virtio device appears on the PCI bus.
public struct VirtioPCIOptions: Sendable {
  /// The ways that a driver finds to the device.
  public enum Transport: String, Sendable, CaseIterable {
    /// The capability-based structures alone (virtio 1.4 §4.1.4).
    case modern
    /// Both; the device follows the driver's choice.
    case transitional
    /// The I/O registers of before version 1 alone (§4.1.4.10).
    case legacy
  }

  /// What the function is to the bus.
  public enum Placement: Sendable {
    /// A conventional PCI function with 256 bytes of configuration space.
    case conventional
    /// A PCI Express endpoint: 4096 bytes, power management, function level reset.
    case express
  }

  /// Modern unless said otherwise.
  public var transport = Transport.modern
  /// Conventional unless said otherwise.
  public var placement = Placement.conventional
  /// Whether each queue's doorbell has a page of its own; else 4 bytes.
  public var hasDoorbellPages = false
  /// Features that are not offered, though they could be.
  public var withheld: FeatureSet = []

  /// The defaults.
  public init() {}
}
