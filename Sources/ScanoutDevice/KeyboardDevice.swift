public import FrontEndAPI
public import GuestRAM
public import PCIBus
public import VirtioCore
import VirtioInput
public import VirtioPCI

/// A virtio keyboard on a PCI bus.
///
/// Give it the guest's memory, bring the guest's accesses to `function`, take interrupts from it, and say which keys go
/// down and come up. All calls may come from any thread, return at once and never wait for the guest.
public final class KeyboardDevice: Sendable {
  /// The function that the guest sees: reads, writes, interrupts, reset.
  public var function: any PCIFunction { input.function }
  /// The guest's memory; regions may be added and removed at any time.
  public var memory: GuestMemory { input.memory }
  let input: InputFunction
  private let hearers: LightHearers

  /// What the device side offers.
  private static let interface = InterfaceVersion(
    type: KeyboardInterface.type, label: "virtio keyboard", major: KeyboardInterface.major,
    minor: KeyboardInterface.minor)

  /// A keyboard as after power-on.
  ///
  /// - Parameters:
  ///   - memory: where the guest's memory is mapped, now or later.
  ///   - scheduling: who works the rings; a thread of the device's own unless said otherwise.
  ///   - pci: how the function appears on the bus; modern drivers alone can be had.
  ///   - serial: what tells it from other keyboards of the guest's, 128 bytes at most; may be empty.
  ///   - lightsChanged: called with all lights after the guest changed one, on the device's thread; it must return at
  ///     once and must not map or unmap memory.
  /// - Throws: `HostError` when the system has no thread to give, or (`EINVAL`) for a legacy interface.
  public init(
    memory: GuestMemory, scheduling: Scheduling = .ownThread, pci: VirtioPCIOptions = VirtioPCIOptions(),
    serial: String = "", lightsChanged: (@Sendable (KeyboardLights) -> Void)? = nil
  ) throws(HostError) {
    let hearers = LightHearers()
    self.hearers = hearers
    let device = InputDevice(.keyboard, serial: serial) { lights in
      lightsChanged?(lights)
      hearers.tell(lights)
    }
    input = try InputFunction(device, memory: memory, scheduling: scheduling, pci: pci)
  }

  /// Opens the handshake with a front-end and attaches it. What it holds down and what is pressed here are kept apart.
  ///
  /// - Throws: `InterfaceMismatch` when the front-end was built for another major version.
  public func attach(_ frontEnd: any KeyboardFrontEnd) throws(InterfaceMismatch) -> any KeyboardChannel {
    let version = try Self.interface.agreed(with: frontEnd.interface)
    let attachment = KeyboardAttachment(input, version: version, hearers: hearers)
    frontEnd.attached(to: attachment)
    attachment.open(for: frontEnd)
    return attachment
  }

  /// A key goes down or comes up. The guest repeats keys that stay down: saying so again changes nothing.
  ///
  /// - Returns: false when the guest takes nothing and there is no more room. A key that comes up then is not forgotten:
  ///   the guest is told once it takes events again.
  @discardableResult
  public func key(_ key: KeyCode, isPressed: Bool) -> Bool {
    guard key.name != nil else { return true }  // no keyboard has it
    return input.hold(key.rawValue, isPressed: isPressed, by: ObjectIdentifier(self))
  }

  /// Strikes keys one after the other: what each stroke names goes down in its order, and comes up in the opposite one.
  ///
  /// - Returns: false when there is no room for all of it; then nothing was done.
  public func type(_ strokes: [KeyStroke]) -> Bool {
    var packets: [[InputChange]] = []
    for stroke in strokes {
      let keys = stroke.keys.filter { $0.name != nil }
      for key in keys { packets.append([.key(key.rawValue, isPressed: true)]) }
      for key in keys.reversed() { packets.append([.key(key.rawValue, isPressed: false)]) }
    }
    return input.sendAll(packets)
  }

  /// The lights as the guest has set them; none before a driver has.
  public var lights: KeyboardLights { input.device.presentLights }
}
