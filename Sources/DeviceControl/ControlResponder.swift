import ControlSocket
import FrontEndAPI
import FrontEndPNG
import FrontEndVNC
import ScanoutDevice

/// Answers what the control socket is asked, from the devices of this process.
package struct ControlResponder: Sendable {
  package var frontEnd: PictureFrontEnd?
  /// The display that `frontEnd` shows.
  package var gpu: DisplayDevice?
  package var keyboard: KeyboardDevice?
  package var tablet: PointerDevice?
  package var mouse: PointerDevice?
  package var touch: TouchDevice?
  package var inspected: [InspectedDevice] = []

  /// Nothing to ask yet, but what these pictures show.
  package init(frontEnd: PictureFrontEnd? = nil) { self.frontEnd = frontEnd }

  /// The answer to a request; called on the control thread.
  package func answer(_ request: ControlRequest) -> ControlReply {
    do {
      switch request {
      case .screenshot(let scanout, let withCursor, let encoding):
        let picture = try display.picture(ofOutput: scanout, withCursor: withCursor)
        return .content(encoding == .png ? try picture.pngBytes() : picture.ppmBytes())
      case .cursor(let scanout):
        return .content(CursorReport(try display.cursor(ofOutput: scanout)).bytes)
      case .keys(let strokes):
        let strokes = strokes.map { KeyStroke($0.map(KeyCode.init(rawValue:))) }
        return Self.done(try one(keyboard, "keyboard").type(strokes))
      case .click(let target, let button, let part):
        return Self.done(try click(target, button, Self.part(part)))
      case .inspect(let asJSON): return .content(InspectedDevice.report(on: inspected, asJSON: asJSON))
      case .lights: return .content([try one(keyboard, "keyboard").lights.rawValue])
      case .outputs(let actions): return .content(try outputs(after: actions))
      }
    } catch let failure as ControlFailure {
      return .failure(failure)
    } catch let error as PictureError {
      let code: ControlFailure.Code =
        switch error {
        case .noSuchOutput: .noSuchScanout
        case .outputIsOff: .off
        case .notAttached: .failed
        }
      return .failure(ControlFailure(code, error.description))
    } catch {
      return .failure(ControlFailure(.failed, "\(error)"))
    }
  }

  /// What viewers can do with the devices that are served: of several pointers they have the one that is where it is told
  /// to be, since that is where their own pointer is.
  package var viewerControls: VNCControls {
    var controls = VNCControls()
    if let keyboard { controls.keyboard = { try keyboard.attach($0) } }
    if let touch { controls.pointer = { try touch.attach($0) } }
    if let pointer = tablet ?? (touch == nil ? mouse : nil) {
      controls.pointer = { try pointer.attach($0) }
    }
    return controls
  }

  private var display: PictureFrontEnd {
    get throws { try one(frontEnd, "display") }
  }

  private func one<Device>(_ device: Device?, _ name: String) throws -> Device {
    guard let device else { throw ControlFailure(.noSuchDevice, "the server has no \(name)") }
    return device
  }

  private static func done(_ isDone: Bool) -> ControlReply {
    isDone ? .content([]) : .failure(ControlFailure(.busy, "the guest does not take its input"))
  }

  /// Changes the outputs; reports on all of them, in order.
  private func outputs(after actions: [OutputAction]) throws -> [UInt8] {
    let gpu = try one(gpu, "display")
    var plan = OutputPlan(gpu.outputPreferences)
    for action in actions { try plan.apply(action) }
    // Nothing of the others: a viewer may have changed them since, or they may be lowered for one.
    gpu.setOutputs(plan.changes)
    return zip(gpu.outputPreferences, gpu.outputDescriptions).flatMap { output, shown in
      OutputReport(
        isEnabled: output.isEnabled, isAdded: plan.added.contains(shown.index),
        width: UInt32(clamping: output.mode.width), height: UInt32(clamping: output.mode.height), x: output.x,
        y: output.y, shownWidth: UInt32(clamping: shown.width), shownHeight: UInt32(clamping: shown.height)
      ).bytes
    }
  }

  private static func part(_ part: ClickPart) -> PointerDevice.ClickPart {
    switch part {
    case .whole: .whole
    case .press: .press
    case .release: .release
    }
  }

  private func click(
    _ target: PointerTarget, _ button: PointerButton, _ part: PointerDevice.ClickPart
  ) throws -> Bool {
    let pressed: PointerDevice.Button? =
      switch button {
      case .left: .left
      case .middle: .middle
      case .right: .right
      case .none: nil
      }
    switch target {
    case .pixel(let scanout, let x, let y):
      let size = try display.size(ofOutput: scanout)
      guard x < size.width, y < size.height else {
        throw ControlFailure(
          .badRequest, "scanout \(scanout) has \(size.width)x\(size.height) pixels, numbered from 0")
      }
      // A tablet spans all outputs that are on, as they stand beside each other.
      let alone = OutputDescription(index: scanout, width: size.width, height: size.height)
      let desk = DeskLayout(gpu?.placedOutputs ?? [PlacedOutput(shown: alone, x: 0, y: 0)])
      guard let pixel = desk.pixel(ofOutput: scanout, x: x, y: y) else {
        throw ControlFailure(.badRequest, "scanout \(scanout) has just been turned off")
      }
      return try go(
        PointerInterface.place(ofPixel: pixel.x, among: desk.width),
        PointerInterface.place(ofPixel: pixel.y, among: desk.height), pressed, part)
    case .place(let x, let y): return try go(x, y, pressed, part)
    case .way(let x, let y): return try one(mouse, "mouse").click(pressed, x: x, y: y, part: part)
    }
  }

  /// To a place of a tablet; a finger there is the left button, and all that a touchscreen can do.
  private func go(_ x: Int, _ y: Int, _ button: PointerDevice.Button?, _ part: PointerDevice.ClickPart) throws
    -> Bool
  {
    if tablet == nil, let touch, button == .left { return touch.tap(x: x, y: y, part: part) }
    return try one(tablet, "tablet").click(button, x: x, y: y, part: part)
  }
}

extension CursorReport {
  /// Reports a cursor.
  init(_ cursor: CursorState) {
    guard let image = cursor.image else {
      self.init(isVisible: false, x: cursor.x, y: cursor.y)
      return
    }
    self.init(
      isVisible: true, x: cursor.x, y: cursor.y, hotX: UInt32(clamping: image.hotX),
      hotY: UInt32(clamping: image.hotY), width: UInt32(clamping: image.width),
      height: UInt32(clamping: image.height), crc: CRC32.checksum(image.pixels))
  }
}
