import ArgumentParser

/// `scanout demo`: the whole device at work without a VMM.
struct DemoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Bring the device up with the driver simulator and draw; no VMM is needed.",
    discussion: """
      A device is served on a socket in a directory of its own, as `serve` does it. The simulator's driver attaches \
      to it as a VMM would, finds it on the PCI bus, brings it up, draws a test picture and shows a cursor. The \
      picture is then taken from the device and compared with what was drawn.
      """)

  @Option(help: ArgumentHelp("Where the picture is saved.", valueName: "file"))
  var png = "scanout-demo.png"

  func validate() throws {
    guard png.hasSuffix(".png") else {
      throw ValidationError("`\(png)` will hold a PNG: let its name end in .png")
    }
  }
}
