/// Where viewers connect.
public enum VNCAddress: Sendable, Equatable, CustomStringConvertible {
  /// A Unix socket, made with mode 0600.
  case unix(path: String)
  /// A TCP port of one address of this host; port 0 lets the system choose one.
  case tcp(host: String, port: UInt16)

  /// Reads `unix:PATH`, `HOST:PORT` or `[IPV6]:PORT`; nil when it is none of these.
  public init?(_ text: String) {
    if text.hasPrefix("unix:") {
      let path = String(text.dropFirst(5))
      guard !path.isEmpty else { return nil }
      self = .unix(path: path)
      return
    }
    guard let colon = text.lastIndex(of: ":") else { return nil }
    let digits = text[text.index(after: colon)...]
    // Digits alone: an integer's initializer would take a sign.
    guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(digits) else {
      return nil
    }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      return nil  // an IPv6 address without brackets: which colon begins the port is a guess
    }
    guard !host.isEmpty else { return nil }
    self = .tcp(host: String(host), port: port)
  }

  /// The form that `init` reads.
  public var description: String {
    switch self {
    case .unix(let path): "unix:\(path)"
    case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
  }
}
