import FrontEndAPI
import FrontEndVNC
import HostLoop
import HostThreads
import Testing

/// An output and a server that shows it on a port of its own.
final class Scene {
  let output = FakeOutput()
  let loop: HostLoop
  let server: VNCServer
  let reports: Reports

  /// What the server had to say.
  final class Reports: Sendable {
    private let texts = Lock<[String]>([])
    func add(_ report: VNCReport) { texts.withLock { $0.append(report.text) } }
    var all: [String] { texts.withLock { $0 } }
  }

  /// Bounds of time longer than a loaded machine keeps a test's thread from its turn.
  static let limits = {
    var limits = VNCServer.Limits()
    limits.handshakeMilliseconds = 120_000
    limits.messageMilliseconds = 120_000
    return limits
  }()

  init(
    at address: VNCAddress = .tcp(host: "127.0.0.1", port: 0), protection: VNCServer.Protection = .local,
    limits: VNCServer.Limits = Scene.limits, controls: VNCControls = VNCControls()
  ) throws {
    let output = output
    let reports = Reports()
    self.reports = reports
    loop = try HostLoop()
    server = try VNCServer(
      at: address, output: 0, name: "a guest", protection: protection, limits: limits, controls: controls,
      core: loop, attach: { output.attach($0) }, report: { reports.add($0) })
  }

  func viewer() throws -> RawViewer { try RawViewer(server.address) }

  /// A new viewer gets the whole picture: whatever happened before did the server no harm.
  func isWell(_ pixel: (Int, Int) -> UInt32) throws -> Bool {
    let viewer = try viewer()
    try viewer.look()
    return viewer.shows(pixel)
  }
}
