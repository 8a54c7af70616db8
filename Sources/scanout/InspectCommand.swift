import ArgumentParser
import ControlSocket

/// `scanout inspect`: what state the devices of a running server are in.
struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Tell the state of every device of a running server.",
    discussion: """
      For each device: the VMM and its memory, PCI registers, device status, features, queues and how far they have been \
      worked, and what the kind of device has: a GPU's resources, outputs, cursors and counters. spec/inspect.md says \
      what the names mean. The guest is not disturbed: nothing of it waits but for the copying of these values.

      A device that is at one request for a second is `busy`: what only its thread knows is left out then.
      """)

  @OptionGroup var socket: ControlSocketOption

  @Flag(help: "Print one JSON object instead of text.")
  var json = false

  func run() throws { try Output.print(try socket.ask(.inspect(asJSON: json))) }
}
