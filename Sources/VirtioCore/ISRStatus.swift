import Synchronization

/// ISR status (virtio 1.4 §4.1.4.5): set by the device's thread, read and cleared in one step by the driver.
///
/// A transitional function has one, which both transports show.
package struct ISRStatus: ~Copyable, Sendable {
  private let bits = Atomic<UInt8>(0)

  /// Queue interrupt.
  package static let queue: UInt8 = 1
  /// Device configuration interrupt.
  package static let configuration: UInt8 = 2

  /// Nothing is due.
  package init() {}

  /// Adds bits.
  package func set(_ added: UInt8) { bits.bitwiseOr(added, ordering: .acquiringAndReleasing) }

  /// Reads and clears (§4.1.4.5.1).
  package func take() -> UInt8 { bits.exchange(0, ordering: .acquiringAndReleasing) }

  /// Reads without clearing; for the level of the INTx pin.
  package var value: UInt8 { bits.load(ordering: .acquiring) }
}
