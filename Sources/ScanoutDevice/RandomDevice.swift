public import GuestRAM
public import PCIBus
public import VirtioCore
import VirtioEntropy
public import VirtioPCI

/// A virtio entropy device on a PCI bus: gives a guest random numbers of the host's.
///
/// As a `DisplayDevice` without the display: give it the guest's memory, bring the guest's accesses to `function`, and
/// take interrupts from it.
public final class RandomDevice: Sendable {
  /// The function that the guest sees: reads, writes, interrupts, reset.
  public var function: any PCIFunction { virtioFunction }
  /// The guest's memory; regions may be added and removed at any time.
  public let memory: GuestMemory
  let entropy: EntropyDevice
  let virtioFunction: VirtioPCIFunction

  /// A device as after power-on.
  ///
  /// - Parameters:
  ///   - memory: where the guest's memory is mapped, now or later.
  ///   - scheduling: who works the rings; a thread of the device's own unless said otherwise.
  ///   - pci: how the function appears on the bus.
  /// - Throws: `HostError` when the system has no memory or no thread to give, or when its random number generator has
  ///   not been seeded yet (`EAGAIN`).
  public init(
    memory: GuestMemory, scheduling: Scheduling = .ownThread, pci: VirtioPCIOptions = VirtioPCIOptions()
  ) throws(HostError) {
    let device = try EntropyDevice(source: SystemEntropy())
    self.memory = memory
    entropy = device
    do {
      // 0x00ff00: a device that PCI has no class for.
      virtioFunction = try VirtioPCIFunction(
        device, classCode: 0x00ff00, memory: memory, scheduling: scheduling, options: pci)
    } catch {
      throw HostError(operation: "start the device's thread", errno: error.errno)
    }
  }
}
