import ArgumentParser
import ControlSocket

/// `scanout cursor`: where a guest's pointer is and what it looks like.
struct CursorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cursor",
    abstract: "Tell the cursor of a scanout of a running server.",
    discussion: """
      With --json, one object: visible; x and y as the driver sent them; hot_x, hot_y, w and h of the image; crc, the \
      CRC-32 of the image's bytes (B, G, R, A of each pixel) as eight hexadecimal digits. While the cursor is hidden \
      only visible, x and y tell anything.
      """)

  @OptionGroup var options: ControlOptions

  @Flag(help: "Print JSON instead of a sentence.")
  var json = false

  func run() throws {
    guard let report = CursorReport(bytes: try options.ask(.cursor(scanout: options.scanout))) else {
      throw CommandFailure("the server's report is not one: use the same release of scanout on both sides")
    }
    try Output.print(json ? report.json : report.text)
  }
}
