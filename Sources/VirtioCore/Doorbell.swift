import HostThreads
import Synchronization

/// What the device's thread has to look at: one bit for each queue and one for changes of the registers.
///
/// Set by any thread, taken by the device's. Many rings before it looks are one wake-up.
package final class Doorbell: Sendable {
  private let pending = Atomic<UInt64>(0)
  private let event = Event()

  /// The bit that says registers changed: a reset, a queue enabled, bus mastering, the end.
  static let control: UInt64 = 1 << 63

  /// Sets bits; true if none was set before, so that somebody has to be woken.
  func ring(_ bits: UInt64) -> Bool {
    pending.bitwiseOr(bits, ordering: .acquiringAndReleasing).oldValue == 0
  }

  /// Takes all bits.
  func take() -> UInt64 { pending.exchange(0, ordering: .acquiringAndReleasing) }

  /// Whether anything is waiting to be taken.
  var isRung: Bool { pending.load(ordering: .acquiring) != 0 }

  func wake() { event.signal() }

  /// Sleeps until woken, or for so long; false when the time is over. nil: without a limit.
  func wait(atMost limit: Duration?) -> Bool {
    if let limit { return event.wait(atMost: limit) }
    event.wait()
    return true
  }
}
