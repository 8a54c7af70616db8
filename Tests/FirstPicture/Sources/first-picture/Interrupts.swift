import Dispatch
import ScanoutDevice

/// Where the function's interrupts go. It is called on other threads than yours: pass the interrupt on, and return.
final class Interrupts: InterruptSink {
  /// What the guest of this example sleeps on.
  let pin = DispatchSemaphore(value: 0)

  /// The function keeps the MSI-X table, and messages come with their address and data.
  let ownsMSIXTable = false

  func signalMessage(vector: Int, address: UInt64, data: UInt32) {
    // On KVM: KVM_SIGNAL_MSI with this address and data.
  }

  func setINTx(asserted: Bool) {
    // On KVM: KVM_IRQ_LINE with the number of the line that INTA of this slot is wired to.
    if asserted { pin.signal() }
  }
}
