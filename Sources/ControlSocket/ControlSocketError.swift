import Glibc

/// What went wrong with a control socket on this side, with the remedy.
package enum ControlSocketError: Error, Equatable, CustomStringConvertible {
  /// The path is empty, too long for a socket's address or holds a zero byte.
  case badPath(String)
  /// A server answers on the path already.
  case inUse(String)
  /// Something else than a socket is there; it is left alone.
  case notASocket(String)
  /// Nothing is there, or nobody listens any more.
  case nobodyListens(String)
  /// A system call failed.
  case system(call: String, path: String, errno: CInt)
  /// The server let the time limit pass.
  case timeout(String)
  /// The connection ended before the answer did.
  case cutShort(received: Int, expected: Int?)
  /// The server answered with an error.
  case refused(ControlFailure)

  package var description: String {
    switch self {
    case .badPath(let path):
      "`\(path)` cannot be a socket's path: it must have 1 to \(UnixSocket.maximumPathBytes) bytes"
    case .inUse(let path):
      "another server answers on \(path): end that one or choose another path"
    case .notASocket(let path):
      "\(path) exists and is no socket: remove it or choose another path"
    case .nobodyListens(let path):
      "no server answers on \(path): start one with `scanout serve --control \(path)`"
    case .system(let call, let path, let errno):
      "\(call) failed on \(path): \(unsafe String(cString: strerror(errno)))"
        + (errno == EACCES || errno == EPERM ? " (only the user that started the server may use it)" : "")
    case .timeout(let path):
      "the server on \(path) did not answer in time: it may be busy with other requests, try again"
    case .cutShort(let received, let expected):
      "the server closed the connection after \(received) of \(expected.map(String.init) ?? "?") bytes: "
        + "see whether it still runs"
    case .refused(let failure):
      failure.message
    }
  }
}
