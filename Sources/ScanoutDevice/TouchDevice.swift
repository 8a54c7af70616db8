public import GuestRAM
public import PCIBus
public import VirtioCore
import VirtioInput
public import VirtioPCI

/// A virtio touchscreen on a PCI bus, for several fingers.
///
/// As a `KeyboardDevice` otherwise. Methods return false when the guest takes nothing and there is no more room; it is
/// told where the fingers are once it takes events again.
public final class TouchDevice: Sendable {
  /// Fingers that are told apart, as slots from 0.
  public static let slotCount = InputState.contactCount
  /// The largest place on each axis; 0 is at the left and the top.
  public static let largestPlace = Int(InputKind.largestPlace)

  /// The function that the guest sees: reads, writes, interrupts, reset.
  public var function: any PCIFunction { input.function }
  /// The guest's memory; regions may be added and removed at any time.
  public var memory: GuestMemory { input.memory }
  let input: InputFunction

  /// A touchscreen as after power-on; see `KeyboardDevice.init`.
  ///
  /// - Throws: `HostError` when the system has no thread to give, or (`EINVAL`) for a legacy interface.
  public init(
    memory: GuestMemory, scheduling: Scheduling = .ownThread, pci: VirtioPCIOptions = VirtioPCIOptions(),
    serial: String = ""
  ) throws(HostError) {
    input = try InputFunction(
      InputDevice(.touch, serial: serial), memory: memory, scheduling: scheduling, pci: pci)
  }

  /// A finger touches the screen or has moved; one outside 0 to `largestPlace` is at the edge.
  ///
  /// - Parameter slot: which finger, 0 to `slotCount - 1`; another is ignored.
  @discardableResult
  public func touch(slot: Int, x: Int, y: Int) -> Bool {
    guard (0..<Self.slotCount).contains(slot) else { return true }
    return input.send([.contact(slot: slot, x: Self.place(x), y: Self.place(y))])
  }

  /// A finger leaves the screen.
  @discardableResult
  public func lift(slot: Int) -> Bool {
    guard (0..<Self.slotCount).contains(slot) else { return true }
    return input.send([.lift(slot: slot)])
  }

  /// Touches a place with the first finger and lifts it.
  ///
  /// - Returns: false when there is no room for all of it; then nothing was done.
  public func tap(x: Int, y: Int) -> Bool {
    input.sendAll([[.contact(slot: 0, x: Self.place(x), y: Self.place(y))], [.lift(slot: 0)]])
  }

  private static func place(_ value: Int) -> Int32 { Int32(min(max(value, 0), largestPlace)) }
}
