import DeviceControl
import FrontEndPNG
import FrontEndVNC
import HostLoop
import ScanoutDevice

/// Everything that looks at the machine from outside, and operates it.
struct Viewing {
  private let pictures = PictureFrontEnd()
  private let loop: HostLoop?
  private let viewers: VNCServer?
  private let control: ControlService?

  /// - Parameters:
  ///   - control: the path of a control socket, if there is to be one.
  ///   - vnc: where VNC viewers connect, if they may.
  init(of devices: Devices, control: String?, vnc: VNCAddress?) throws {
    // The front-end keeps its channel.
    _ = try devices.display.attach(pictures)
    var operated = ControlService.Devices()
    (operated.display, operated.random) = (devices.display, devices.random)
    (operated.keyboard, operated.tablet) = (devices.keyboard, devices.tablet)
    self.control = try control.map { [operated] in
      try ControlService(at: $0, operated) { FileContent.complain("scanout-vmm: \($0)") }
    }
    guard let vnc else {
      (loop, viewers) = (nil, nil)
      return
    }
    let loop = try HostLoop(name: "viewers")
    self.loop = loop
    let display = devices.display
    let viewers = try VNCServer(
      at: vnc, output: 0, name: "Scanout", protection: .local, controls: operated.viewerControls, core: loop,
      attach: { try display.attach($0) })
    self.viewers = viewers
    FileContent.complain("scanout-vmm: VNC viewers connect at \(viewers.address)")
  }

  /// What output 0 shows, as a PNG.
  func screenshot() throws -> [UInt8] { try pictures.picture(ofOutput: 0, withCursor: true).pngBytes() }

  /// Lets everybody go.
  func stop() {
    control?.stop()
    viewers?.stop()
    loop?.stop()
    pictures.detach()
  }
}
