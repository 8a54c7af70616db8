import CLibVNCServer
import HostThreads

/// What a VNC server has to say.
public struct VNCReport: Sendable, Equatable {
  /// How much it matters.
  public enum Weight: Sendable {
    /// For whoever looks for a fault.
    case detail
    /// For whoever runs the server.
    case notice
  }

  /// How much this one matters.
  public let weight: Weight
  /// One line of printable characters. A viewer can cause any number of them: let them through at a bounded rate.
  public let text: String
}

/// The messages of libvncserver, which has one place for them in a process: they go to the server made last, at a
/// bounded rate, since one message of a viewer's can cause 65535 of them.
///
/// All are details: what the library calls errors is what viewers do, or that a Unix socket has no TCP options.
enum LibraryLog {
  private struct State {
    var receiver: (@Sendable (VNCReport) -> Void)?
    var limiter = RateLimiter(burst: 20)
  }

  private static let state = Lock(State())

  /// Done once, before any viewer is served.
  private static let isConnected: Void = {
    // The function lives as long as the program.
    unsafe clibvncserver_set_sink { text in
      guard let text = unsafe text, let pass = LibraryLog.pass() else { return }
      // It ends with a zero byte after 511 bytes at most.
      let line = LibraryLog.printable(unsafe String(cString: text))
      let suppressed = pass.suppressed > 0 ? " (after \(pass.suppressed) others)" : ""
      pass.receiver(VNCReport(weight: .detail, text: line + suppressed))
    }
  }()

  /// Sends the messages to `receiver` from now on.
  static func send(to receiver: @escaping @Sendable (VNCReport) -> Void) {
    state.withLock { $0.receiver = receiver }
    isConnected
  }

  /// Who takes the next message; nil when it is one too many.
  private static func pass() -> (receiver: @Sendable (VNCReport) -> Void, suppressed: Int)? {
    state.withLock { state in
      guard let receiver = state.receiver, case .pass(let suppressed) = state.limiter.decide() else {
        return nil
      }
      return (receiver, suppressed)
    }
  }

  /// One line without control characters: viewers choose part of it.
  static func printable(_ text: String) -> String {
    let shown = text.unicodeScalars.map { scalar in
      scalar.value < 0x20 || 0x7f..<0xa0 ~= scalar.value ? " " : Character(scalar)
    }
    return "libvncserver: " + String(shown).split(separator: " ").joined(separator: " ")
  }
}
