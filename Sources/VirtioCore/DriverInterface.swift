/// Which of the two ways to a device a driver uses (virtio 1.4 §1.4.1, §2.2.3).
package enum DriverInterface: Sendable {
  /// The capability-based structures: a modern or transitional driver.
  case modern
  /// The legacy registers: a legacy driver, or a transitional one that found nothing else.
  case legacy
}
