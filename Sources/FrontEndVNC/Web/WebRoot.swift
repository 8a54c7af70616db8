import Glibc

/// The files that browsers may have: those below one directory.
public struct WebRoot: Sendable {
  /// Without links, dots or a slash at its end.
  private let path: String

  /// Where Debian's package has noVNC.
  public static let standard = "/usr/share/novnc"
  /// The page that `/` leads to.
  static let page = "vnc.html"
  /// More than any file of noVNC's.
  private static let maximumBytes = 16 << 20

  /// A directory with noVNC in it; nil when there is no such thing.
  public init?(_ path: String) {
    guard let real = Self.real(path) else { return nil }
    self.path = real
    guard open([Self.page]) != nil else { return nil }
  }

  /// A file that is open to be read.
  struct File: ~Copyable {
    let descriptor: Descriptor
    let count: Int
    let type: String
  }

  /// Opens a file; nil for what is none, or lies outside behind a link.
  ///
  /// - Parameter names: none empty, none beginning with a dot, as `HTTPRequest` has them.
  func open(_ names: [String]) -> File? {
    // What a link in the package leads to has to be here too.
    guard let real = Self.real(([path] + names).joined(separator: "/")), real.hasPrefix(path + "/") else {
      return nil
    }
    let raw = unsafe Glibc.open(real, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard raw >= 0 else { return nil }
    let descriptor = Descriptor(owning: raw)
    var status = stat()
    // The structure is a local variable.
    guard unsafe fstat(raw, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      let count = Int(exactly: status.st_size), count <= Self.maximumBytes
    else { return nil }
    return File(descriptor: descriptor, count: count, type: Self.type(of: names.last ?? ""))
  }

  /// Browsers run a script only if it comes as one, and show a style only if it does.
  static func type(of name: String) -> String {
    switch name.split(separator: ".").last?.lowercased() {
    case "html": "text/html; charset=utf-8"
    case "js", "mjs": "text/javascript; charset=utf-8"
    case "css": "text/css; charset=utf-8"
    case "json": "application/json"
    case "svg": "image/svg+xml"
    case "png": "image/png"
    case "ico": "image/x-icon"
    case "woff": "font/woff"
    case "woff2": "font/woff2"
    case "ttf": "font/ttf"
    case "mp3": "audio/mpeg"
    case "oga": "audio/ogg"
    case "wasm": "application/wasm"
    default: "application/octet-stream"
    }
  }

  private static func real(_ path: String) -> String? {
    // A string of C that the library allocates and that is freed here.
    guard let resolved = unsafe realpath(path, nil) else { return nil }
    defer { unsafe free(resolved) }
    return unsafe String(cString: resolved)
  }
}
