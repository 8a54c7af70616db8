/// How a picture travels over the control socket.
package enum PictureEncoding: String, Sendable, CaseIterable {
  case png
  /// Portable pixmap, P6.
  case ppm
}

/// What a client of the control socket asks for; one request for each connection.
///
/// On the wire it is one line of at most `maximumLineBytes` bytes:
/// ```
/// scanout-control 1 screenshot SCANOUT cursor|plain png|ppm
/// scanout-control 1 cursor SCANOUT
/// ```
package enum ControlRequest: Sendable, Equatable {
  /// A picture of an output, with the cursor drawn into it or without.
  case screenshot(scanout: Int, withCursor: Bool, encoding: PictureEncoding)
  /// Position, visibility and image checksum of an output's cursor, as a `CursorReport`.
  case cursor(scanout: Int)

  /// The longest request line, its line feed included.
  package static let maximumLineBytes = 128

  /// The request as its line, with the line feed.
  package var bytes: [UInt8] {
    let words =
      switch self {
      case .screenshot(let scanout, let withCursor, let encoding):
        "screenshot \(scanout) \(withCursor ? "cursor" : "plain") \(encoding.rawValue)"
      case .cursor(let scanout): "cursor \(scanout)"
      }
    return Array("\(ControlLine.name) \(ControlLine.version) \(words)\n".utf8)
  }

  /// Reads a line, given without its line feed.
  ///
  /// - Throws: what the client is answered with.
  package init(line: ArraySlice<UInt8>) throws(ControlFailure) {
    var words = try ControlLine(line)
    switch words.nextWord() {
    case "screenshot":
      let scanout = try Self.scanout(&words)
      let withCursor: Bool
      switch words.nextWord() {
      case "cursor": withCursor = true
      case "plain": withCursor = false
      default: throw ControlFailure(.badRequest, "`cursor` or `plain` must follow the scanout's number")
      }
      guard let word = words.nextWord(), let encoding = PictureEncoding(rawValue: word) else {
        throw ControlFailure(.badRequest, "a screenshot is `png` or `ppm`")
      }
      self = .screenshot(scanout: scanout, withCursor: withCursor, encoding: encoding)
    case "cursor":
      self = .cursor(scanout: try Self.scanout(&words))
    default:
      throw ControlFailure(.badRequest, "requests are `screenshot` and `cursor`")
    }
    guard words.isAtEnd else { throw ControlFailure(.badRequest, "the line goes on after its last word") }
  }

  private static func scanout(_ words: inout ControlLine) throws(ControlFailure) -> Int {
    guard let number = words.nextNumber() else {
      throw ControlFailure(.badRequest, "the scanout's number, from 0, must follow the request's name")
    }
    return number
  }
}
