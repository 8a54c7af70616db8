/// What a request comes to (RFC 9110 §15); those from 400 up are thrown.
enum HTTPStatus: Int, Error {
  case switchingProtocols = 101
  case ok = 200
  case found = 302
  case badRequest = 400
  case forbidden = 403
  case notFound = 404
  case methodNotAllowed = 405
  case upgradeRequired = 426
  case headTooLarge = 431
  case serviceUnavailable = 503
  case versionNotSupported = 505

  /// The words after the number, and all that a page of it says.
  var phrase: String {
    switch self {
    case .switchingProtocols: "Switching Protocols"
    case .ok: "OK"
    case .found: "Found"
    case .badRequest: "Bad Request"
    case .forbidden: "Forbidden"
    case .notFound: "Not Found"
    case .methodNotAllowed: "Method Not Allowed"
    case .upgradeRequired: "Upgrade Required"
    case .headTooLarge: "Request Header Fields Too Large"
    case .serviceUnavailable: "Service Unavailable"
    case .versionNotSupported: "HTTP Version Not Supported"
    }
  }
}

/// The head of an answer. Each connection has one answer and ends, unless it becomes a web socket.
struct HTTPResponse {
  let status: HTTPStatus
  var fields: [(name: String, value: String)]

  /// What every answer says besides its own, so that a page shown here talks to this server alone and no page from
  /// elsewhere can hold it in a frame, read it, or have it taken for another kind of thing.
  private static let common: [(name: String, value: String)] = [
    (
      "Content-Security-Policy",
      "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; object-src 'none'; "
        + "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    ("X-Frame-Options", "DENY"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    // The package may be another one tomorrow.
    ("Cache-Control", "no-cache"),
  ]

  init(_ status: HTTPStatus, _ fields: [(name: String, value: String)] = []) {
    self.status = status
    self.fields = fields
  }

  /// A body of that many bytes follows.
  static func content(_ status: HTTPStatus, type: String, count: Int) -> HTTPResponse {
    HTTPResponse(status, [("Content-Type", type), ("Content-Length", String(count))])
  }

  /// Goes to another place of this server.
  static func redirect(to place: String) -> HTTPResponse {
    HTTPResponse(.found, [("Location", place), ("Content-Length", "0")])
  }

  /// As it goes over the wire.
  var head: [UInt8] {
    var text = "HTTP/1.1 \(status.rawValue) \(status.phrase)\r\n"
    let isUpgrade = status == .switchingProtocols
    for field in fields + (isUpgrade ? [] : Self.common + [("Connection", "close")]) {
      text += "\(field.name): \(field.value)\r\n"
    }
    return Array((text + "\r\n").utf8)
  }
}
