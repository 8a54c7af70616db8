import ArgumentParser
import ControlSocket
import DeviceControl
import DisplayModel
import Logging

/// `scanout serve`: the device.
struct ServeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Serve virtio devices, a GPU unless told otherwise, to VMMs over vfio-user sockets.",
    discussion: """
      Prints `listening on SOCKET` for each device once VMMs can connect to all, then serves one VMM after another, \
      each with a freshly reset device. Ends in order on SIGTERM and SIGINT; its socket files are gone then. Messages \
      go to standard error, those that a guest can cause at a bounded rate.

      A guest with a screen, a keyboard and a pointer takes three devices, each with a socket of its own: \
      --vfio-user gpu=SOCKET --vfio-user keyboard=SOCKET --vfio-user tablet=SOCKET

      With --web, a line before that says what to open in a browser; /output/1 there shows scanout 1. With --vnc, \
      others say where viewers connect, for each scanout that is shown.

      Guest memory must be shared with this process: with QEMU, -object memory-backend-memfd,...,share=on as the \
      machine's memory-backend.

      A GPU with --transport transitional or legacy is an extension for drivers that are written for it: virtio \
      gives the GPU no transitional PCI id. Ours is 0x1010, with revision 0 and subsystem id 16. Linux's GPU driver \
      takes modern devices only; its entropy driver takes all.
      """)

  @Option(
    name: .customLong("vfio-user"),
    help: ArgumentHelp(
      "Where VMMs connect: the path of a Unix socket to be made; for several devices once for each, with its kind "
        + "and `=` before the path.",
      valueName: "socket"))
  var vfioUser: [ServedSocket] = []

  @Option(
    help: ArgumentHelp(
      "What to serve: a GPU, a source of random numbers, or an input device. (default: gpu)",
      valueName: "kind"))
  var device: DeviceKind?

  @Option(
    name: .customLong("output"),
    help: ArgumentHelp(
      "Size of an output and maybe its position, \(OutputGeometry.form); one for each scanout in order, up to 16. "
        + "Without a position it is right of the others. (default: one of \(OutputGeometry.standard))",
      valueName: "size"))
  var outputs: [OutputGeometry] = []

  @Option(
    name: .customLong("max-outputs"),
    help: ArgumentHelp(
      "How many outputs the guest can have: those beyond --output are off until `scanout outputs` adds them. "
        + "(default: as many as --output)", valueName: "n"))
  var maxOutputs: Int?

  @Option(
    help: ArgumentHelp(
      "Where `scanout screenshot`, `scanout type` and the like connect: the path of a Unix socket to be made, for this user "
        + "alone.", valueName: "socket"))
  var control: String?

  @OptionGroup
  var gpu: GPUOptions

  @OptionGroup
  var web: WebOptions

  @OptionGroup
  var vnc: VNCOptions

  @OptionGroup
  var bus: BusOptions

  @Flag(help: "End when the first VMM has left.")
  var once = false

  @Option(
    name: .customLong("log-level"),
    help: ArgumentHelp("The least level of the messages to show.", valueName: "level"))
  var logLevel = Logger.Level.info

  /// What is served, and where.
  var places: [(kind: DeviceKind, path: String)] {
    vfioUser.map { ($0.kind ?? device ?? .gpu, $0.path) }
  }

  /// What the GPU's outputs are at the start.
  func outputPreferences() throws(ControlFailure) -> [OutputPreference] {
    try OutputPlan(outputs.isEmpty ? [.standard] : outputs, count: maxOutputs ?? 0).outputs
  }

  func validate() throws {
    try validateSockets()
    let kinds = places.map(\.kind)
    if !kinds.contains(.gpu) {
      guard outputs.isEmpty else { throw ValidationError("--output goes with a GPU, and none is served") }
      guard web.address == nil else { throw ValidationError("--web goes with a GPU, and none is served") }
      guard vnc.places.isEmpty else { throw ValidationError("--vnc goes with a GPU, and none is served") }
      if let option = gpu.given { throw ValidationError("\(option) goes with a GPU, and none is served") }
      guard maxOutputs == nil else {
        throw ValidationError("--max-outputs goes with a GPU, and none is served")
      }
      if let feature = bus.without.flatMap(\.features).first(where: \.isOfGPU) {
        throw ValidationError("--without \(feature.rawValue) goes with a GPU, and none is served")
      }
    }
    if bus.transport != .modern, let kind = kinds.first(where: { !$0.canBeLegacy }) {
      throw ValidationError(
        "--transport \(bus.transport.rawValue) is not for the device \(kind.rawValue): virtio's input devices are "
          + "modern alone")
    }
    try validateOutputs()
  }

  private func validateOutputs() throws {
    guard outputs.count <= 16 else {
      throw ValidationError("--output is given \(outputs.count) times, but a device has 16 scanouts at most")
    }
    try gpu.validate(outputs, bus)
    if let maxOutputs {
      guard max(1, outputs.count)...16 ~= maxOutputs else {
        throw ValidationError("--max-outputs is a number up to 16, and not less than there are --output")
      }
      guard control != nil else { throw ValidationError("--max-outputs needs --control, to add outputs by") }
    }
    do { _ = try outputPreferences() } catch { throw ValidationError(error.message) }
    try validateViewers()
  }

  private func validateViewers() throws {
    guard !vnc.places.isEmpty || web.address != nil || vnc.passwordFile == nil else {
      throw ValidationError(
        "--vnc-password-file has nobody to ask: say where viewers connect with --web or --vnc")
    }
    guard !vnc.places.isEmpty || web.address != nil || !vnc.viewOnly else {
      throw ValidationError(
        "--view-only has nobody to hold back: say where viewers connect with --web or --vnc")
    }
    let count = max(1, outputs.count, maxOutputs ?? 0)
    if let place = vnc.places.first(where: { $0.scanout ?? 0 >= count }) {
      throw ValidationError(
        "--vnc names \(place.subject), but there are \(count), numbered from 0: one for each --output, or as "
          + "many as --max-outputs")
    }
    let addresses = vnc.places.map { ("--vnc", $0.address) } + (web.address.map { [("--web", $0)] } ?? [])
    for (index, (option, address)) in addresses.enumerated() {
      guard case .unix(let path) = address,
        path == control || places.contains(where: { $0.path == path })
          || addresses[..<index].contains(where: { $0.1 == address })
      else { continue }
      throw ValidationError("\(option) names the socket \(path), which has another use: give it its own path")
    }
  }

  private func validateSockets() throws {
    guard !vfioUser.isEmpty else { throw ValidationError("--vfio-user is missing: say where VMMs connect") }
    let named = vfioUser.filter { $0.kind != nil }
    guard named.isEmpty || device == nil else {
      throw ValidationError("--device goes with a plain --vfio-user: here the kind stands before the path")
    }
    guard vfioUser.count == 1 || named.count == vfioUser.count else {
      throw ValidationError(
        "of several --vfio-user each needs its kind before the path, such as gpu= or keyboard=")
    }
    for (index, socket) in vfioUser.enumerated() {
      let others = vfioUser[..<index]
      if let kind = socket.kind, others.contains(where: { $0.kind == kind }) {
        throw ValidationError(
          "--vfio-user \(kind.rawValue)= is given twice: a server has one device of a kind")
      }
      guard socket.path != control else {
        throw ValidationError("--vfio-user and --control name the same socket: give each its own path")
      }
      guard !others.contains(where: { $0.path == socket.path }) else {
        throw ValidationError("two devices have the same socket \(socket.path): give each its own path")
      }
    }
  }
}

/// What `--vfio-user` takes: a path, or a kind of device, `=` and a path.
struct ServedSocket: ExpressibleByArgument {
  /// nil when the path stands alone.
  let kind: DeviceKind?
  let path: String

  init?(argument: String) {
    // A directory's name may have the character too; a word before it that is no kind is a mistake.
    if let split = argument.firstIndex(of: "="), !argument[..<split].contains("/") {
      guard let kind = DeviceKind(rawValue: String(argument[..<split])) else { return nil }
      self.kind = kind
      path = String(argument[argument.index(after: split)...])
    } else {
      kind = nil
      path = argument
    }
    guard !path.isEmpty else { return nil }
  }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}
