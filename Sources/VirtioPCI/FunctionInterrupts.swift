import HostThreads
import PCIBus
import VirtioCore

/// A function's interrupts and ISR status: held by the function, by its register files and by the device's state, and
/// holding none of them.
///
/// Its lock is the innermost of the function's: it is taken inside the function's and the device's short locks, and
/// inside it only what the sink has. The device's thread takes it alone.
final class FunctionInterrupts: VirtioInterrupts {
  private let state: Lock<InterruptState>
  private let isr = ISRStatus()

  init(vectorCount: Int) { state = Lock(InterruptState(vectorCount: vectorCount)) }

  // MARK: The device's side

  func queueUsed(vector: UInt16) { raise(vector, isr: ISRStatus.queue) }

  func configurationChanged(vector: UInt16) { raise(vector, isr: ISRStatus.configuration) }

  /// Clears ISR status, and so lets go of the pin, and takes back the messages that wait: the next driver, or the one
  /// that shares the line, would find an interrupt that nobody handles (virtio 1.4 §2.4.1).
  func resetCompleted() {
    state.withLock { state in
      _ = isr.take()
      state.updateINTx(isr: 0)
      state.dropPending()
    }
  }

  /// A message where MSI-X is enabled, else the pin.
  ///
  /// The configuration bit of ISR status is set either way, the queue bit only without MSI-X (§4.1.4.5.1).
  private func raise(_ vector: UInt16, isr bit: UInt8) {
    state.withLock { state in
      if bit == ISRStatus.configuration || !state.msix.isEnabled { isr.set(bit) }
      if state.msix.isEnabled {
        state.signal(vector)
      } else {
        state.updateINTx(isr: isr.value)
      }
    }
  }

  /// Everything as it is at one moment.
  var present: (vectors: MSIXSnapshot, isPinDisabled: Bool, isPinAsserted: Bool, isr: UInt8) {
    state.withLock { ($0.vectors, $0.isPinDisabled, $0.isAsserted, isr.value) }
  }

  // MARK: The function's side

  /// Says where interrupts go from now on.
  func connect(_ sink: (any InterruptSink)?) { state.withLock { $0.connect(sink, isr: isr.value) } }

  /// As after power-on; where interrupts go stays.
  func reset(vectorCount: Int) {
    state.withLock { state in
      _ = isr.take()
      state.reset(vectorCount: vectorCount)
    }
  }

  /// What the command register and the power state allow.
  func allow(messages: Bool, pin: Bool) {
    state.withLock { $0.allow(messages: messages, pin: pin, isr: isr.value) }
  }

  /// The message control register of the MSI-X capability was written.
  func setVectorControl(_ control: UInt16) {
    state.withLock { $0.setVectorControl(control, isr: isr.value) }
  }

  var hasVectors: Bool { state.withLock { $0.msix.isEnabled } }

  /// PCI_STATUS_INTERRUPT: an interrupt waits for the pin, whatever the command register says of that.
  var isPinWanted: Bool { state.withLock { !$0.msix.isEnabled && isr.value != 0 } }

  /// Reads ISR status, which clears it; the pin follows with `updatePin`.
  func takeISR() -> UInt8 { isr.take() }

  /// The pin follows ISR status, which a driver has read.
  func updatePin() { state.withLock { $0.updateINTx(isr: isr.value) } }

  func readTable(at offset: Int, into bytes: inout MutableRawSpan) {
    state.withLock { $0.msix.readTable(at: offset, into: &bytes) }
  }

  func readPending(at offset: Int, into bytes: inout MutableRawSpan) {
    state.withLock { $0.msix.readPending(at: offset, into: &bytes) }
  }

  func writeTable(at offset: Int, _ bytes: RawSpan) { state.withLock { $0.writeTable(at: offset, bytes) } }
}
