import ControlSocket
import FrontEndPNG
import FrontEndVNC
import HostLoop
import ScanoutDevice

/// Everything that looks at the machine from outside, and operates it.
struct Viewing {
  private let pictures = PictureFrontEnd()
  private let loop: HostLoop?
  private let viewers: VNCServer?
  private let controlServer: ControlServer?

  /// - Parameters:
  ///   - control: the path of a control socket, if there is to be one.
  ///   - vnc: where VNC viewers connect, if they may.
  init(of devices: Devices, control: String?, vnc: VNCAddress?) throws {
    // The front-end keeps its channel.
    _ = try devices.display.attach(pictures)
    controlServer = try control.map { [pictures] path in
      try ControlServer(path: path) { request in
        guard case .screenshot(let scanout, let withCursor, let encoding) = request else {
          return .failure(ControlFailure(.badRequest, "not here"))
        }
        do {
          let picture = try pictures.picture(ofOutput: scanout, withCursor: withCursor)
          return .content(encoding == .png ? try picture.pngBytes() : picture.ppmBytes())
        } catch { return .failure(ControlFailure(.failed, "\(error)")) }
      }
    }
    let display = devices.display, keyboard = devices.keyboard, tablet = devices.tablet
    let loop = try vnc.map { _ in try HostLoop(name: "viewers") }
    self.loop = loop
    var controls = VNCControls()
    controls.keyboard = { try keyboard.attach($0) }
    controls.pointer = { try tablet.attach($0) }
    viewers = try vnc.flatMap { address in
      try loop.map { loop in
        try VNCServer(
          at: address, output: 0, name: "Scanout", protection: .local, controls: controls, core: loop,
          attach: { try display.attach($0) })
      }
    }
  }

  /// What output 0 shows, as a PNG.
  func screenshot() throws -> [UInt8] { try pictures.picture(ofOutput: 0, withCursor: true).pngBytes() }

  /// Lets everybody go.
  func stop() {
    controlServer?.stop()
    viewers?.stop()
    loop?.stop()
    pictures.detach()
  }
}
