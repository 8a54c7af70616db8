/// The head of one request, as far as a server of files and web sockets needs it (RFC 9112 §3, §5).
struct HTTPRequest: Equatable {
  /// Whether only the head of the answer is wanted.
  let isHead: Bool
  /// Names of directories and a file, none empty and none beginning with a dot: it cannot lead upwards.
  let path: [String]
  /// Whether the path ends with a slash, as that of a directory.
  let isDirectory: Bool
  /// By name in small letters; a field that came twice is joined by commas (RFC 9110 §5.2).
  private let fields: [String: String]

  /// The bytes that a head may have.
  static let maximumBytes = 16 << 10
  /// The fields that a head may have.
  private static let maximumFields = 100
  /// Fields whose second coming would leave open which one counts.
  private static let single: Set<String> = [
    "host", "origin", "sec-websocket-key", "sec-websocket-version",
  ]

  /// A field's value; the name is written in small letters.
  func field(_ name: String) -> String? { fields[name] }

  /// The words of a field that is a list, in small letters.
  func list(_ name: String) -> [String] {
    (fields[name] ?? "").split(separator: ",").map { HTTPText.trimmed($0).lowercased() }
  }

  /// Reads a head without its final empty line.
  init(_ head: some Collection<UInt8>) throws(HTTPStatus) {
    let text = try HTTPText.decode(head)
    let lines = text.split(separator: Character("\r\n"), omittingEmptySubsequences: false)
    // Half a line end is a whole one to some readers.
    guard lines.allSatisfy({ !$0.contains("\r") && !$0.contains("\n") }) else { throw .badRequest }
    let words = lines[0].split(separator: " ", omittingEmptySubsequences: false)
    guard words.count == 3 else { throw .badRequest }
    guard words[2] == "HTTP/1.1" || words[2] == "HTTP/1.0" else { throw .versionNotSupported }
    switch words[0] {
    case "GET": isHead = false
    case "HEAD": isHead = true
    default: throw .methodNotAllowed
    }
    fields = try Self.fields(lines.dropFirst())
    // A body would have to be read past, and none of our answers depends on one.
    guard (fields["content-length"] ?? "0") == "0", fields["transfer-encoding"] == nil else {
      throw .badRequest
    }
    (path, isDirectory) = try Self.path(words[1])
  }

  private static func fields(_ lines: ArraySlice<Substring>) throws(HTTPStatus) -> [String: String] {
    guard lines.count <= maximumFields else { throw .headTooLarge }
    var fields: [String: String] = [:]
    for line in lines {
      guard let colon = line.firstIndex(of: ":") else { throw .badRequest }
      let name = line[..<colon].lowercased()
      // An empty name, a space before the colon, a line that goes on: all look different to different readers.
      guard HTTPText.isToken(name) else { throw .badRequest }
      let value = HTTPText.trimmed(line[line.index(after: colon)...])
      guard let earlier = fields[name] else {
        fields[name] = value
        continue
      }
      guard !single.contains(name) else { throw .badRequest }
      fields[name] = "\(earlier), \(value)"
    }
    return fields
  }

  /// The path of a target; the query after it is the page's business.
  private static func path(_ target: Substring) throws(HTTPStatus) -> ([String], isDirectory: Bool) {
    let path = target.prefix { $0 != "?" }
    guard path.first == "/" else { throw .badRequest }
    let parts = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    let isDirectory = parts.last?.isEmpty ?? true
    let names = parts.dropLast(isDirectory ? 1 : 0)
    // No file of noVNC's has a name that needs escapes, so there is one spelling for each path and nothing to decode.
    guard names.allSatisfy({ !$0.isEmpty && !$0.hasPrefix(".") && $0.utf8.allSatisfy(HTTPText.isPlain) })
    else {
      throw .notFound
    }
    return (names.map(String.init), isDirectory)
  }
}

/// Bytes of a head as text.
enum HTTPText {
  /// The text of a head: line ends, tabs and printable ASCII. Other bytes, which only fields that nobody here reads
  /// may have, all become one sign that has no meaning anywhere, so that no two characters join to one.
  static func decode(_ bytes: some Collection<UInt8>) throws(HTTPStatus) -> String {
    guard bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 9 || $0 == 10 || $0 == 13 }) else {
      throw .badRequest
    }
    return String(decoding: bytes.map { $0 < 0x80 ? $0 : 0x7f }, as: UTF8.self)
  }

  /// Without spaces and tabs around it.
  static func trimmed(_ text: Substring) -> String {
    let isSpace = { (character: Character) in character == " " || character == "\t" }
    let begun = text.drop(while: isSpace)
    return String(begun.reversed().drop(while: isSpace).reversed())
  }

  /// Whether a field may be called so (RFC 9110 §5.6.2).
  static func isToken(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { isPlain($0) || "!#$%&'*+^`|~".utf8.contains($0) }
  }

  /// Letters, digits and the three signs that file names have.
  static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
      true
    default: false
    }
  }
}
