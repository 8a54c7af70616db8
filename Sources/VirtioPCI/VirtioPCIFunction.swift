import GuestRAM
import HostThreads
import PCIBus
import VirtioCore
import VirtioPCIModern

/// A virtio device on a PCI bus (virtio 1.4 §4.1): the device's registers behind BARs, its interrupts as MSI-X or INTx.
///
/// BAR 1 holds the MSI-X table and pending bits, BAR 4 the modern structures (`ModernLayout`). Any thread may call;
/// see `PCIFunction` for what that means.
public final class VirtioPCIFunction: PCIFunction {
  private let state: DeviceState
  private let thread: DeviceThread?
  /// The function's short lock: configuration space and the selectors of the common configuration.
  private let registers: Lock<Registers>
  private let interrupts: Lock<InterruptState>
  private let isr = ISRStatus()
  private let capabilities: Places
  /// Six rows; 1 and 4 are used.
  public let bars: [BAR]
  /// One for configuration changes and one for each queue.
  public let msixVectorCount: Int
  /// 256: a conventional PCI function.
  public var configurationSpaceSize: Int { 256 }
  /// INTA.
  public var hasINTx: Bool { true }

  private struct Registers {
    var space: ConfigSpace
    var common: CommonConfig
  }

  /// Where the capabilities that the function looks at stand in configuration space.
  private struct Places {
    let msixControl: Int
    let window: Int
  }

  private enum MSIXLayout {
    static let bar = 1
    static let size: UInt64 = 0x1000
    static let table = 0x000
    static let pending = 0x800
  }

  /// Puts a function around a device.
  ///
  /// - Parameters:
  ///   - device: what the function is.
  ///   - classCode: of the function, such as 0x038000 for a display that is no VGA.
  ///   - memory: what the guest calls its memory.
  ///   - scheduling: who works the rings.
  /// - Throws: `HostThreadError` when the device's thread cannot be started.
  package init(
    _ device: any VirtioDevice, classCode: UInt32, memory: GuestMemory, scheduling: Scheduling
  ) throws(HostThreadError) {
    let queueCount = device.queueSizes.count
    // The table and the pending bits share one page of BAR 1.
    precondition(queueCount < MSIXLayout.pending / MSIX.entrySize)
    msixVectorCount = queueCount + 1
    bars = [
      .absent, BAR(.memory32, size: MSIXLayout.size), .absent, .absent,
      BAR(.memory64, size: ModernLayout.size, isPrefetchable: true), .absent,
    ]
    var list = [
      MSIX.capability(
        vectorCount: msixVectorCount, bar: MSIXLayout.bar, tableOffset: MSIXLayout.table,
        pendingOffset: MSIXLayout.pending)
    ]
    list += ModernLayout.capabilities(queueCount: queueCount, configurationSize: device.configurationSize)
    capabilities = Places(
      msixControl: ConfigSpace.offset(of: 0, in: list) + 2,
      window: ConfigSpace.offset(of: list.count - 1, in: list))
    // §4.1.2.1: 0x1040 plus the device type; a revision of 1 or more; any subsystem id of 0x40 or more.
    let identity = ConfigSpace.Identity(
      vendor: 0x1af4, device: 0x1040 + device.deviceID, subsystemVendor: 0x1af4, subsystem: 0x1100,
      revision: 1,
      classCode: classCode)
    state = DeviceState(device: device, memory: memory, scheduling: scheduling)
    registers = Lock(
      Registers(
        space: ConfigSpace(identity, bars: bars, hasINTx: true, capabilities: list),
        common: CommonConfig(state, vectorCount: msixVectorCount)))
    interrupts = Lock(InterruptState(msix: MSIX(vectorCount: msixVectorCount)))
    thread = scheduling == .ownThread ? try DeviceThread(state) : nil
    state.connect(Interrupts(self))
  }

