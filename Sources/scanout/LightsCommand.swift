import ArgumentParser
import ControlSocket
import FrontEndAPI

/// `scanout leds`: which lights a guest has lit.
struct LightsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "leds",
    abstract: "Tell which lights are lit on the keyboard of a running server.",
    discussion: "With --json, one object: num, caps and scroll, each true or false.")

  @OptionGroup var socket: ControlSocketOption

  @Flag(help: "Print JSON instead of words.")
  var json = false

  func run() throws {
    guard let byte = try socket.ask(.lights).first else {
      throw CommandFailure("the server's report is not one: use the same release of scanout on both sides")
    }
    let lights = KeyboardLights(rawValue: byte)
    let all: [(name: String, light: KeyboardLights)] = [
      ("num", .numLock), ("caps", .capsLock), ("scroll", .scrollLock),
    ]
    if json {
      let fields = all.map { "\"\($0.name)\": \(lights.contains($0.light))" }
      return try Output.print("{\(fields.joined(separator: ", "))}")
    }
    let lit = all.filter { lights.contains($0.light) }.map(\.name)
    try Output.print(lit.isEmpty ? "none" : lit.joined(separator: " "))
  }
}
