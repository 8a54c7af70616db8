import ArgumentParser
import ControlSocket

/// What every request to a running server takes.
struct ControlOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The socket that `scanout serve` was given as --control.", valueName: "socket"))
  var control: String

  @Option(help: ArgumentHelp("The scanout to ask about, from 0.", valueName: "n"))
  var scanout = 0

  func validate() throws {
    guard (0...15).contains(scanout) else {
      throw ValidationError("there is no scanout \(scanout): they are numbered from 0 to 15 at most")
    }
  }

  /// Asks the server.
  func ask(_ request: ControlRequest) throws -> [UInt8] { try ControlClient.ask(request, at: control) }
}
