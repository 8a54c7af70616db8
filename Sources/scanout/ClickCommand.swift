import ArgumentParser
import ControlSocket

/// `scanout click`: moves a pointer and clicks.
struct ClickCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "click",
    abstract: "Click on a pixel of a running server's scanout.",
    discussion: """
      Needs a tablet, or a touchscreen for the left button alone. A guest spreads a tablet over all that it shows: \
      with several scanouts the pixels are those of a guest that shows the same on all of them. To drag something, press \
      where it is, move with --button none, and release: `click --press 10 10`, `click --button none 50 50`, \
      `click --release 90 90`.
      """)

  @OptionGroup var options: ControlOptions

  @Option(help: ArgumentHelp("left, middle, right, or none to move alone.", valueName: "button"))
  var button = PointerButton.left

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Click at a place of the tablet instead, each number from 0 to 32767.", valueName: "x,y"))
  var place: NumberPair?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Move a mouse by this much instead, then click.", valueName: "x,y"))
  var by: NumberPair?

  @Flag(help: "Leave the button down, or let it go; without either it goes down and comes up again.")
  var part = ClickPart.whole

  @Argument(help: "The pixel's column, from 0.")
  var x: Int?

  @Argument(help: "The pixel's row, from 0.")
  var y: Int?

  /// Where to.
  private func target() throws -> PointerTarget {
    switch (x, y, place, by) {
    case (let x?, let y?, nil, nil) where x >= 0 && y >= 0:
      .pixel(scanout: options.scanout, x: x, y: y)
    case (nil, nil, let place?, nil) where (0...32767).contains(place.x) && (0...32767).contains(place.y):
      .place(x: place.x, y: place.y)
    case (nil, nil, nil, let way?): .way(x: way.x, y: way.y)
    default:
      throw ValidationError("say where: X and Y of a pixel, or --place X,Y within 0 to 32767, or --by X,Y")
    }
  }

  func validate() throws { _ = try target() }

  func run() throws { try options.socket.bring(.click(try target(), button, part)) }
}

/// Two whole numbers with a comma between.
struct NumberPair: ExpressibleByArgument {
  let x: Int
  let y: Int

  init?(argument: String) {
    let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
    guard parts.count == 2, let x = Int32(parts[0]), let y = Int32(parts[1]) else { return nil }
    self.x = Int(x)
    self.y = Int(y)
  }
}

extension PointerButton: ExpressibleByArgument {}

extension ClickPart: EnumerableFlag {}
