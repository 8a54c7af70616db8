public import FrontEndAPI
import Glibc
import HostThreads

/// Shows outputs in browsers: noVNC's files over HTTP, and web sockets that lead to VNC viewers' code.
///
/// The host's loop says when somebody connects; each connection has a thread while it lasts, and each viewer a further
/// one. All sleep without a time limit while nothing happens.
public final class WebServer: Sendable {
  /// The bounds; the defaults are what `scanout serve` uses.
  public struct Limits: Sendable {
    /// Connections at a time, those of viewers included; others wait until one has ended.
    public var connections = 48
    /// From connecting to the end of the request's head.
    public var requestMilliseconds: Int64 = 10_000
    /// For each piece of an answer.
    public var writingMilliseconds: Int64 = 20_000
    /// What a browser has for the end of a connection.
    public var closingMilliseconds: Int64 = 2_000
    /// Those of the viewers; their number is that of all outputs together, and below that of the connections.
    public var viewers = VNCServer.Limits()

    /// The defaults.
    public init() {}
  }

  /// What all connections share.
  struct Setup: Sendable {
    let root: WebRoot
    /// By number of the output.
    let outputs: [VNCServer.Setup]
    let access: WebAccess
    let limits: Limits
    let seats: Seats
    let report: @Sendable (VNCReport) -> Void

    /// The output that a page of its own belongs to: `/` and `/output/N`.
    func page(of path: [String]) -> Int? { path.isEmpty ? 0 : number(of: path) }

    /// The output whose viewers' web sockets are at a path: `/output/N`, and `/websockify`, where noVNC looks unless
    /// told otherwise.
    func output(of path: [String]) throws(HTTPStatus) -> VNCServer.Setup {
      guard let number = path == ["websockify"] ? 0 : number(of: path) else { throw .notFound }
      return outputs[number]
    }

    private func number(of path: [String]) -> Int? {
      guard path.count == 2, path[0] == "output", let number = Int(path[1]), String(number) == path[1] else {
        return nil
      }
      return outputs.indices.contains(number) ? number : nil
    }
  }

  /// Room for viewers.
  final class Seats: Sendable {
    private let free: Lock<Int>

    init(_ count: Int) { free = Lock(count) }

    /// Takes one; false when there is none.
    func take() -> Bool {
      free.withLock { free in
        guard free > 0 else { return false }
        free -= 1
        return true
      }
    }

    func giveBack() { free.withLock { $0 += 1 } }
  }

  /// Where browsers connect, with the port that the system chose if that was left to it.
  public let address: VNCAddress
  private let reception: Reception

  /// Listens and starts to serve; browsers can connect when this returns.
  ///
  /// - Parameters:
  ///   - root: noVNC's files.
  ///   - outputs: how many there are, from 0.
  ///   - name: what an output's page has as its title; at most 100 bytes of it.
  ///   - protection: as for VNC viewers; without a password, pages from elsewhere are kept out.
  ///   - controls: what viewers may do beyond looking.
  ///   - core: the host's timers and watches; the server is to be stopped before the loop is.
  ///   - attach: attaches a front-end to the display: each viewer is one, on its own thread. The server detaches it.
  ///   - report: told what happens, on any thread; browsers cause most of it.
  public init(
    at address: VNCAddress, root: WebRoot, outputs: Int, name: (Int) -> String,
    protection: VNCServer.Protection, limits: Limits = Limits(),
    controls: VNCControls = VNCControls(), core: any CoreServices,
    attach: @escaping @Sendable (any DisplayFrontEnd) throws -> any DisplayChannel,
    report: @escaping @Sendable (VNCReport) -> Void = { _ in }
  ) throws(VNCServerError) {
    LibraryLog.send(to: report)
    let socket = try VNCServer.listen(at: address, protection, core)
    self.address = socket.address
    let news = NewsRound(on: core)
    let viewers = (0..<outputs).map { output in
      VNCServer.Setup(
        output: output, controls: controls, password: protection.password, limits: limits.viewers,
        name: Name(name(output)), news: news, attach: attach, report: report)
    }
    let setup = Setup(
      root: root, outputs: viewers, access: WebAccess(hasPassword: protection.password != nil),
      limits: limits,
      seats: Seats(limits.viewers.viewers), report: report)
    // A page is many files: one too many waits for its turn, where a refusal would leave a page in pieces.
    let policy = Reception.Policy(
      guests: "browser", limit: limits.connections, lastWaits: true, report: report)
    reception = Reception(socket: socket, policy) { WebConnection(owning: $0, setup, whenOver: $1) }
    reception.open(on: core)
  }

  deinit { stop() }

  /// Ends all connections and stops listening; returns when every thread has ended and let the display go.
  public func stop() { reception.close() }

  /// The page that shows an output, with what noVNC is told there.
  static func page(of output: Int) -> String {
    "/\(WebRoot.page)?autoconnect=true&resize=remote&path=output/\(output)"
  }

  /// What a refused page says, for the user who came by a name.
  static let advice =
    ": without a password this server is for its own pages alone, under a number or localhost (such as 127.0.0.1)"
}
