import ArgumentParser
import DeviceControl
import FrontEndAPI
import FrontEndVNC
import Glibc
import Logging
import ScanoutDevice

/// The options of `serve` for viewers.
struct VNCOptions: ParsableArguments {
  @Option(
    name: .customLong("vnc"),
    help: ArgumentHelp(
      "Show a scanout to VNC viewers, scanout 0 unless N= says another, or all side by side with all=: at unix:PATH, a "
        + "Unix socket to be made for this user alone, or at HOST:PORT. Once for each scanout, and once for all.",
      valueName: "[N=]address"))
  var places: [VNCPlace] = []

  @Option(
    name: .customLong("vnc-password-file"),
    help: ArgumentHelp(
      "What viewers must know, those in browsers too: the first line of a file, 1 to 8 characters. The connection "
        + "stays plain.",
      valueName: "file"))
  var passwordFile: String?

  @Flag(
    help:
      "Let viewers and browsers of other hosts look without a password; else a host that is not loopback is refused."
  )
  var insecure = false

  @Flag(
    name: .customLong("view-only"),
    help: "Let viewers look and do no more, those in browsers too, whatever keyboard and pointer are served.")
  var viewOnly = false

  func validate() throws {
    for (index, place) in places.enumerated()
    where places[..<index].contains(where: { $0.scanout == place.scanout }) {
      throw ValidationError("--vnc is given twice for \(place.subject): there is one VNC server for it")
    }
    guard !insecure || passwordFile == nil else {
      throw ValidationError("--insecure and --vnc-password-file contradict each other: leave one out")
    }
  }

  /// Starts a server for each place; viewers can connect when this returns.
  ///
  /// - Parameters:
  ///   - core: the process's loop.
  ///   - controls: what viewers may do beyond looking.
  func serve(
    _ display: DisplayDevice, on core: any CoreServices, _ controls: VNCControls, logger: Logger
  ) throws -> [VNCServer] {
    let protection = try protection()
    var servers: [VNCServer] = []
    do {
      for place in places {
        servers.append(
          try VNCServer(
            at: place.address, output: place.scanout,
            name: place.scanout.map { "Scanout \($0)" } ?? "Scanout",
            protection: protection, controls: controls, core: core, attach: { try display.attach($0) }
          ) { Self.log($0, to: logger) })
      }
    } catch {
      for server in servers { server.stop() }
      throw Self.advised(error)
    }
    return servers
  }

  /// What viewers may do with a display's guest.
  ///
  /// - Parameter input: the keyboard and pointer that are served.
  func controls(of display: DisplayDevice, _ input: VNCControls) -> VNCControls {
    var controls = viewOnly ? VNCControls() : input
    controls.desk = display.desk(isFixed: viewOnly)
    return controls
  }

  static func log(_ report: VNCReport, to logger: Logger) {
    switch report.weight {
    case .detail: logger.debug("\(report.text)")
    case .notice: logger.notice("\(report.text)")
    }
  }

  /// An error with the options that help.
  static func advised(_ error: any Error) -> any Error {
    guard case VNCServerError.unprotected(let address) = error else { return error }
    return CommandFailure(
      "\(address) can be reached from other hosts: give a --vnc-password-file, or say --insecure to let anybody look"
    )
  }

  /// Who may look.
  func protection() throws -> VNCServer.Protection {
    guard let passwordFile else { return insecure ? .none : .local }
    return .password(try Self.password(from: passwordFile))
  }

  /// The first line of a file.
  static func password(from path: String) throws -> VNCPassword {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw CommandFailure("\(path) cannot be read: \(unsafe String(cString: strerror(errno)))")
    }
    defer { close(descriptor) }
    // Longer than any password with its end of line.
    var bytes = [UInt8](repeating: 0, count: 64)
    // At most the array's size.
    let count = unsafe read(descriptor, &bytes, bytes.count)
    let line = bytes.prefix(max(0, count)).prefix { $0 != 10 && $0 != 13 }
    guard let password = VNCPassword(line) else {
      throw CommandFailure(
        "the first line of \(path) is no VNC password: it must have 1 to 8 characters, since viewers cut off the rest"
      )
    }
    return password
  }
}

/// What `--vnc` takes: an address, or a scanout's number or `all`, `=` and an address.
struct VNCPlace: ExpressibleByArgument, Equatable {
  /// nil for all.
  let scanout: Int?
  let address: VNCAddress

  /// What viewers see, in messages.
  var subject: String { scanout.map { "scanout \($0)" } ?? "all scanouts" }

  init?(argument: String) {
    var text = argument[...]
    var scanout: Int? = 0
    // A path may have the character too, after `unix:`.
    if argument.hasPrefix("all=") {
      scanout = nil
      text = argument.dropFirst(4)
    } else if let split = argument.firstIndex(of: "="),
      argument[..<split].utf8.allSatisfy({ (0x30...0x39).contains($0) })
    {
      guard let number = Int(argument[..<split]), 0...15 ~= number else { return nil }
      scanout = number
      text = argument[argument.index(after: split)...]
    }
    guard let address = VNCAddress(String(text)) else { return nil }
    self.scanout = scanout
    self.address = address
  }
}
