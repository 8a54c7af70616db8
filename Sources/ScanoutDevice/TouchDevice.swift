public import FrontEndAPI
public import GuestRAM
import HostThreads
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
  public static let slotCount = PointerInterface.contactCount
  /// The largest place on each axis; 0 is at the left and the top.
  public static let largestPlace = PointerInterface.largestPlace

  /// The function that the guest sees: reads, writes, interrupts, reset.
  public var function: any PCIFunction { input.function }
  /// The guest's memory; regions may be added and removed at any time.
  public var memory: GuestMemory { input.memory }
  let input: InputFunction
  /// Which finger of whom each slot is. Held while the guest is told, so that it hears of them in their order.
  private let owners = Lock([Owner?](repeating: nil, count: slotCount))

  private struct Owner: Equatable {
    let holder: ObjectIdentifier
    let contact: Int
  }

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

  /// Opens the handshake with a front-end and attaches it: it has fingers of its own.
  ///
  /// - Throws: `InterfaceMismatch` when the front-end was built for another major version.
  public func attach(_ frontEnd: any PointerFrontEnd) throws(InterfaceMismatch) -> any PointerChannel {
    let interface = InterfaceVersion(
      type: PointerInterface.type, label: "virtio touchscreen", major: PointerInterface.major,
      minor: PointerInterface.minor)
    let attachment = TouchAttachment(self, version: try interface.agreed(with: frontEnd.interface))
    frontEnd.attached(to: attachment)
    return attachment
  }

  /// A finger touches the screen or has moved; one outside 0 to `largestPlace` is at the edge.
  ///
  /// - Parameters:
  ///   - slot: which finger, 0 to `slotCount - 1`; another is ignored. The guest sees it in this slot, or in a free
  ///     one when a front-end's finger has it.
  ///   - x: its place from the left.
  ///   - y: its place from the top.
  @discardableResult
  public func touch(slot: Int, x: Int, y: Int) -> Bool { touch(slot, x: x, y: y, by: ObjectIdentifier(self)) }

  /// A finger leaves the screen.
  @discardableResult
  public func lift(slot: Int) -> Bool { lift(slot, by: ObjectIdentifier(self)) }

  /// A finger of one of several holders; nothing happens when all slots are others'.
  func touch(_ contact: Int, x: Int, y: Int, by holder: ObjectIdentifier) -> Bool {
    guard (0..<Self.slotCount).contains(contact) else { return true }
    let owner = Owner(holder: holder, contact: contact)
    let isKept = owners.withLock { owners in
      guard let slot = owners.firstIndex(of: owner) ?? Self.freeSlot(contact, owners) else { return true }
      owners[slot] = owner
      return input.device.add([.contact(slot: slot, x: Self.place(x), y: Self.place(y))])
    }
    input.lookAgain()
    return isKept
  }

  /// The contact's own number if that is free.
  private static func freeSlot(_ contact: Int, _ owners: [Owner?]) -> Int? {
    owners[contact] == nil ? contact : owners.firstIndex(of: nil)
  }

  /// A finger of a holder leaves the screen.
  func lift(_ contact: Int, by holder: ObjectIdentifier) -> Bool {
    lift { $0 == Owner(holder: holder, contact: contact) }
  }

  /// All fingers of a holder leave the screen.
  func liftAll(by holder: ObjectIdentifier) { _ = lift { $0.holder == holder } }

  private func lift(_ isMeant: (Owner) -> Bool) -> Bool {
    let isKept = owners.withLock { owners in
      var lifted: [InputChange] = []
      for (slot, owner) in owners.enumerated() {
        guard let owner, isMeant(owner) else { continue }
        owners[slot] = nil
        lifted.append(.lift(slot: slot))
      }
      return input.device.add(lifted)
    }
    input.lookAgain()
    return isKept
  }

  /// Touches a place with a finger that is free, and lifts it.
  ///
  /// - Parameters:
  ///   - x: the place from the left.
  ///   - y: the place from the top.
  ///   - part: whether the finger stays, or leaves from there.
  /// - Returns: false when there is no room for all of it; then nothing was done.
  public func tap(x: Int, y: Int, part: PointerDevice.ClickPart = .whole) -> Bool {
    let owner = Owner(holder: ObjectIdentifier(self), contact: 0)
    let isKept = owners.withLock { owners in
      // A finger that stays is this holder's first one.
      let kept = part == .whole ? nil : owners.firstIndex(of: owner)
      guard let slot = kept ?? owners.firstIndex(of: nil) else { return false }
      let contact = [InputChange.contact(slot: slot, x: Self.place(x), y: Self.place(y))]
      guard input.device.addAll(part == .press ? [contact] : [contact, [.lift(slot: slot)]]) else {
        return false
      }
      owners[slot] = part == .press ? owner : nil
      return true
    }
    if isKept { input.lookAgain() }
    return isKept
  }

  private static func place(_ value: Int) -> Int32 { Int32(min(max(value, 0), largestPlace)) }
}
