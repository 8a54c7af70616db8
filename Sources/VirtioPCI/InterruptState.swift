import HostThreads
import PCIBus

/// What decides where an interrupt goes; behind the interrupt lock, which both register accesses and the device's
/// thread take for a moment.
struct InterruptState {
  private(set) var msix: MSIX
  private var sink: (any InterruptSink)?
  /// INTx is disabled by the command register or the power state.
  private(set) var isPinDisabled = false
  /// The level that the sink was told last.
  private(set) var isAsserted = false

  init(vectorCount: Int) { msix = MSIX(vectorCount: vectorCount) }

  /// The vectors as they are now.
  var vectors: MSIXSnapshot {
    var vectors = msix.snapshot
    vectors.isTableOfHost = sink?.ownsMSIXTable ?? false
    return vectors
  }

  /// Sends a vector's message, now or when it may be sent.
  mutating func signal(_ vector: UInt16) {
    if let message = msix.signal(Int(vector)) { send(message) }
  }

  private func send(_ message: MSIX.Message) {
    guard let sink else { return }
    Callout.run {
      if sink.ownsMSIXTable {
        sink.signalMessage(vector: message.vector, address: 0, data: 0)
      } else {
        sink.signalMessage(vector: message.vector, address: message.address, data: message.data)
      }
    }
  }

  mutating func writeTable(at offset: Int, _ bytes: RawSpan) {
    for message in msix.writeTable(at: offset, bytes) { send(message) }
  }

  mutating func setVectorControl(_ control: UInt16, isr: UInt8) {
    for message in msix.setControl(control) { send(message) }
    updateINTx(isr: isr)
  }

  /// A message is a write to memory, so it waits while the function may not write; the pin has a bit of its own.
  mutating func allow(messages: Bool, pin: Bool, isr: UInt8) {
    for message in msix.allowMessages(messages) { send(message) }
    isPinDisabled = !pin
    updateINTx(isr: isr)
  }

  /// Messages that wait are void.
  mutating func dropPending() { msix.dropPending() }

  /// Tells the sink the level of the pin if it has changed. MSI-X silences the pin (PCI 3.0 §6.8.3.3).
  mutating func updateINTx(isr: UInt8) {
    let level = isr != 0 && !msix.isEnabled && !isPinDisabled
    guard level != isAsserted else { return }
    isAsserted = level
    Callout.run { sink?.setINTx(asserted: level) }
  }

  /// A new sink has not been told anything. One that keeps the table itself also masks vectors itself.
  mutating func connect(_ sink: (any InterruptSink)?, isr: UInt8) {
    self.sink = sink
    msix.ignoresMasks = sink?.ownsMSIXTable ?? false
    isAsserted = false
    updateINTx(isr: isr)
  }

  /// As after power-on; the sink stays.
  mutating func reset(vectorCount: Int) {
    updateINTx(isr: 0)
    isPinDisabled = false
    msix = MSIX(vectorCount: vectorCount)
    msix.ignoresMasks = sink?.ownsMSIXTable ?? false
  }
}
