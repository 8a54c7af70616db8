/// Why a request was refused; travels to the client as a word and a sentence.
package struct ControlFailure: Error, Equatable, CustomStringConvertible {
  /// What a program can tell apart.
  package enum Code: String, Sendable, CaseIterable {
    /// The request is not one; the connection is closed.
    case badRequest = "bad-request"
    /// The peer speaks another version of the protocol.
    case version
    /// Too many clients at once, or more for the guest than it has taken yet; the same may work later.
    case busy
    /// The client took too long.
    case timeout
    /// The device has no such scanout.
    case noSuchScanout = "no-such-scanout"
    /// The server has no keyboard or pointer of this kind, or no display.
    case noSuchDevice = "no-such-device"
    /// Every output is on, so none can be added.
    case allOn = "all-on"
    /// The guest shows nothing on the scanout.
    case off
    /// Anything else, such as a picture that could not be encoded.
    case failed
  }

  package let code: Code
  /// The cause, and the remedy where there is one.
  package let message: String

  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  package var description: String { message }

  /// Text with everything but printable ASCII replaced, at most 400 bytes of it: peers and terminals are safe from it.
  static func printable(_ bytes: some Sequence<UInt8>) -> String {
    String(
      decoding: bytes.prefix(400).map { (0x20...0x7e).contains($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
  }
}

/// What the server answers; the connection is closed after it.
///
/// On the wire it is one line of at most `maximumLineBytes` bytes, and the counted bytes after an `ok`:
/// ```
/// scanout-control 1 ok COUNT
/// scanout-control 1 error CODE MESSAGE
/// ```
package enum ControlReply: Sendable, Equatable {
  /// What was asked for: a file's bytes, or a `CursorReport`'s.
  case content([UInt8])
  case failure(ControlFailure)

  /// The longest reply line, its line feed included.
  package static let maximumLineBytes = 512
  /// The most content that a client takes: a pixmap of 16384x16384 pixels is smaller.
  package static let maximumContentBytes = 1 << 30

  /// The reply's line, with its line feed.
  package var head: [UInt8] {
    let words =
      switch self {
      case .content(let bytes): "ok \(bytes.count)"
      case .failure(let failure):
        "error \(failure.code.rawValue) \(ControlFailure.printable(failure.message.utf8))"
      }
    return Array("\(ControlLine.name) \(ControlLine.version) \(words)\n".utf8)
  }

  /// What follows the line.
  package var content: [UInt8] {
    switch self {
    case .content(let bytes): bytes
    case .failure: []
    }
  }

  /// Reads a reply's line, given without its line feed: how many bytes of content follow.
  ///
  /// - Throws: the failure that the server reports, or `.badRequest` when the line is none.
  static func contentCount(line: ArraySlice<UInt8>) throws(ControlFailure) -> Int {
    var words = try ControlLine(line)
    switch words.nextWord() {
    case "ok":
      guard let count = words.nextNumber(), words.isAtEnd, count <= maximumContentBytes else { break }
      return count
    case "error":
      guard let word = words.nextWord() else { break }
      // A word that this side does not know is a failure all the same.
      throw ControlFailure(ControlFailure.Code(rawValue: word) ?? .failed, words.rest())
    default: break
    }
    throw ControlFailure(.badRequest, "the server's answer is not one of this protocol")
  }
}
