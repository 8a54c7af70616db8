import Glibc

/// Which pages in the user's browser may look (`spec/vnc.md`).
///
/// Whoever has the user's browser can send requests to this host's loopback, and any page has it: a server that asks
/// for no password has to tell its own pages from those of others.
struct WebAccess {
  /// Whether viewers are asked for a password, which a page from elsewhere does not know.
  let hasPassword: Bool

  /// Whether a request was made to a name that nobody else can point at this host.
  ///
  /// A page from elsewhere has its own name's address changed to ours and then counts as ours to the browser (DNS
  /// rebinding); but its name stands in the request. Numbers and this host's names are not for others to point.
  func admits(host: String?) -> Bool {
    // A browser always says where it goes.
    guard let name = host.flatMap(Self.name) else { return false }
    return hasPassword || name == "localhost" || Self.isNumber(name) || name == Self.ownName
  }

  /// Whether a web socket is asked for by a page of this server, or by no page: browsers always say whose page asks
  /// (RFC 6455 §10.2), and let pages open web sockets to everywhere.
  func admits(origin: String?, host: String) -> Bool {
    guard let origin = origin?.lowercased() else { return true }
    return ["http://", "https://"].contains { origin == $0 + host.lowercased() }
  }

  /// The name in `NAME`, `NAME:PORT` or `[IPV6]:PORT`, in small letters; nil when it is none of them.
  private static func name(_ host: String) -> String? {
    let host = host.lowercased()
    var name = host[...]
    if let colon = host.lastIndex(of: ":"), !host.hasSuffix("]") {
      let digits = host[host.index(after: colon)...]
      guard (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
        return nil
      }
      name = host[..<colon]
    }
    if name.hasPrefix("["), name.hasSuffix("]") { return String(name) }
    return !name.isEmpty && name.utf8.allSatisfy(HTTPText.isPlain) ? String(name) : nil
  }

  private static func isNumber(_ name: String) -> Bool {
    var bytes = in6_addr()
    // The structure has room for an address of either family.
    if name.hasPrefix("[") {
      return unsafe inet_pton(AF_INET6, String(name.dropFirst().dropLast()), &bytes) == 1
    }
    return unsafe inet_pton(AF_INET, name, &bytes) == 1
  }

  private static let ownName: String? = {
    var bytes = [CChar](repeating: 0, count: 256)
    // At most the array's size without its last byte, which stays 0.
    guard unsafe gethostname(&bytes, bytes.count - 1) == 0 else { return nil }
    let name = bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    return name.isEmpty ? nil : String(decoding: name, as: UTF8.self).lowercased()
  }()
}
