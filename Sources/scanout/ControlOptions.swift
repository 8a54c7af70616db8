import ArgumentParser
import ControlSocket
import Glibc

/// What every request to a running server takes.
struct ControlSocketOption: ParsableArguments {
  @Option(help: ArgumentHelp("The socket that `scanout serve` was given as --control.", valueName: "socket"))
  var control: String

  /// Asks the server.
  func ask(_ request: ControlRequest) throws -> [UInt8] { try ControlClient.ask(request, at: control) }

  /// Asks for something to be brought to the guest, again while the server has too much for it to take, up to ten
  /// seconds.
  func bring(_ request: ControlRequest) throws {
    let start = ContinuousClock.now
    while true {
      do {
        _ = try ask(request)
        return
      } catch ControlSocketError.refused(let failure)
        where failure.code == .busy && ContinuousClock.now - start < .seconds(10)
      {
        usleep(20_000)
      }
    }
  }
}

/// What every request about a scanout takes.
struct ControlOptions: ParsableArguments {
  @OptionGroup var socket: ControlSocketOption

  @Option(help: ArgumentHelp("The scanout to ask about, from 0.", valueName: "n"))
  var scanout = 0

  func validate() throws {
    guard (0...15).contains(scanout) else {
      throw ValidationError("there is no scanout \(scanout): they are numbered from 0 to 15 at most")
    }
  }

  /// Asks the server.
  func ask(_ request: ControlRequest) throws -> [UInt8] { try socket.ask(request) }
}
