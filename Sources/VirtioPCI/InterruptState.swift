import PCIBus

/// What decides where an interrupt goes; behind the interrupt lock, which both register accesses and the device's
/// thread take for a moment.
struct InterruptState {
  var msix: MSIX
  var sink: (any InterruptSink)?
  /// INTx is disabled by the command register or the power state.
  var isPinDisabled = false
  /// The level that the sink was told last.
  private var isAsserted = false

  init(msix: MSIX) { self.msix = msix }

  /// Sends a vector's message, now or when it is unmasked.
  mutating func signal(_ vector: UInt16) {
    guard let sink, msix.isEnabled else { return }
    if sink.ownsMSIXTable {
      guard Int(vector) < msix.entries.count else { return }
      sink.signalMessage(vector: Int(vector), address: 0, data: 0)
    } else if let message = msix.signal(Int(vector)) {
      send(message)
    }
  }

  func send(_ message: MSIX.Message) {
    sink?.signalMessage(vector: message.vector, address: message.address, data: message.data)
  }

  /// Tells the sink the level of the pin if it has changed. MSI-X silences the pin (PCI 3.0 §6.8.3.3).
  mutating func updateINTx(isr: UInt8) {
    let level = isr != 0 && !msix.isEnabled && !isPinDisabled
    guard level != isAsserted else { return }
    isAsserted = level
    sink?.setINTx(asserted: level)
  }

  /// A new sink has not been told anything.
  mutating func connect(_ sink: (any InterruptSink)?, isr: UInt8) {
    self.sink = sink
    isAsserted = false
    updateINTx(isr: isr)
  }
}
