import GuestDriver

/// Something that a target may hide from the driver, because whoever stands between keeps it.
package enum Observable: String, CaseIterable, Sendable {
  /// The MSI-X table and pending bits as the device keeps them: masks and what waits behind them.
  case vectorTable = "the device's MSI-X table"
  /// Whether an interrupt came, and on which vector.
  case interrupts = "interrupts"
  /// The level of the interrupt pin.
  case pin = "the interrupt pin"
  /// Writes to configuration space arrive at the device, and reads come from it.
  case configurationSpace = "the device's configuration space"
  /// Accesses of any width at any offset arrive as they are.
  case oddAccesses = "accesses of odd width or alignment"
  /// The whole function can be reset without the device status field.
  case functionReset = "a reset of the function"
  /// The target can make the device change its configuration.
  case configurationChange = "a change of the device's configuration"
  /// What the outputs of a GPU show.
  case pictures = "the outputs' pictures"
  /// The pointers on them.
  case cursors = "the outputs' cursors"
}

/// A machine with the device in it, and the memory that it may reach.
package struct Mount {
  package let machine: any Machine
  /// Mapped already; its first block has to hold what a case allocates.
  package let ram: GuestRAMImage

  package init(machine: any Machine, ram: GuestRAMImage) {
    self.machine = machine
    self.ram = ram
  }
}

/// A device to judge, wherever it is.
///
/// The run keeps one mount for all cases, with a reset of the function before each, since some machines take
/// a second to start. It asks for another one only when the old one was lost; that one has been released
/// before.
package protocol ConformanceTarget: AnyObject {
  /// What the report calls it.
  var name: String { get }
  /// What cannot be seen or done here, and why.
  var hidden: [Observable: String] { get }
  /// Brings a device up from nothing.
  func mount() throws -> Mount
  /// Makes the device change its own configuration. Not called when `configurationChange` is hidden.
  func changeConfiguration() throws
  /// What an output of a GPU shows once all flushes are done; nil when it is off. Not called when `pictures` is
  /// hidden.
  func picture(scanout: Int) throws -> ScreenPicture?
  /// The pointer of an output of a GPU; nil when there is no such output. Not called when `cursors` is hidden.
  func cursor(scanout: Int) throws -> ScreenCursor?
}

extension ConformanceTarget {
  package func picture(scanout: Int) throws -> ScreenPicture? {
    throw NotObservable("nobody here sees the outputs")
  }

  package func cursor(scanout: Int) throws -> ScreenCursor? {
    throw NotObservable("nobody here sees the outputs")
  }

  /// Guest memory for a machine that takes any: two neighbouring blocks, mapped for reading and writing.
  package static func mapMemory(to machine: any Machine) throws -> GuestRAMImage {
    let ram = GuestRAMImage()
    let main = try RAMBlock(base: 0x1000_0000, size: 32 << 20)
    for block in [main, try RAMBlock(base: main.end, size: 1 << 20)] {
      ram.add(block)
      try machine.mapRAM(block, access: .readWrite)
    }
    return ram
  }
}

/// A device behind a vfio-user socket.
package final class VfioUserTarget: ConformanceTarget {
  private let path: String

  /// The device of the server that listens at `path`.
  package init(path: String) { self.path = path }

  package var name: String { "vfio-user:\(path)" }

  package var hidden: [Observable: String] {
    [
      .vectorTable: "a vfio-user client keeps the MSI-X table",
      .configurationChange: "the server is another process",
      .pictures: "the server shows its outputs elsewhere",
      .cursors: "the server shows its outputs elsewhere",
    ]
  }

  package func mount() throws -> Mount {
    let machine = try VfioUserMachine(path: path)
    return Mount(machine: machine, ram: try Self.mapMemory(to: machine))
  }

  package func changeConfiguration() throws { throw NotObservable("the server is another process") }
}

/// A device of a QEMU that is started for it and driven by its qtest protocol.
package final class QtestTarget: ConformanceTarget {
  private let command: [String]
  /// The `id=` of a GPU of QEMU's own: QEMU finds the picture of this device by it, whatever others there are.
  private let gpu: String?
  /// Of the present mount.
  private weak var machine: QtestMachine?

  /// - Parameter command: QEMU and its arguments: machine, device.
  package init(command: [String]) {
    self.command = command
    gpu = command.lazy.filter { $0.hasPrefix("virtio-gpu") || $0.hasPrefix("virtio-vga") }
      .flatMap { $0.split(separator: ",") }.first { $0.hasPrefix("id=") }.map { String($0.dropFirst(3)) }
  }

  package var name: String { "qtest:\(command.joined(separator: " "))" }

  package var hidden: [Observable: String] {
    var hidden: [Observable: String] = [
      .configurationChange: "nothing here makes the device change its configuration",
      .cursors: "QEMU's monitor does not show the cursor",
    ]
    if gpu == nil { hidden[.pictures] = "the command names no GPU of QEMU's with id=" }
    if command.contains(where: { $0.contains("vfio-user-pci") }) {
      hidden[.vectorTable] = "QEMU keeps the MSI-X table in front of a vfio-user device"
    }
    return hidden
  }

  package func mount() throws -> Mount {
    let machine = try QtestMachine(command: command)
    self.machine = machine
    return Mount(machine: machine, ram: machine.ram)
  }

  package func changeConfiguration() throws { throw NotObservable("nothing here changes it") }

  package func picture(scanout: Int) throws -> ScreenPicture? {
    guard let machine, let gpu else { throw NotObservable("no machine, or no GPU of a name") }
    let screen = try machine.screenshot(device: gpu, output: scanout)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(screen.width * screen.height * 4)
    for at in stride(from: 0, to: screen.bytes.count, by: 3) {
      bytes += screen.bytes[at..<at + 3].reversed()  // R, G, B
      bytes.append(0)
    }
    return ScreenPicture(width: screen.width, height: screen.height, bytes: bytes)
  }
}
