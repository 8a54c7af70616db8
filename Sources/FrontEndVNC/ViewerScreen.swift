import FrontEndAPI

/// What one viewer sees: the pixels and the cursor of an output, or of all, copied for libvncserver. Used by the viewer's
/// thread alone.
struct ViewerScreen: ~Copyable {
  // In the order in which they may go: the library's client reads all the others.
  private let client: LibraryClient
  private let screen: LibraryScreen
  private var frameBuffer: FrameBuffer
  private var cursor: LibraryCursor?
  private let channel: any DisplayChannel
  private let setup: VNCServer.Setup
  /// The outputs that are shown, as they were when their changes were taken last.
  private var outputs: [OutputDescription]
  private var layout: DeskLayout
  /// Whose cursor is shown.
  private var cursorOutput: Int
  /// Tells why the picture has a size now; see `DesktopWishes.reason`.
  private let reason: (_ size: (Int, Int)) -> Int

  /// What is shown before the guest shows anything.
  private static let standard = (width: 640, height: 480)

  /// Makes the picture as it is now and hands the connection to the library; nil without memory or descriptors.
  ///
  /// - Parameter viewer: whose wishes are its own.
  init?(
    _ socket: ViewerSocket, _ channel: any DisplayChannel, _ setup: VNCServer.Setup,
    for viewer: ObjectIdentifier
  ) {
    reason = { setup.wishes.reason(ofSize: $0, for: viewer) }
    let indices = setup.output.map { [$0] } ?? Array(0..<channel.outputCount)
    outputs = indices.map { index in
      channel.takeChanges(ofOutput: index)?.output ?? OutputDescription(index: index, width: 0, height: 0)
    }
    let layout = Self.layout(outputs, setup)
    let size = layout.screens.isEmpty ? Self.standard : (layout.width, layout.height)
    guard var frameBuffer = FrameBuffer(width: size.0, height: size.1),
      let screen = unsafe LibraryScreen(showing: frameBuffer, name: setup.name.address),
      let client = LibraryClient(socket, on: screen)
    else { return nil }
    Self.copyAll(layout, channel, &frameBuffer)
    self.client = client
    self.screen = screen
    self.frameBuffer = frameBuffer
    self.channel = channel
    self.setup = setup
    self.layout = layout
    cursorOutput = outputs.first?.index ?? 0
    self.screen.setScreens(screens)
    showCursor(changed: outputs.map(\.index))
  }

  /// The picture's size.
  var size: (Int, Int) { (frameBuffer.width, frameBuffer.height) }

  /// The monitors that the picture is made of. There is one also while all outputs are off.
  var screens: [DesktopWish.Screen] {
    let shown = layout.screens.map { DesktopWish.Screen(id: UInt32(clamping: $0.output), area: $0.area) }
    // Both sides fit 16 bits.
    let all = Rectangle(x: 0, y: 0, width: UInt32(frameBuffer.width), height: UInt32(frameBuffer.height))
    return shown.isEmpty ? [DesktopWish.Screen(id: UInt32(clamping: cursorOutput), area: all)] : shown
  }

  /// Whether the viewer knows of screens.
  var knowsScreens: Bool { client.knowsScreens }

  /// False once the viewer has gone or was thrown out.
  var isOpen: Bool { client.isOpen }
  /// Whether its ClientInit message has come.
  var isInitialised: Bool { client.isInitialised }
  /// What the viewer has offered that the library does not know.
  var offeredExtensions: Set<ViewerExtension> { client.offeredExtensions }

  /// Lets the library take one message.
  func processMessage() { client.processMessage() }

  /// A single output stands at the corner, whatever its place among others.
  private static func layout(_ outputs: [OutputDescription], _ setup: VNCServer.Setup) -> DeskLayout {
    let places = setup.output == nil ? setup.controls.desk?.outputs() ?? [] : []
    return DeskLayout(
      outputs.map { output in
        let place = places.first { $0.shown.index == output.index }
        return PlacedOutput(shown: output, x: place?.x ?? 0, y: place?.y ?? 0)
      })
  }

  /// Where a pixel of the picture is on the axes of a tablet. A guest spreads those over everything that it shows, so they
  /// span the whole desk also where a viewer sees one output of it.
  func place(x: Int, y: Int) -> (x: Int, y: Int) {
    var (width, height, at) = (frameBuffer.width, frameBuffer.height, (x: x, y: y))
    if let output = setup.output, let desk = setup.controls.desk.map({ DeskLayout($0.outputs()) }),
      let pixel = desk.pixel(ofOutput: output, x: x, y: y)
    {
      (width, height, at) = (desk.width, desk.height, pixel)
    }
    return (
      PointerInterface.place(ofPixel: at.x, among: width),
      PointerInterface.place(ofPixel: at.y, among: height)
    )
  }

