public import FrontEndAPI
import Glibc
import HostThreads

/// Shows one output, or all of them side by side, to any number of VNC viewers, on a Unix socket or a TCP port.
///
/// The host's loop says when somebody connects; each viewer has a thread. All sleep without a time limit while nothing
/// happens.
public final class VNCServer: Sendable {
  /// The bounds; the defaults are what `scanout serve` uses.
  public struct Limits: Sendable {
    /// Viewers at a time, those in their handshake included; others are disconnected at once.
    public var viewers = 16
    /// From connecting to being told the output's size.
    public var handshakeMilliseconds: Int64 = 10_000
    /// The longest clipboard that a viewer may send, in bytes.
    public var clipboardBytes = 1 << 20
    /// From its first byte to its last.
    public var messageMilliseconds: Int64 = 20_000

    /// The defaults.
    public init() {}
  }

  /// Who may look.
  public enum Protection: Sendable {
    /// Programs of this host, which are not asked for a password. Unix sockets and loopback addresses only.
    case local
    /// Whoever knows the password.
    case password(VNCPassword)
    /// Anybody who can connect, from whatever host.
    case none

    var password: VNCPassword? { if case .password(let password) = self { password } else { nil } }
    /// Whether an address that other hosts can reach will do.
    var allowsOthers: Bool { if case .local = self { false } else { true } }
  }

  /// What all viewers share.
  struct Setup: Sendable {
    /// nil for all.
    let output: Int?
    let controls: VNCControls
    let wishes = DesktopWishes()
    let password: VNCPassword?
    let limits: Limits
    let name: Name
    /// When viewers hear of changes.
    let news: NewsRound
    let attach: @Sendable (any DisplayFrontEnd) throws -> any DisplayChannel
    let report: @Sendable (VNCReport) -> Void
  }

  /// Where viewers connect, with the port that the system chose if that was left to it.
  public let address: VNCAddress
  private let reception: Reception
  private static let coreInterface = InterfaceVersion(type: "core", label: "VNC server", major: 1, minor: 0)

  /// Listens and starts to serve; viewers can connect when this returns.
  ///
  /// - Parameters:
  ///   - output: scanout id, from 0; nil shows all, as they stand beside each other.
  ///   - name: what viewers show as their title; at most 100 bytes of it.
  ///   - controls: what viewers may do beyond looking.
  ///   - core: the host's timers and watches; the server is to be stopped before the loop is.
  ///   - attach: attaches a front-end to the display: each viewer is one, on its own thread. The server detaches it.
  ///   - report: told what happens, on any thread; viewers cause most of it.
  public init(
    at address: VNCAddress, output: Int?, name: String, protection: Protection, limits: Limits = Limits(),
    controls: VNCControls = VNCControls(), core: any CoreServices,
    attach: @escaping @Sendable (any DisplayFrontEnd) throws -> any DisplayChannel,
    report: @escaping @Sendable (VNCReport) -> Void = { _ in }
  ) throws(VNCServerError) {
    LibraryLog.send(to: report)
    let socket = try Self.listen(at: address, protection, core)
    self.address = socket.address
    let setup = Setup(
      output: output, controls: controls, password: protection.password, limits: limits, name: Name(name),
      news: NewsRound(on: core), attach: attach, report: report)
    let policy = Reception.Policy(
      guests: "viewer", limit: limits.viewers, lastWaits: false, report: report)
    reception = Reception(socket: socket, policy) { Viewer(owning: $0, setup, whenOver: $1) }
    reception.open(on: core)
  }

  /// Makes sure of what every server needs, and listens.
  static func listen(
    at address: VNCAddress, _ protection: Protection, _ core: any CoreServices
  ) throws(VNCServerError) -> ServerSocket {
    guard LibraryScreen.prepare() else { throw .outOfMemory }
    do throws(InterfaceMismatch) { _ = try core.interface.agreed(with: Self.coreInterface) } catch {
      throw .unsuitableHost(error)
    }
    return try ServerSocket(address, allowsOthers: protection.allowsOthers)
  }

  deinit { stop() }

  /// Disconnects all viewers and stops listening; returns when every thread has ended and let the display go.
  public func stop() { reception.close() }
}

/// A string of C that lives as long as this.
@safe
final class Name: @unchecked Sendable {
  // Sendable: nobody changes it.
  private let bytes: UnsafeMutableBufferPointer<CChar>

  init(_ text: String) {
    let kept = text.utf8.prefix(100).filter { $0 >= 0x20 }.map { CChar(bitPattern: $0) }
    unsafe bytes = .allocate(capacity: kept.count + 1)
    _ = unsafe bytes.initialize(from: kept + [0])
  }

  deinit { unsafe bytes.deallocate() }

  /// Ends with a zero byte.
  @unsafe var address: UnsafePointer<CChar> { unsafe UnsafePointer(bytes.baseAddress!) }
}
