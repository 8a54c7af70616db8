import GuestRAM
import PCIBus
import Synchronization

/// A PCI function of many MSI-X vectors and nothing else; its table is in BAR 0.
final class ManyVectors: PCIFunction {
  private struct State {
    var space: ConfigSpace
    var sink: (any InterruptSink)?
  }

  let configurationSpaceSize = 256
  let bars: [BAR]
  let msixVectorCount: Int
  let hasINTx = false
  let doorbells: [PCIDoorbell] = []
  private let state: Mutex<State>

  init(count: Int) {
    msixVectorCount = count
    bars = [BAR(.memory32, size: 4096)] + [BAR](repeating: .absent, count: 5)
    let identity = ConfigSpace.Identity(
      vendor: 0x1af4, device: 0x10ff, subsystemVendor: 0x1af4, subsystem: 0x1100, revision: 1,
      classCode: 0xff0000)
    let msix = MSIX.capability(vectorCount: count, bar: 0, tableOffset: 0, pendingOffset: 0x800)
    state = Mutex(
      State(space: ConfigSpace(identity, bars: bars, hasINTx: false, capabilities: [msix])))
  }

  /// The device has something to say on a vector.
  func signal(_ vector: Int) {
    state.withLock { $0.sink }?.signalMessage(vector: vector, address: 0, data: 0)
  }

  func read(_ region: PCIRegion, at offset: UInt64, into bytes: inout MutableRawSpan) {
    guard region == .configuration else { return }
    let space = state.withLock { $0.space }
    space.read(at: Int(offset), into: &bytes)
  }

  func write(_ region: PCIRegion, at offset: UInt64, _ bytes: RawSpan) {
    guard region == .configuration else { return }
    state.withLock { $0.space.write(at: Int(offset), bytes) }
  }

  func connect(_ interrupts: (any InterruptSink)?) { state.withLock { $0.sink = interrupts } }

  func ring(_ doorbell: PCIDoorbell) {}

  func reset() { state.withLock { $0.space.reset() } }
}
