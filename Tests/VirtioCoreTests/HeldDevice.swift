import GuestRAM
import HostThreads
import Synchronization

@testable import VirtioCore

/// A device that stands still in the middle of a buffer or a reset when a test wants it to.
final class HeldDevice: VirtioDevice {
  let deviceID: UInt16 = 99
  let offeredFeatures: FeatureSet = []
  let queueSizes: [UInt16] = [64, 64]
  let configurationSize = 0
  let processed = Atomic(0)
  let resets = Atomic(0)
  /// Called for each buffer with the number of those so far.
  let atEachBuffer = Lock<(@Sendable (Int) -> Void)?>(nil)
  /// For how long a queue rests behind each buffer.
  let rest = Lock<Duration?>(nil)
  private let isToHold = Atomic(false)
  private let held = Event(), released = Event()

  /// The next buffer or reset stands still until `goOn`.
  func holdNext() { isToHold.store(true, ordering: .releasing) }
  func waitUntilHeld() { held.wait() }
  func goOn() { released.signal() }

  private func stand() {
    guard isToHold.exchange(false, ordering: .acquiringAndReleasing) else { return }
    held.signal()
    released.wait()
  }

  func readConfiguration(at offset: Int, into bytes: inout MutableRawSpan) {}
  func writeConfiguration(at offset: Int, _ bytes: RawSpan) {}
  func process(_ chain: consuming DescriptorChain, from queue: Virtqueue, in access: borrowing GuestAccess) {
    let count = processed.add(1, ordering: .relaxed).newValue
    atEachBuffer.withLock { $0 }?(count)
    stand()
    let rest = rest.withLock { $0 }
    queue.complete(chain, written: 0, notBefore: rest.map { .now + $0 }, in: access)
  }
  func reset() {
    stand()
    resets.add(1, ordering: .relaxed)
  }
}
