import HostThreads
import Synchronization

@testable import VirtioCore

/// Counts a device's interrupts, and does something at the next one.
final class RecordedInterrupts: VirtioInterrupts {
  /// Changes of the configuration or the status.
  let changes = Atomic(0)
  let used = Atomic(0)
  /// Done once, on the device's thread, when a queue's buffers were used.
  let atNextUsed = OneShot()
  /// Done once, inside the call that says that the configuration or the status changed.
  let atNextChange = OneShot()
  /// Done once, inside the call that says that a reset is done.
  let atNextCompletion = OneShot()

  func queueUsed(vector: UInt16) {
    used.add(1, ordering: .relaxed)
    atNextUsed.fire()
  }
  func configurationChanged(vector: UInt16) {
    changes.add(1, ordering: .relaxed)
    atNextChange.fire()
  }
  func resetCompleted() { atNextCompletion.fire() }
}

/// Something to be done once.
final class OneShot: Sendable {
  private let action = Lock<(@Sendable () -> Void)?>(nil)

  func set(_ body: @escaping @Sendable () -> Void) { action.withLock { $0 = body } }

  func fire() {
    let body = action.withLock { $0.take() }
    body?()
  }
}
