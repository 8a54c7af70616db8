import ArgumentParser
import Logging

/// `scanout serve`: the device.
struct ServeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Serve a virtio device, a GPU unless told otherwise, to VMMs over a vfio-user socket.",
    discussion: """
      Prints `listening on SOCKET` once a VMM can connect, then serves one VMM after another, each with a freshly \
      reset device. Ends in order on SIGTERM and SIGINT; its socket files are gone then. Messages go to standard \
      error, those that a guest can cause at a bounded rate.

      Guest memory must be shared with this process: with QEMU, -object memory-backend-memfd,...,share=on as the \
      machine's memory-backend.

      A GPU with --transport transitional or legacy is an extension for drivers that are written for it: virtio \
      gives the GPU no transitional PCI id. Ours is 0x1010, with revision 0 and subsystem id 16. Linux's GPU driver \
      takes modern devices only; its entropy driver takes all.
      """)

  @Option(
    name: .customLong("vfio-user"),
    help: ArgumentHelp("Where VMMs connect: the path of a Unix socket to be made.", valueName: "socket"))
  var vfioUser: String

  @Option(
    help: ArgumentHelp("What to serve: a GPU, or a source of random numbers for guests.", valueName: "kind"))
  var device = DeviceKind.gpu

  @Option(
    name: .customLong("output"),
    help: ArgumentHelp(
      "Size of an output, such as 1920x1080, each side \(OutputSize.sides.lowerBound) to "
        + "\(OutputSize.sides.upperBound); one for each scanout in order, up to 16. "
        + "(default: one of \(OutputSize.standard))",
      valueName: "size"))
  var outputs: [OutputSize] = []

  @Option(
    help: ArgumentHelp(
      "Where `scanout screenshot` and `scanout cursor` connect: the path of a Unix socket to be made, for this user "
        + "alone.", valueName: "socket"))
  var control: String?

  @OptionGroup
  var bus: BusOptions

  @Flag(help: "End when the first VMM has left.")
  var once = false

  @Option(
    name: .customLong("log-level"),
    help: ArgumentHelp("The least level of the messages to show.", valueName: "level"))
  var logLevel = Logger.Level.info

  func validate() throws {
    if device != .gpu {
      guard outputs.isEmpty else { throw Self.needsGPU("--output", "has no outputs") }
      guard control == nil else { throw Self.needsGPU("--control", "has no picture to ask for") }
      if let feature = bus.without.flatMap(\.features).first(where: \.isOfGPU) {
        throw Self.needsGPU("--without \(feature.rawValue)", "has no such feature")
      }
    }
    guard outputs.count <= 16 else {
      throw ValidationError("--output is given \(outputs.count) times, but a device has 16 scanouts at most")
    }
    guard vfioUser != control else {
      throw ValidationError("--vfio-user and --control name the same socket: give each its own path")
    }
  }

  private static func needsGPU(_ option: String, _ lack: String) -> ValidationError {
    ValidationError("\(option) goes with --device gpu alone: an entropy device \(lack)")
  }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}
