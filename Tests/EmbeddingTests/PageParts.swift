// The pieces that the embedding page shows beside its first program; each stands there as it stands here, between the lines
// that name it and end it.
import Dispatch
import FrontEndVNC
import HostLoop
import ScanoutDevice

struct PageParts {
  let memory: GuestMemory
  let device: DisplayDevice
  var function: any PCIFunction { device.function }
}

extension PageParts {
  // page: memory
  /// The VMM plugs memory in that other processes share, such as a memfd of the guest's RAM.
  func plugIn(fileDescriptor: CInt, byteCount: UInt64, at address: UInt64) throws {
    let region = try MappedRegion(
      fileDescriptor: fileDescriptor, offset: 0, count: byteCount, writable: true)
    try memory.add(region, at: GuestAddress(address))
  }

  /// The guest has let go of it. The device touches none of it any more when this returns.
  func unplug(byteCount: UInt64, at address: UInt64) throws {
    guard let range = GuestRange(start: GuestAddress(address), count: byteCount) else { return }
    try memory.remove(range)
  }
  // end

  // page: doorbells
  /// Hands the doorbells that can be reached at the moment to `watch`: a place, whether that is a port, the value that a
  /// write must have (nil: any), and what to do when it was written.
  func watchDoorbells(
    _ watch: (UInt64, _ isPort: Bool, _ match: UInt16?, _ written: @escaping @Sendable () -> Void) -> Void
  ) {
    for doorbell in function.doorbells {
      guard let start = function.address(ofBAR: doorbell.bar) else { continue }
      let isPort = function.bars[doorbell.bar].kind == .io
      watch(start + doorbell.offset, isPort, doorbell.match) { [function] in function.ring(doorbell) }
    }
  }
  // end

  // page: vnc
  /// Shows output 0 to VNC viewers, for as long as the VMM keeps the loop and the server.
  func serve(at address: VNCAddress, on loop: HostLoop) throws -> VNCServer {
    try VNCServer(
      at: address, output: 0, name: "my VMM", protection: .local, core: loop,
      attach: { [device] frontEnd in try device.attach(frontEnd) })
  }
  // end

  // page: resize
  /// The window that shows output 0 has another size: the guest hears of it as of another monitor.
  func resized(width: Int, height: Int) {
    guard let mode = OutputMode(width: width, height: height) else { return }
    device.setOutput(0, to: OutputPreference(mode: mode))
  }
  // end
}

// page: window
/// A front-end of your own, with a thread of its own.
final class Window: DisplayFrontEnd {
  let interface = InterfaceVersion(type: "display", label: "my window", major: 1, minor: 1)
  private let wake = DispatchSemaphore(value: 0)

  func attached(to channel: any DisplayChannel) {}

  /// On the device's thread: wake your own and return.
  func outputChanged(_ index: Int) { wake.signal() }

  /// One turn of your thread: waits until output 0 has changed, and draws what did.
  func turn(_ channel: any DisplayChannel, draw: (Rectangle, borrowing Surface) -> Void) {
    wake.wait()
    guard let changes = channel.takeChanges(ofOutput: 0) else { return }
    _ = channel.withSurface(ofOutput: 0) { surface in
      for area in changes.damage { draw(area, surface) }
    }
  }
}
// end
