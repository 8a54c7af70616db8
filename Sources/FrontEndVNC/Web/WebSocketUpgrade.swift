/// How a request becomes a web socket (RFC 6455 §4.2).
enum WebSocketUpgrade {
  private static let version = "13"
  private static let identifier = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

  /// Whether a request asks for one.
  static func isAsked(by request: HTTPRequest) -> Bool {
    request.list("upgrade").contains("websocket") && request.list("connection").contains("upgrade")
  }

  /// The answer that makes it one.
  static func response(to request: HTTPRequest) throws(HTTPStatus) -> HTTPResponse {
    guard !request.isHead else { throw .badRequest }
    guard request.field("sec-websocket-version") == version else { throw .upgradeRequired }
    guard let key = request.field("sec-websocket-key"), Base64.isKey(key) else { throw .badRequest }
    var response = HTTPResponse(
      .switchingProtocols,
      [
        ("Upgrade", "websocket"), ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", Base64.encode(SHA1.digest(Array((key + identifier).utf8)))),
      ])
    // What viewers in browsers call it, those that call it anything; no other is spoken here.
    if request.list("sec-websocket-protocol").contains("binary") {
      response.fields.append(("Sec-WebSocket-Protocol", "binary"))
    }
    return response
  }

  /// What goes with a refusal because of the version.
  static let versionField = (name: "Sec-WebSocket-Version", value: version)
}
