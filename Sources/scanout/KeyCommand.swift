import ArgumentParser
import ControlSocket
import FrontEndAPI
import Glibc

/// What every command that strikes keys takes.
struct KeyboardOptions: ParsableArguments {
  @OptionGroup var socket: ControlSocketOption

  @Option(
    help: ArgumentHelp(
      "Milliseconds between two strokes: programs of a guest may lose keys that come all at once.",
      valueName: "ms"))
  var delay = 12

  func validate() throws {
    guard (0...10_000).contains(delay) else { throw ValidationError("--delay is a number from 0 to 10000") }
  }

  /// Strikes keys, given by their numbers, one stroke after the other.
  func strike(_ strokes: [[UInt16]]) throws {
    guard delay > 0 else {
      for request in ControlRequest.keys(splitting: strokes) { try socket.bring(request) }
      return
    }
    for (index, stroke) in strokes.enumerated() {
      if index > 0 { usleep(UInt32(delay) * 1000) }
      try socket.bring(.keys([stroke]))
    }
  }
}

/// `scanout key`: strikes keys.
struct KeyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "key",
    abstract: "Strike keys on the keyboard of a running server.",
    discussion: """
      Each word is one stroke: its keys go down in their order and come up in the opposite one. A key has the name \
      that Linux has for it, without KEY_, or a usual one: `scanout key --control SOCKET ctrl+alt+f2 a enter`.
      """)

  @OptionGroup var keyboard: KeyboardOptions

  @Option(help: ArgumentHelp("How often to strike them all.", valueName: "n"))
  var times = 1

  @Argument(help: ArgumentHelp("A key, or keys with + between.", valueName: "keys"))
  var strokes: [String]

  func validate() throws {
    guard (1...1000).contains(times) else { throw ValidationError("--times is a number from 1 to 1000") }
    for stroke in strokes { _ = try Self.keys(stroke) }
  }

  func run() throws {
    let once = try strokes.map(Self.keys)
    try keyboard.strike(Array(repeatElement(once, count: times).joined()))
  }

  /// The numbers of a stroke's keys.
  private static func keys(_ stroke: String) throws -> [UInt16] {
    let names = stroke.split(separator: "+", omittingEmptySubsequences: false)
    guard names.count <= 8 else { throw ValidationError("`\(stroke)` has more than 8 keys at once") }
    return try names.map { name in
      guard let key = KeyCode(named: name) else {
        throw ValidationError(
          "there is no key `\(name)`: keys are such as a, 1, enter, ctrl, f1, kp5, leftbrace")
      }
      return key.rawValue
    }
  }
}

/// `scanout type`: types a text.
struct TypeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "type",
    abstract: "Type a text on the keyboard of a running server.",
    discussion: """
      The keys are those of the US layout, so the guest has to use it for the text to come out. A line feed is Enter, \
      a tabulator is Tab; other characters than ASCII's cannot be typed.
      """)

  @OptionGroup var keyboard: KeyboardOptions

  @Argument(help: "What to type.")
  var text: String

  func validate() throws { _ = try strokes() }

  func run() throws {
    try keyboard.strike(try strokes())
  }

  private func strokes() throws -> [[UInt16]] {
    try text.map { character in
      guard let stroke = KeyStroke(typing: character) else {
        throw ValidationError("`\(character)` is not on a keyboard with the US layout")
      }
      return stroke.keys.map(\.rawValue)
    }
  }
}
