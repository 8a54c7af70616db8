import ScanoutDevice

/// The functions on the machine's PCI bus.
struct Devices {
  let display: DisplayDevice
  let keyboard: KeyboardDevice
  let tablet: PointerDevice
  let random: RandomDevice

  /// - Parameters:
  ///   - outputs: of the display.
  ///   - transport: the interfaces that drivers find; input devices have the modern one alone.
  init(memory: GuestMemory, outputs: [OutputMode], transport: VirtioPCIOptions.Transport) throws {
    var bus = VirtioPCIOptions()
    bus.transport = transport
    // A queue's doorbell is then alone in its page, which some processors' KVM finds faster.
    bus.hasDoorbellPages = transport != .legacy
    display = try DisplayDevice(outputs: outputs, memory: memory, pci: bus)
    keyboard = try KeyboardDevice(memory: memory)
    tablet = try PointerDevice(.tablet, memory: memory)
    random = try RandomDevice(memory: memory, pci: bus)
  }

  /// By their place on the bus, from device 1 on.
  var functions: [any PCIFunction] {
    [display.function, keyboard.function, tablet.function, random.function]
  }

  /// The interrupt lines of their pins: those that a PC has to spare.
  static let lines = [10, 11, 5, 9]
}
