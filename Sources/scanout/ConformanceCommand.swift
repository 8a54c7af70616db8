import ArgumentParser
import Conformance
import DeviceMachine
import DisplayModel
import Glibc
import ScanoutDevice

/// `scanout conformance`: judges a virtio device clause by clause.
struct ConformanceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "conformance",
    abstract: "Judge a virtio-gpu or virtio-rng PCI device by the clauses of virtio 1.4.",
    discussion: """
      A driver simulator tries what each clause speaks of and compares what comes with what the clause allows. \
      TARGET is one of
        in-process        this program's own device, as --device and the options of `serve` have it
        vfio-user:SOCKET  the device of a vfio-user server
        qtest:COMMAND     a device of QEMU's, such as qtest:'qemu-system-x86_64 -machine q35 -device virtio-gpu-pci'
                          (with id= on a GPU of QEMU's own, its pictures are judged too)

      The last line counts the verdicts. The exit status is 0 when no case failed, 1 when one did, and 2 when the \
      target could not be driven.
      """)

  @Argument(help: "The device to judge.")
  var target: ConformanceTargetName?

  @Option(
    help: ArgumentHelp(
      "Only these groups, separated by commas: "
        + ConformanceGroup.allCases.map(\.rawValue).joined(separator: ", ") + ".", valueName: "group"))
  var group: CommaSeparated<ConformanceGroup>?

  @Option(
    name: .customLong("case"),
    help: ArgumentHelp("Only these cases, separated by commas.", valueName: "name"))
  var names: CommaSeparated<CaseName>?

  @Option(help: ArgumentHelp("What to judge in-process.", valueName: "kind"))
  var device = DeviceKind.gpu

  @OptionGroup
  var bus: BusOptions

  @Option(
    help: ArgumentHelp(
      "Write the report as JSON; - is standard output, in the place of the table.", valueName: "file"))
  var json: String?

  @Flag(help: "List the cases with their clauses; no target is needed.")
  var list = false

  /// The cases that were asked for.
  var cases: [ConformanceCase] {
    ConformanceSuite.cases(groups: group?.values ?? [], names: names?.values.map(\.name) ?? [])
  }

  func validate() throws {
    guard list || target != nil else {
      throw ValidationError("name a device to judge, such as `in-process`, or --list the cases")
    }
    guard device == .gpu || target == .inProcess else {
      throw ValidationError(
        "--device goes with in-process alone: other targets have the device that they have")
    }
    guard bus.isUntouched || target == .inProcess else {
      throw ValidationError(
        "--transport, --pcie, --doorbell-pages and --without go with in-process alone: other targets have the bus "
          + "that they have")
    }
  }

  func run() throws {
    if list {
      for one in cases {
        try Output.print("\(one.name)  [\(one.clauses.joined(separator: " "))]  \(one.tried)")
      }
      return
    }
    guard let target else { preconditionFailure("validated before") }
    let width = Self.terminalWidth, printsTable = json != "-"
    if printsTable { try Output.print(Array(ConformanceReport.heading(width: width).utf8)) }
    let report = try ConformanceRun(makeTarget(target), cases).run { result in
      if printsTable { try Output.print(Array(ConformanceReport.row(result, width: width).utf8)) }
    }
    if printsTable { try Output.print(Array(report.ending(width: width).utf8)) }
    if let json {
      let bytes = Array(report.json.utf8)
      if json == "-" { try Output.print(bytes) } else { try Output.save(bytes, as: json) }
    }
    guard report.exitStatus == 0 else { throw ExitCode(report.exitStatus) }
  }

  /// Columns of the terminal, at most what is pleasant to read.
  private static var terminalWidth: Int {
    var size = winsize()
    // The call fills the structure it is given, or fails.
    guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 150 }
    return min(220, max(120, Int(size.ws_col)))
  }
}

extension ConformanceCommand {
  /// The target that the suite drives; another kind of machine gets its case here.
  private func makeTarget(_ name: ConformanceTargetName) -> any ConformanceTarget {
    switch name {
    case .inProcess:
      InProcessTarget { [device, options = bus.options] memory in
        switch device {
        case .gpu:
          let mode = OutputGeometry.standard.mode
          // Two outputs, since some rules speak of several.
          let device = try DisplayDevice(outputs: [mode, mode], memory: memory, pci: options)
          return InProcessTarget.Device(
            device.function, viewer: try DisplayViewer { try device.attach($0) },
            change: {
              var other = device.outputPreferences[0]
              other.x = other.x == 0 ? 1 : 0
              device.setOutput(0, to: other)
            })
        case .entropy: return .init(try RandomDevice(memory: memory, pci: options).function)
        case .keyboard: return .init(try KeyboardDevice(memory: memory, pci: options).function)
        case .tablet: return .init(try PointerDevice(.tablet, memory: memory, pci: options).function)
        case .mouse: return .init(try PointerDevice(.mouse, memory: memory, pci: options).function)
        case .touch: return .init(try TouchDevice(memory: memory, pci: options).function)
        }
      }
    case .vfioUser(let socket): VfioUserTarget(path: socket)
    case .qtest(let command): QtestTarget(command: command)
    }
  }
}

/// A device to judge, as named on the command line.
enum ConformanceTargetName: ExpressibleByArgument, Equatable {
  case inProcess
  case vfioUser(socket: String)
  /// QEMU and its arguments.
  case qtest(command: [String])

  init?(argument: String) {
    let parts = argument.split(separator: ":", maxSplits: 1).map(String.init)
    switch (parts.first, parts.dropFirst().first) {
    case ("in-process", nil): self = .inProcess
    case ("vfio-user", let socket?): self = .vfioUser(socket: socket)
    case ("qtest", let command?):
      let words = command.split(separator: " ").map(String.init)
      guard !words.isEmpty else { return nil }
      self = .qtest(command: words)
    default: return nil
    }
  }
}

/// A case's name that exists.
struct CaseName: ExpressibleByArgument {
  let name: String

  init?(argument: String) {
    guard ConformanceSuite.cases.contains(where: { $0.name == argument }) else { return nil }
    name = argument
  }
}

extension ConformanceGroup: ExpressibleByArgument {}

/// Several values in one argument.
struct CommaSeparated<Value: ExpressibleByArgument>: ExpressibleByArgument {
  let values: [Value]

  init?(argument: String) {
    let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
    let values = parts.compactMap { Value(argument: String($0)) }
    guard values.count == parts.count else { return nil }
    self.values = values
  }
}