  /// What the device's thread holds, so that it does not keep the function alive.
  private final class Interrupts: VirtioInterrupts {
    private weak let function: VirtioPCIFunction?
    init(_ function: VirtioPCIFunction) { self.function = function }
    func queueUsed(vector: UInt16) { function?.raise(vector, isr: ISRStatus.queue) }
    func configurationChanged(vector: UInt16) { function?.raise(vector, isr: ISRStatus.configuration) }
    func resetCompleted() { function?.lowerPin() }
  }

  /// Clears ISR status, and so lets go of the pin: the next driver, or the one that shares the line, would find an
  /// interrupt that nobody handles.
  private func lowerPin() {
    interrupts.withLock { interrupts in
      _ = isr.take()
      interrupts.updateINTx(isr: 0)
    }
  }

  /// An interrupt of the device: a message where MSI-X is enabled, else the pin.
  ///
  /// The configuration bit of ISR status is set either way, the queue bit only without MSI-X (§4.1.4.5.1).
  private func raise(_ vector: UInt16, isr bit: UInt8) {
    interrupts.withLock { interrupts in
      if bit == ISRStatus.configuration || !interrupts.msix.isEnabled { isr.set(bit) }
      if interrupts.msix.isEnabled {
        interrupts.signal(vector)
      } else {
        interrupts.updateINTx(isr: isr.value)
      }
    }
  }

  /// Says where interrupts go from now on; see `PCIFunction`.
  public func connect(_ sink: (any InterruptSink)?) {
    interrupts.withLock { $0.connect(sink, isr: isr.value) }
  }

  /// Function reset; see `PCIFunction`.
  public func reset() {
    state.setBusMaster(false)
    state.reset()
    registers.withLock { registers in
      registers.space.reset()
      registers.common.reset()
    }
    lowerPin()
    interrupts.withLock { interrupts in
      interrupts.isINTxDisabled = false
      interrupts.msix = MSIX(vectorCount: msixVectorCount)
    }
  }

  /// Reads a register, or a block of them; see `PCIFunction`.
  public func read(_ region: PCIRegion, at offset: UInt64, into bytes: inout MutableRawSpan) {
    bytes.setLittleEndian(0)
    guard let place = place(of: offset, bytes.byteCount, in: region) else { return }
    switch region {
    case .configuration: readConfiguration(at: place, into: &bytes)
    case .bar(MSIXLayout.bar): readMSIX(at: place, into: &bytes)
    case .bar(ModernLayout.bar): readModern(at: place, into: &bytes)
    case .bar: break
    }
  }

