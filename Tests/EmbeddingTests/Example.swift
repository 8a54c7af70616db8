// A VMM in sixty lines: what an embedder writes to give its guest a display. The guest here is the driver simulator.
import DeviceMachine
import GuestDriver
import ScanoutDevice

/// Shows what the guest draws: told of changes on the device's thread, it takes pixels on a thread of its own.
final class Viewer: DisplayFrontEnd {
  // The version this was built for, its constants as they were then.
  let interface = InterfaceVersion(type: "display", label: "example", major: 1, minor: 0)

  func attached(to channel: any DisplayChannel) {}
  func outputChanged(_ index: Int) {}  // a real one wakes its thread here

  /// A pixel of output 0 as 0x00RRGGBB, brought up to date first; nil while the output is off.
  func pixel(_ x: Int, _ y: Int, of channel: any DisplayChannel) -> UInt32? {
    _ = channel.takeChanges(ofOutput: 0)
    return channel.withSurface(ofOutput: 0) { $0.pixel(x: x, y: y) }
  }
}

/// A machine with a display.
struct ExampleVMM {
  let memory = GuestMemory()
  let device: DisplayDevice
  let viewer = Viewer()
  let channel: any DisplayChannel

  init() throws {
    // One output. The device starts a thread of its own for the rings.
    guard let output = OutputMode(width: 640, height: 480) else { preconditionFailure("a valid size") }
    device = try DisplayDevice(outputs: [output], memory: memory)
    channel = try device.attach(viewer)
  }

  /// Boots the guest and lets it draw one picture of the given colour.
  func run(blue: UInt8, green: UInt8, red: UInt8) throws {
    // The guest's memory: a shared file at a guest address. Here the simulator owns the file and asks its machine to
    // map it, which ends in `memory.add(MappedRegion(fileDescriptor: ...), at: ...)`.
    let ram = GuestRAMImage()
    let block = try RAMBlock(base: 0x4000_0000, size: 16 << 20)
    ram.add(block)
    // The machine brings the guest's accesses to `device.function` and takes interrupts from it.
    let machine = try InProcessMachine(device.function, memory: memory)
    try machine.mapRAM(block, access: .readWrite)

    let guest = GPUDriver(machine, ram: ram)
    try guest.bringUp()
    let picture = try guest.createFramebuffer(width: 640, height: 480)
    guest.draw(picture) { _, _ in GPUPixel(red: red, green: green, blue: blue) }
    try guest.show(picture)
    try guest.present(picture)
  }
}
