public import FrontEndAPI

/// An input device at one moment, for people and programs that look from outside.
public struct InputSnapshot: Sendable, Equatable {
  /// Events that the guest has not taken yet; a report counts as one.
  public let waitingEvents: Int
  /// Whether something was dropped that the guest will be made up for when it has taken those.
  public let hasDropped: Bool
  /// What the driver has selected of the configuration (virtio 1.4 §5.8.4).
  public let select, subsel: UInt8
  /// A keyboard's lights as the driver has set them.
  public let lights: KeyboardLights
}