  /// Writes a register; see `PCIFunction`.
  public func write(_ region: PCIRegion, at offset: UInt64, _ bytes: RawSpan) {
    guard let place = place(of: offset, bytes.byteCount, in: region) else { return }
    switch region {
    case .configuration: writeConfiguration(at: place, bytes)
    case .bar(MSIXLayout.bar): writeMSIX(at: place, bytes)
    case .bar(ModernLayout.bar): writeModern(at: place, bytes)
    case .bar: break
    }
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

  // MARK: Configuration space

  private func readConfiguration(at offset: Int, into bytes: inout MutableRawSpan) {
    let data = capabilities.window + AccessWindow.data
    if offset >= data, offset + bytes.byteCount <= data + 4, let target = windowTarget() {
      let value = readWindow(target)
      bytes.setLittleEndian(value >> UInt64((offset - data) * 8))
      return
    }
    registers.withLock { $0.space.read(at: offset, into: &bytes) }
    // PCI_STATUS_INTERRUPT shows the pin's level before the command register disables it.
    if offset <= ConfigSpace.Offset.status, offset + bytes.byteCount > ConfigSpace.Offset.status,
      interrupts.withLock({ !$0.msix.isEnabled && isr.value != 0 })
    {
      let index = ConfigSpace.Offset.status - offset
      bytes.setByte(bytes.byte(at: index) | 8, at: index)
    }
  }

  private func writeConfiguration(at offset: Int, _ bytes: RawSpan) {
    let touched = offset..<offset + bytes.byteCount
    let (command, control) = registers.withLock { registers in
      registers.space.write(at: offset, bytes)
      return (
        UInt16(registers.space.value(at: ConfigSpace.Offset.command, width: 2)),
        UInt16(registers.space.value(at: capabilities.msixControl, width: 2))
      )
    }
    if touched.overlaps(ConfigSpace.Offset.command..<ConfigSpace.Offset.command + 2) {
      state.setBusMaster(command & ConfigSpace.Command.busMaster != 0)
      interrupts.withLock { interrupts in
        interrupts.isINTxDisabled = command & ConfigSpace.Command.intxDisable != 0
        interrupts.updateINTx(isr: isr.value)
      }
    }
    if touched.overlaps(capabilities.msixControl..<capabilities.msixControl + 2) {
      interrupts.withLock { interrupts in
        for message in interrupts.msix.setControl(control) { interrupts.send(message) }
        interrupts.updateINTx(isr: isr.value)
      }
    }
    let data = capabilities.window + AccessWindow.data
    if offset == data, let target = windowTarget(), bytes.byteCount >= target.width {
      write(.bar(target.bar), at: target.offset, bytes.extracting(0..<target.width))
    }
  }

  /// Reads a BAR on behalf of the access window.
  private func readWindow(_ target: (bar: Int, offset: UInt64, width: Int)) -> UInt64 {
    var value = Array<UInt8>(repeating: 0, count: target.width)
    var span = value.mutableSpan
    var bytes = unsafe span.mutableBytes  // any byte is a UInt8
    read(.bar(target.bar), at: target.offset, into: &bytes)
    return bytes.bytes.littleEndianValue
  }

  /// What the access window points at now.
  private func windowTarget() -> (bar: Int, offset: UInt64, width: Int)? {
    registers.withLock { registers in
      let window = capabilities.window
      return AccessWindow.target(
        bar: registers.space.value(at: window + AccessWindow.bar, width: 1),
        offset: registers.space.value(at: window + AccessWindow.offset, width: 4),
        length: registers.space.value(at: window + AccessWindow.length, width: 4))
    }
  }

  // MARK: MSI-X

  private func readMSIX(at offset: Int, into bytes: inout MutableRawSpan) {
    interrupts.withLock { interrupts in
      if offset < MSIXLayout.pending {
        interrupts.msix.readTable(at: offset, into: &bytes)
      } else {
        interrupts.msix.readPending(at: offset - MSIXLayout.pending, into: &bytes)
      }
    }
  }

  private func writeMSIX(at offset: Int, _ bytes: RawSpan) {
    guard offset < MSIXLayout.pending else { return }  // pending bits are the function's
    interrupts.withLock { interrupts in
      for message in interrupts.msix.writeTable(at: offset, bytes) { interrupts.send(message) }
    }
  }

  // MARK: Modern structures

  private func readModern(at offset: Int, into bytes: inout MutableRawSpan) {
    switch offset & ~(ModernLayout.windowSize - 1) {
    case ModernLayout.common:
      registers.withLock { CommonConfig.registers.read($0.common, at: offset, into: &bytes) }
    case ModernLayout.isr:
      // Any access that covers the byte reads it, and so clears it (§4.1.4.5.1).
      guard offset == ModernLayout.isr, bytes.byteCount > 0 else { return }
      interrupts.withLock { interrupts in
        bytes.setByte(isr.take(), at: 0)
        interrupts.updateINTx(isr: isr.value)
      }
    case ModernLayout.device:
      state.readConfiguration(at: offset - ModernLayout.device, into: &bytes)
    default: break  // doorbells read as 0
    }
  }

  private func writeModern(at offset: Int, _ bytes: RawSpan) {
    switch offset & ~(ModernLayout.windowSize - 1) {
    case ModernLayout.common:
      registers.withLock { CommonConfig.registers.write(&$0.common, at: offset, bytes) }
    case ModernLayout.device:
      state.writeConfiguration(at: offset - ModernLayout.device, bytes)
    case ModernLayout.notify:
      // The place names the queue; the value repeats it (§4.1.5.2) and is not needed.
      state.notify(UInt16(clamping: (offset - ModernLayout.notify) / ModernLayout.notifyMultiplier))
    default: break
    }
  }
}
