import FrontEndAPI

/// What one viewer sees: the output's pixels and cursor, copied for libvncserver. Used by the viewer's thread alone.
struct ViewerScreen: ~Copyable {
  // In the order in which they may go: the library's client reads all the others.
  private let client: LibraryClient
  private let screen: LibraryScreen
  private var frameBuffer: FrameBuffer
  private var cursor: LibraryCursor?
  private let channel: any DisplayChannel
  private let setup: VNCServer.Setup

  /// What is shown before the guest shows anything.
  private static let standard = (width: 640, height: 480)

  /// Makes the picture as it is now and hands the connection to the library; nil without memory or descriptors.
  init?(_ socket: ViewerSocket, _ channel: any DisplayChannel, _ setup: VNCServer.Setup) {
    let output = channel.takeChanges(ofOutput: setup.output)?.output
    let size = output.flatMap { $0.isEnabled ? ($0.width, $0.height) : nil } ?? Self.standard
    guard var frameBuffer = FrameBuffer(width: size.0, height: size.1),
      let screen = unsafe LibraryScreen(showing: frameBuffer, name: setup.name.address),
      let client = LibraryClient(socket, on: screen)
    else { return nil }
    Self.copyAll(channel, setup.output, &frameBuffer)
    self.client = client
    self.screen = screen
    self.frameBuffer = frameBuffer
    self.channel = channel
    self.setup = setup
    showCursor()
  }

  /// False once the viewer has gone or was thrown out.
  var isOpen: Bool { client.isOpen }
  /// Whether its ClientInit message has come.
  var isInitialised: Bool { client.isInitialised }

  /// Lets the library take one message.
  func processMessage() { client.processMessage() }

  /// Brings the viewer up to date if it asks; false when it cannot go on.
  mutating func update() -> Bool {
    guard client.wantsUpdate else { return true }
    guard let changes = channel.takeChanges(ofOutput: setup.output) else { return false }
    if changes.isReplaced {
      guard replace(changes.output) else { return false }
    } else if !changes.damage.isEmpty {
      copy(changes.damage)
    }
    if changes.cursorChanged { showCursor() }
    client.sendUpdates()
    return true
  }

  /// The output shows something else, perhaps of another size; black while it is off.
  private mutating func replace(_ output: OutputDescription) -> Bool {
    guard output.isEnabled else {
      frameBuffer.clear()
      client.markModified(x: 0, y: 0, width: frameBuffer.width, height: frameBuffer.height)
      return true
    }
    if output.width != frameBuffer.width || output.height != frameBuffer.height {
      guard client.canResize else {
        setup.report(
          VNCReport(weight: .notice, text: "a viewer cannot follow a change of size: disconnected"))
        return false
      }
      guard let next = FrameBuffer(width: output.width, height: output.height) else {
        setup.report(
          VNCReport(
            weight: .notice, text: "\(output.width)x\(output.height) is too large for a viewer: disconnected")
        )
        return false
      }
      client.show(next, on: screen)
      frameBuffer = next
    }
    Self.copyAll(channel, setup.output, &frameBuffer)
    client.markModified(x: 0, y: 0, width: frameBuffer.width, height: frameBuffer.height)
    return true
  }

  private mutating func copy(_ damage: [Rectangle]) {
    // If it shows something of another size by now, nothing is copied and the next changes say so.
    Self.copy(damage, channel, setup.output, &frameBuffer)
    for rectangle in damage {
      client.markModified(
        x: Int(rectangle.x), y: Int(rectangle.y), width: Int(rectangle.width), height: Int(rectangle.height))
    }
  }

  private static func copyAll(
    _ channel: any DisplayChannel, _ output: Int, _ frameBuffer: inout FrameBuffer
  ) {
    // Both sides fit 16 bits.
    let all = Rectangle(x: 0, y: 0, width: UInt32(frameBuffer.width), height: UInt32(frameBuffer.height))
    copy([all], channel, output, &frameBuffer)
  }

  private static func copy(
    _ damage: [Rectangle], _ channel: any DisplayChannel, _ output: Int, _ frameBuffer: inout FrameBuffer
  ) {
    _ = channel.withSurface(ofOutput: output) { surface in
      for rectangle in damage { frameBuffer.copy(rectangle, of: surface) }
    }
  }

  /// Shows the guest's cursor, or none while it is hidden.
  private mutating func showCursor() {
    guard let state = channel.cursor(ofOutput: setup.output) else { return }
    let shape = state.image.flatMap { PointerShape($0) }
    let next = shape.map { LibraryCursor($0) }
    client.setCursor(next)
    cursor = next
    guard let shape else { return }
    // The image's corner may be anywhere; the point that points is inside the picture.
    let x = Int(state.x) + shape.hotX
    let y = Int(state.y) + shape.hotY
    client.movePointer(x: max(0, min(x, frameBuffer.width - 1)), y: max(0, min(y, frameBuffer.height - 1)))
  }
}
