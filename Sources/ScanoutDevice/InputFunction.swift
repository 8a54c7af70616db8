import GuestRAM
import PCIBus
import VirtioCore
import VirtioInput
import VirtioPCI

/// A virtio input device of any kind on a PCI bus: what the public devices share.
struct InputFunction: Sendable {
  let function: VirtioPCIFunction
  let memory: GuestMemory
  let device: InputDevice

  /// - Throws: `HostError` when the system has no thread to give, or `EINVAL` when the options ask for a legacy
  ///   interface, for which virtio has neither a PCI id nor a driver.
  init(
    _ device: InputDevice, memory: GuestMemory, scheduling: Scheduling, pci: VirtioPCIOptions
  ) throws(HostError) {
    guard pci.transport == .modern else {
      throw HostError(operation: "give an input device a legacy interface", errno: 22)  // EINVAL
    }
    self.device = device
    self.memory = memory
    do {
      function = try VirtioPCIFunction(
        device, classCode: device.kind.pciClass, memory: memory, scheduling: scheduling, options: pci)
    } catch {
      throw HostError(operation: "start the device's thread", errno: error.errno)
    }
  }

  /// Brings what happened at once to the guest; false when it was dropped.
  func send(_ changes: [InputChange]) -> Bool {
    let isKept = device.add(changes)
    function.lookAgain(at: InputDevice.Queue.event)
    return isKept
  }

  /// Brings several such packets to the guest, or none of them.
  func sendAll(_ packets: [[InputChange]]) -> Bool {
    guard device.addAll(packets) else { return false }
    function.lookAgain(at: InputDevice.Queue.event)
    return true
  }
}
