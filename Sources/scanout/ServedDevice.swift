import DisplayModel
import FrontEndPNG
import GuestRAM
import Logging
import ScanoutDevice
import VfioUser

/// A virtio GPU on a vfio-user socket with a picture front-end: the parts of the package put together.
final class ServedDevice: Sendable {
  /// Shows what the guest shows.
  let pictures = PictureFrontEnd()
  private let server: Server

  /// Makes the device and listens; VMMs may connect when this returns and are served by `run`.
  ///
  /// - Parameters:
  ///   - outputs: 1 to 16 sizes.
  ///   - socket: the path where VMMs connect.
  init(outputs: [OutputSize], socket: String, logger: Logger) throws {
    // A VMM may hand over a file without a seal and shrink it.
    try BusFaultGuard.install()
    let modes = outputs.compactMap { OutputMode(width: $0.width, height: $0.height) }
    precondition(modes.count == outputs.count, "the command takes no size that the device does not")
    let device = try DisplayDevice(outputs: modes, memory: GuestMemory()) { refused in
      logger.notice(
        "a request of the guest was refused",
        metadata: [
          "reason": "\(refused.kind)", "type": "0x\(String(refused.type, radix: 16))",
          "queue": "\(refused.queue)", "unlogged": "\(refused.suppressed)",
        ])
    }
    // The front-end keeps the channel.
    _ = try device.attach(pictures)
    server = try Server(path: socket, function: device.function, memory: device.memory, logger: logger)
  }

  /// Serves VMMs on the calling thread until `stop`, or until the first has left.
  func run(once: Bool) throws {
    defer { pictures.detach() }
    try server.run(once: once)
  }

  /// Ends `run` from any thread, now or when it is called.
  func stop() { server.stop() }
}
