import ArgumentParser
import ControlSocket

/// `scanout screenshot`: a picture of what a guest shows.
struct ScreenshotCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "screenshot",
    abstract: "Take a picture of a scanout of a running server.",
    discussion: """
      The picture has the size of the scanout's rectangle. The file appears at once and whole, in the place of one of \
      the same name.
      """)

  @OptionGroup var options: ControlOptions

  @Flag(name: .customLong("no-cursor"), help: "Leave the cursor out.")
  var leavesCursorOut = false

  @Argument(help: "NAME.png, or NAME.ppm for the raw picture; - is a PNG on standard output.")
  var file: String

  /// How the picture is to be encoded; nil when the file's name does not say.
  var encoding: PictureEncoding? {
    if file == "-" || file.hasSuffix(".png") { return .png }
    return file.hasSuffix(".ppm") ? .ppm : nil
  }

  func validate() throws {
    guard encoding != nil else {
      throw ValidationError("`\(file)` does not say what kind of picture: let it end in .png or .ppm")
    }
  }

  func run() throws {
    guard let encoding else { preconditionFailure("validated before") }
    let picture = try options.ask(
      .screenshot(scanout: options.scanout, withCursor: !leavesCursorOut, encoding: encoding))
    if file == "-" {
      try Output.print(picture)
    } else {
      try Output.save(picture, as: file)
    }
  }
}
