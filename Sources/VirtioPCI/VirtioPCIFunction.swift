import GuestRAM
import HostThreads
import PCIBus
import Synchronization
import VirtioCore
import VirtioPCILegacy
import VirtioPCIModern

/// A virtio device on a PCI bus (virtio 1.4 §4.1): the device's registers behind BARs, its interrupts as MSI-X or INTx.
///
/// BAR 0 holds the legacy registers, BAR 1 the MSI-X table and pending bits, BAR 2 shared memory, BAR 4 the modern
/// structures (`ModernLayout`), each where the options and the device want it. Any thread may call; see `PCIFunction`
/// for what that means.
public final class VirtioPCIFunction: PCIFunction {
  let state: DeviceState
  private let thread: DeviceThread?
  /// The function's short lock: configuration space and the selectors of the register files.
  let registers: Lock<Registers>
  let interrupts: FunctionInterrupts
  let layout: FunctionLayout
  /// Not in D3hot: a function that is answers configuration accesses alone.
  let isFullyOn = Atomic(true)
  /// Six rows.
  public var bars: [BAR] { layout.bars }
  /// One for configuration changes and one for each queue.
  public let msixVectorCount: Int
  /// 256, or 4096 for a PCI Express endpoint.
  public var configurationSpaceSize: Int { layout.configurationSpaceSize }
  /// INTA.
  public var hasINTx: Bool { true }
  /// One for each queue, and for each interface that a driver may choose.
  public var doorbells: [PCIDoorbell] { layout.doorbells }

  struct Registers {
    var space: ConfigSpace
    var common: CommonConfig
    var contiguousRing: ContiguousRing
    var legacy: LegacyHeader
  }

  /// Puts a function around a device.
  ///
  /// - Parameters:
  ///   - device: what the function is.
  ///   - classCode: of the function, such as 0x038000 for a display that is no VGA.
  ///   - memory: what the guest calls its memory.
  ///   - scheduling: who works the rings.
  ///   - options: how the function appears.
  ///   - now: the clock that the device names instants by.
  /// - Throws: `HostThreadError` when the device's thread cannot be started.
  package init(
    _ device: any VirtioDevice, classCode: UInt32, memory: GuestMemory, scheduling: Scheduling,
    options: VirtioPCIOptions = VirtioPCIOptions(),
    now: @escaping @Sendable () -> ContinuousClock.Instant = DeviceState.clock
  ) throws(HostThreadError) {
    let vectorCount = device.queueSizes.count + 1
    msixVectorCount = vectorCount
    let layout = FunctionLayout(device, classCode: classCode, vectorCount: vectorCount, options: options)
    self.layout = layout
    let state = DeviceState(
      device: device, memory: memory, scheduling: scheduling, transportFeatures: .pci,
      withheld: options.withheld, now: now)
    self.state = state
    let interrupts = FunctionInterrupts(vectorCount: vectorCount)
    self.interrupts = interrupts
    registers = Lock(
      Registers(
        space: ConfigSpace(
          layout.identity, bars: layout.bars, hasINTx: true, capabilities: layout.capabilities,
          size: layout.configurationSpaceSize),
        common: CommonConfig(state, vectorCount: vectorCount), contiguousRing: ContiguousRing(state),
        legacy: LegacyHeader(state, vectorCount: vectorCount) { interrupts.takeISR() }))
    thread = scheduling == .ownThread ? try DeviceThread(state) : nil
    state.connect(interrupts)
  }

  /// The device may have use for buffers of a queue that it had none for; from any thread.
  package func lookAgain(at queue: Int) { state.lookAgain(at: queue) }

  /// Says where interrupts go from now on; see `PCIFunction`.
  public func connect(_ sink: (any InterruptSink)?) { interrupts.connect(sink) }

  /// The device changes its configuration; see `DeviceState.changeConfiguration`.
  package func changeConfiguration(_ body: () -> Void) { state.changeConfiguration(body) }

  // MARK: Reset, reads and writes

  /// Function reset; see `PCIFunction`.
  public func reset() {
    state.setBusMaster(false)
    state.reset()
    registers.withLock { registers in
      registers.space.reset()
      registers.common.reset()
      registers.contiguousRing.reset()
      registers.legacy.reset()
      interrupts.reset(vectorCount: msixVectorCount)
      followCommand(registers.space)
    }
  }

  /// Reads a register, or a block of them; see `PCIFunction`.
  public func read(_ region: PCIRegion, at offset: UInt64, into bytes: inout MutableRawSpan) {
    bytes.setLittleEndian(0)
    guard let place = place(of: offset, bytes.byteCount, in: region) else { return }
    guard case .bar(let bar) = region else { return readConfiguration(at: place, into: &bytes) }
    guard isFullyOn.load(ordering: .acquiring) else {
      // Nobody answers: the bus reads ones.
      for index in 0..<bytes.byteCount { bytes.setByte(0xff, at: index) }
      return
    }
    switch bar {
    case LegacyHeader.bar: readLegacy(at: place, into: &bytes)
    case FunctionLayout.MSIXLayout.bar: readMSIX(at: place, into: &bytes)
    case ModernLayout.bar: readModern(at: place, into: &bytes)
    default: break
    }
  }

  /// Writes a register; see `PCIFunction`.
  public func write(_ region: PCIRegion, at offset: UInt64, _ bytes: RawSpan) {
    guard let place = place(of: offset, bytes.byteCount, in: region) else { return }
    guard case .bar(let bar) = region else { return writeConfiguration(at: place, bytes) }
    guard isFullyOn.load(ordering: .acquiring) else { return }
    switch bar {
    case LegacyHeader.bar: writeLegacy(at: place, bytes)
    case FunctionLayout.MSIXLayout.bar: writeMSIX(at: place, bytes)
    case ModernLayout.bar: writeModern(at: place, bytes)
    default: break
    }
  }

  /// Announces buffers; see `PCIFunction`.
  public func ring(_ doorbell: PCIDoorbell) {
    guard layout.doorbells.contains(doorbell), isFullyOn.load(ordering: .acquiring) else { return }
    // There are 63 queues at most.
    let queue = UInt16(clamping: doorbell.queue)
    if doorbell.match == nil { state.notify(queue) } else { state.notifyLegacy(queue) }
  }

  /// The offset of an access that lies wholly inside its region; from here on no sum of offsets can overflow.
  private func place(of offset: UInt64, _ count: Int, in region: PCIRegion) -> Int? {
    let size: UInt64
    switch region {
    case .configuration: size = UInt64(configurationSpaceSize)
    case .bar(let index): size = bars.indices.contains(index) ? bars[index].size : 0
    }
    guard offset < size, UInt64(count) <= size - offset else { return nil }
    return Int(offset)
  }
}

extension FeatureSet {
  /// What this transport can do for every device.
  fileprivate static let pci: FeatureSet = [.notificationData, .notificationConfigData, .ringReset]
}