  /// Brings the viewer up to date if it asks; false when it cannot go on.
  mutating func update() -> Bool {
    guard client.wantsUpdate else { return true }
    var all: [OutputChanges] = []
    for index in outputs.indices {
      guard let changes = channel.takeChanges(ofOutput: outputs[index].index) else { return false }
      outputs[index] = changes.output
      all.append(changes)
    }
    let next = Self.layout(outputs, setup)
    if next != layout {
      guard follow(next) else { return false }
    } else {
      for changes in all { copy(changes.damage, changes) }
    }
    let changed = all.filter(\.cursorChanged).map(\.output.index)
    if !changed.isEmpty { showCursor(changed: changed) }
    client.sendUpdates()
    return true
  }

  /// Outputs have other sizes or places, came on or went off. Black where there is none; while all are off, the picture
  /// keeps its size.
  private mutating func follow(_ next: DeskLayout) -> Bool {
    layout = next
    let nextSize = next.screens.isEmpty ? size : (next.width, next.height)
    if nextSize == size {
      frameBuffer.clear()
    } else {
      guard client.canResize else {
        setup.report(
          VNCReport(weight: .notice, text: "a viewer cannot follow a change of size: disconnected"))
        return false
      }
      guard let larger = FrameBuffer(width: nextSize.0, height: nextSize.1) else {
        setup.report(
          VNCReport(
            weight: .notice, text: "\(nextSize.0)x\(nextSize.1) is too large for a viewer: disconnected"))
        return false
      }
      client.show(larger, on: screen)
      frameBuffer = larger
    }
    screen.setScreens(screens)
    client.tellScreens(reason: reason(size))
    Self.copyAll(layout, channel, &frameBuffer)
    client.markModified(x: 0, y: 0, width: frameBuffer.width, height: frameBuffer.height)
    return true
  }

  /// Copies what was damaged of one output; everything when it shows something else.
  private mutating func copy(_ damage: [Rectangle], _ changes: OutputChanges) {
    guard let area = layout.screens.first(where: { $0.output == changes.output.index })?.area else { return }
    let all = Rectangle(x: 0, y: 0, width: area.width, height: area.height)
    let damage = changes.isReplaced ? [all] : damage
    guard !damage.isEmpty else { return }
    // If it shows something of another size by now, nothing is copied and the next changes say so.
    Self.copy(damage, ofOutput: changes.output.index, at: area, channel, &frameBuffer)
    for part in damage {
      client.markModified(
        x: Int(area.x) + Int(part.x), y: Int(area.y) + Int(part.y), width: Int(part.width),
        height: Int(part.height))
    }
  }

  private static func copyAll(
    _ layout: DeskLayout, _ channel: any DisplayChannel, _ frameBuffer: inout FrameBuffer
  ) {
    for screen in layout.screens {
      let all = Rectangle(x: 0, y: 0, width: screen.area.width, height: screen.area.height)
      copy([all], ofOutput: screen.output, at: screen.area, channel, &frameBuffer)
    }
  }

  private static func copy(
    _ damage: [Rectangle], ofOutput output: Int, at area: Rectangle, _ channel: any DisplayChannel,
    _ frameBuffer: inout FrameBuffer
  ) {
    _ = channel.withSurface(ofOutput: output) { surface in
      for rectangle in damage { frameBuffer.copy(rectangle, of: surface, to: area) }
    }
  }

  /// Shows the guest's cursor, or none while it is hidden.
  ///
  /// Of several outputs a guest shows it on the one where it is, and hides it on the others or puts it outside of them.
  private mutating func showCursor(changed: [Int]) {
    if outputs.count > 1 {
      let candidates = changed + [cursorOutput] + outputs.map(\.index)
      cursorOutput = candidates.first { hasCursor(output: $0) } ?? cursorOutput
    }
    guard let state = channel.cursor(ofOutput: cursorOutput) else { return }
    let shape = state.image.flatMap { PointerShape($0) }
    let next = shape.map { LibraryCursor($0) }
    client.setCursor(next)
    cursor = next
    guard let shape else { return }
    let corner = layout.screens.first { $0.output == cursorOutput }?.area
    // The image's corner may be anywhere; the point that points is inside the picture.
    let x = Int(corner?.x ?? 0) + Int(state.x) + shape.hotX
    let y = Int(corner?.y ?? 0) + Int(state.y) + shape.hotY
    client.movePointer(x: max(0, min(x, frameBuffer.width - 1)), y: max(0, min(y, frameBuffer.height - 1)))
  }

  /// Whether an output that is on shows a cursor that points at one of its pixels.
  private func hasCursor(output: Int) -> Bool {
    guard let area = layout.screens.first(where: { $0.output == output })?.area,
      let state = channel.cursor(ofOutput: output), let image = state.image
    else { return false }
    return 0..<Int(area.width) ~= Int(state.x) + image.hotX
      && 0..<Int(area.height) ~= Int(state.y) + image.hotY
  }
}
