import GuestRAM
import HostThreads
import PCIBus
import VirtioCore
import VirtioInput
import VirtioPCI

/// A virtio input device of any kind on a PCI bus: what the public devices share.
final class InputFunction: Sendable {
  let function: VirtioPCIFunction
  let memory: GuestMemory
  let device: InputDevice
  /// Taken before the device's own lock, so that the guest hears of keys in the order in which they changed here.
  private let held = Lock(HeldKeys())

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
    lookAgain()
    return isKept
  }

  /// Brings several such packets to the guest, or none of them. Keys that somebody holds down stay down.
  func sendAll(_ packets: [[InputChange]]) -> Bool {
    let isKept = held.withLock { held in
      device.addAll(
        packets.map { packet in
          packet.filter { change in
            if case .key(let code, false) = change { !held.isHeld(code) } else { true }
          }
        })
    }
    if isKept { lookAgain() }
    return isKept
  }

  /// A key or button that one of several holders presses or lets go; false when it was dropped.
  func hold(_ code: UInt16, isPressed: Bool, by holder: ObjectIdentifier) -> Bool {
    let isKept = held.withLock { held in
      held.change(code, isPressed: isPressed, by: holder).map { device.add([$0]) } ?? true
    }
    lookAgain()
    return isKept
  }

  /// A holder lets go of every key and button.
  func releaseAll(by holder: ObjectIdentifier) {
    held.withLock { held in _ = device.add(held.releaseAll(by: holder)) }
    lookAgain()
  }

  /// The device has events for the guest; called without a lock, since it may work the ring on this thread.
  func lookAgain() { function.lookAgain(at: InputDevice.Queue.event) }
}
