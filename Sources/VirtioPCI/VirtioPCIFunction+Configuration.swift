import PCIBus
import VirtioPCIModern

/// Configuration space, and what a write to it sets off.
extension VirtioPCIFunction {
  func readConfiguration(at offset: Int, into bytes: inout MutableRawSpan) {
    if let value = readThroughWindow(at: offset, bytes.byteCount) { return bytes.setLittleEndian(value) }
    registers.withLock { $0.space.read(at: offset, into: &bytes) }
    // PCI_STATUS_INTERRUPT shows the pin's level before the command register disables it.
    if offset <= ConfigSpace.Offset.status, offset + bytes.byteCount > ConfigSpace.Offset.status,
      interrupts.isPinWanted
    {
      let index = ConfigSpace.Offset.status - offset
      bytes.setByte(bytes.byte(at: index) | 8, at: index)
    }
  }

  func writeConfiguration(at offset: Int, _ bytes: RawSpan) {
    let touched = offset..<offset + bytes.byteCount
    func touches(_ place: Int?) -> Bool { place.map { touched.overlaps($0..<$0 + 2) } ?? false }
    let places = layout.places
    if let control = places.expressControl, asksForReset(control, offset, bytes) { return reset() }
    registers.withLock { registers in
      let power = places.powerControl.map { registers.space.value(at: $0, width: 1) }
      registers.space.write(at: offset, bytes)
      // A power state that the function has not is discarded (PCI Power Management 1.2 §3.2.4).
      if let control = places.powerControl, let power,
        !PowerManagement.isSupported(registers.space.value(at: control, width: 1))
      {
        let last = [UInt8(truncatingIfNeeded: power)]
        unsafe registers.space.write(at: control, last.span.bytes)  // a UInt8 has no hole
      }
      if touches(ConfigSpace.Offset.command) || touches(places.powerControl) {
        followCommand(registers.space)
      }
      if touches(places.msixControl) {
        interrupts.setVectorControl(UInt16(registers.space.value(at: places.msixControl, width: 2)))
      }
    }
    writeThroughWindow(at: offset, bytes)
  }

  /// Whether a write sets Initiate Function Level Reset (PCI Express 1.1, ECN "Function Level Reset") in the device
  /// control register at `control`.
  private func asksForReset(_ control: Int, _ offset: Int, _ bytes: RawSpan) -> Bool {
    let upper = control + 1 - offset
    return (0..<bytes.byteCount).contains(upper)
      && UInt16(bytes.byte(at: upper)) << 8 & Express.initiateReset != 0
  }

  /// The command register and the power state say whether the device may use the bus and the pin.
  ///
  /// Under the function's short lock: of two writes the last one counts, here as in the register.
  func followCommand(_ space: ConfigSpace) {
    let command = UInt16(space.value(at: ConfigSpace.Offset.command, width: 2))
    let isOn =
      layout.places.powerControl.map { PowerManagement.isFullyOn(space.value(at: $0, width: 2)) } ?? true
    let isBusMaster = isOn && command & ConfigSpace.Command.busMaster != 0
    isFullyOn.store(isOn, ordering: .releasing)
    state.setBusMaster(isBusMaster)
    interrupts.allow(messages: isBusMaster, pin: isOn && command & ConfigSpace.Command.intxDisable == 0)
  }

  // MARK: The access window (virtio 1.4 §4.1.4.9)

  /// What a read inside `pci_cfg_data` finds behind the window; nil: it is not such a read.
  private func readThroughWindow(at offset: Int, _ count: Int) -> UInt64? {
    guard let window = layout.places.window else { return nil }
    let data = window + AccessWindow.data
    guard offset >= data, offset + count <= data + 4, let target = windowTarget(window) else { return nil }
    var value = Array<UInt8>(repeating: 0, count: target.width)
    var span = value.mutableSpan
    var bytes = unsafe span.mutableBytes  // any byte is a UInt8
    read(.bar(target.bar), at: target.offset, into: &bytes)
    return bytes.bytes.littleEndianValue >> UInt64((offset - data) * 8)
  }

  private func writeThroughWindow(at offset: Int, _ bytes: RawSpan) {
    guard let window = layout.places.window, offset == window + AccessWindow.data,
      let target = windowTarget(window), bytes.byteCount >= target.width
    else { return }
    write(.bar(target.bar), at: target.offset, bytes.extracting(0..<target.width))
  }

  /// What the access window points at now.
  private func windowTarget(_ window: Int) -> (bar: Int, offset: UInt64, width: Int)? {
    registers.withLock { registers in
      AccessWindow.target(
        bar: registers.space.value(at: window + AccessWindow.bar, width: 1),
        offset: registers.space.value(at: window + AccessWindow.offset, width: 4),
        length: registers.space.value(at: window + AccessWindow.length, width: 4))
    }
  }
}
