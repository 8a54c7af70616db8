import ArgumentParser
import ControlSocket

/// `scanout outputs`: which monitors a guest has, and changes to them.
struct OutputsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "outputs",
    abstract: "List or change the outputs of a running server.",
    discussion: """
      An output that is on is a monitor that the guest finds plugged in; it hears of every change and does with it \
      what it likes. Without a position an output that is on stays where it is, and one that was off comes right of \
      the others. However they are ordered, --set comes before --remove and that before --add; nothing is changed \
      when one of them cannot be.

      Without a change the outputs are listed; --add prints the number of what it turned on. With --json a list of \
      all outputs as they are afterwards, each an object: scanout, enabled, added (by this call), w, h, x, y, and \
      shown, which is the w and h of what the guest shows there, or null.
      """)

  @OptionGroup var socket: ControlSocketOption

  @Option(
    help: ArgumentHelp(
      "Give output N a size and maybe a position, and turn it on; sizes as for --output of `serve`.",
      valueName: "n=WxH[+X+Y]")
  )
  var set: [OutputSetting] = []

  @Option(help: ArgumentHelp("Turn output N off.", valueName: "n"))
  var remove: [Int] = []

  @Option(help: ArgumentHelp("Turn on the first output that is off, in this size.", valueName: "WxH[+X+Y]"))
  var add: [OutputGeometry] = []

  @Flag(help: "Print JSON instead of words.")
  var json = false

  /// What is to be done, in the order in which it is.
  var actions: [OutputAction] {
    self.set.map {
      .set(
        scanout: $0.scanout, width: $0.geometry.mode.width, height: $0.geometry.mode.height,
        at: $0.geometry.position)
    } + remove.map { .remove(scanout: $0) }
      + add.map { .add(width: $0.mode.width, height: $0.mode.height, at: $0.position) }
  }

  func validate() throws {
    if let number = remove.first(where: { !(0...15).contains($0) }) {
      throw ValidationError("there is no output \(number): they are numbered from 0 to 15 at most")
    }
    guard ControlRequest.outputs(actions).bytes.count <= ControlRequest.maximumLineBytes else {
      throw ValidationError("these are too many changes for one call")
    }
  }

  func run() throws {
    let actions = actions
    guard let reports = OutputReport.all(bytes: try socket.ask(.outputs(actions))) else {
      throw CommandFailure("the server's report is not one: use the same release of scanout on both sides")
    }
    let all = reports.enumerated()
    if json {
      try Output.print("[\(all.map { $1.json(index: $0) }.joined(separator: ", "))]")
    } else if actions.isEmpty {
      for (index, report) in all { try Output.print(report.text(index: index)) }
    } else {
      for (index, report) in all where report.isAdded { try Output.print("\(index)") }
    }
  }
}

/// What `--set` takes: the number of an output, `=` and its geometry.
struct OutputSetting: ExpressibleByArgument {
  let scanout: Int
  let geometry: OutputGeometry

  init?(argument: String) {
    let parts = argument.split(separator: "=", omittingEmptySubsequences: false)
    guard parts.count == 2, let scanout = OutputGeometry.number(parts[0], digits: 2), scanout < 16,
      let geometry = OutputGeometry(argument: String(parts[1]))
    else { return nil }
    self.scanout = scanout
    self.geometry = geometry
  }
}
