import ArgumentParser
import FrontEndAPI
import FrontEndVNC
import Logging
import ScanoutDevice

/// The options of `serve` for browsers.
struct WebOptions: ParsableArguments {
  @Option(
    name: .customLong("web"),
    help: ArgumentHelp(
      "Show the scanouts in browsers, by noVNC: at HOST:PORT, or at unix:PATH for another web server of this user's.",
      valueName: "address"))
  var address: VNCAddress?

  @Option(
    name: .customLong("web-root"),
    help: ArgumentHelp(
      "Where noVNC's files are. (default: \(WebRoot.standard), where Debian's package has them)",
      valueName: "directory")
  )
  var root: String?

  func validate() throws {
    guard address != nil || root == nil else {
      throw ValidationError("--web-root goes with --web: say where browsers connect")
    }
  }

  /// Starts the server that was asked for; browsers can connect when this returns.
  ///
  /// - Parameters:
  ///   - core: the process's loop.
  ///   - controls: what viewers may do beyond looking.
  func serve(
    _ display: DisplayDevice, on core: any CoreServices, _ protection: VNCServer.Protection,
    _ controls: VNCControls, logger: Logger
  ) throws -> WebServer? {
    guard let address else { return nil }
    do {
      return try WebServer(
        at: address, root: files(), outputs: display.outputDescriptions.count, name: { "Scanout \($0)" },
        protection: protection, controls: controls, core: core, attach: { try display.attach($0) }
      ) { VNCOptions.log($0, to: logger) }
    } catch { throw VNCOptions.advised(error) }
  }

  /// The files that were named, or those of the package.
  func files() throws -> WebRoot {
    if let files = WebRoot(root ?? WebRoot.standard) { return files }
    guard let root else {
      throw CommandFailure(
        "noVNC is not in \(WebRoot.standard): install it (apt-get install novnc), or say where it is with --web-root"
      )
    }
    throw CommandFailure("there is no noVNC in \(root): --web-root names the directory that has its vnc.html")
  }

  /// What a browser's user types, as far as it is known here.
  static func place(of address: VNCAddress) -> String {
    switch address {
    case .unix: "\(address)"
    case .tcp: "http://\(address)/"
    }
  }
}

extension VNCAddress: @retroactive ExpressibleByArgument {
  /// Reads it from the command line.
  public init?(argument: String) { self.init(argument) }
}
