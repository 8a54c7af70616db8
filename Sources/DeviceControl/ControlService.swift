import ControlSocket
import FrontEndPNG
public import FrontEndVNC
public import ScanoutDevice

/// Lets the command `scanout` look at a VMM's devices and operate them: `screenshot`, `cursor`, `outputs`, `type`, `key`,
/// `click`, `leds` and `inspect` with `--control`.
///
/// It has a thread of its own, which sleeps while nobody asks.
public final class ControlService: Sendable {
  /// The devices of one guest; any of them may be missing.
  public struct Devices: Sendable {
    /// The display.
    public var display: DisplayDevice?
    /// The keyboard.
    public var keyboard: KeyboardDevice?
    /// The pointer that goes where it is told.
    public var tablet: PointerDevice?
    /// The pointer that is told which way to go.
    public var mouse: PointerDevice?
    /// The touchscreen.
    public var touch: TouchDevice?
    /// The source of random numbers.
    public var random: RandomDevice?

    /// None yet.
    public init() {}

    /// What VNC viewers may do beyond looking: type and point, and change the display's outputs.
    public var viewerControls: VNCControls {
      var controls = responder.viewerControls
      controls.desk = display?.desk(isFixed: false)
      return controls
    }

    /// What answers for them.
    var responder: ControlResponder {
      var responder = ControlResponder()
      (responder.gpu, responder.keyboard, responder.touch) = (display, keyboard, touch)
      (responder.tablet, responder.mouse) = (tablet, mouse)
      if let display { responder.add("gpu") { display.inspect(withinMilliseconds: $0) } }
      if let keyboard { responder.add("keyboard") { keyboard.inspect(withinMilliseconds: $0) } }
      if let tablet { responder.add("tablet") { tablet.inspect(withinMilliseconds: $0) } }
      if let mouse { responder.add("mouse") { mouse.inspect(withinMilliseconds: $0) } }
      if let touch { responder.add("touch") { touch.inspect(withinMilliseconds: $0) } }
      if let random { responder.add("entropy") { random.inspect(withinMilliseconds: $0) } }
      return responder
    }
  }

  private let server: ControlServer
  private let pictures = PictureFrontEnd()

  /// Listens and starts to answer; clients can connect when this returns.
  ///
  /// - Parameters:
  ///   - path: where the socket's file is made, for this user alone.
  ///   - report: told of trouble that no client can be told of; on the service's thread.
  /// - Throws: what says in words why there is no socket.
  public init(
    at path: String, _ devices: Devices, report: @escaping @Sendable (String) -> Void = { _ in }
  ) throws {
    var responder = devices.responder
    if let display = devices.display {
      // The front-end keeps its channel.
      _ = try display.attach(pictures)
      responder.frontEnd = pictures
    }
    server = try ControlServer(path: path, report: report) { [responder] in responder.answer($0) }
  }

  deinit { stop() }

  /// Drops all clients and removes the socket's file; returns when that is done.
  public func stop() {
    server.stop()
    pictures.detach()
  }
}

extension ControlResponder {
  fileprivate mutating func add(_ kind: String, _ inspect: @escaping @Sendable (Int) -> DeviceSnapshot) {
    inspected.append(InspectedDevice(kind: kind, device: inspect))
  }
}
