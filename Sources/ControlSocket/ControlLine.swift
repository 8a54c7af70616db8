/// One line of the control protocol as words, without its line feed.
///
/// Every line begins with `scanout-control` and the protocol's version; words are separated by one space each.
struct ControlLine {
  /// The first word of every line.
  static let name = "scanout-control"
  /// What follows it. A peer of another version is refused: there is only one so far.
  static let version = 1

  private var words: [ArraySlice<UInt8>]

  /// Splits a line and takes name and version off it.
  init(_ line: ArraySlice<UInt8>) throws(ControlFailure) {
    // Line feeds cannot be inside; other control characters and bytes above ASCII belong to no request.
    words = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    guard words.first?.elementsEqual(Self.name.utf8) == true else {
      throw ControlFailure(.badRequest, "a line must begin with `\(Self.name) \(Self.version)`")
    }
    words.removeFirst()
    guard let version = nextNumber() else {
      throw ControlFailure(.badRequest, "the version must follow `\(Self.name)`, as in `\(Self.name) 1`")
    }
    guard version == Self.version else {
      throw ControlFailure(
        .version,
        "this side speaks version \(Self.version) of the control protocol, the other \(version): "
          + "use the same release of scanout on both")
    }
  }

  /// The next word as text of ASCII letters, digits and hyphens; nil when there is none or it holds other bytes.
  mutating func nextWord() -> String? {
    guard let word = words.first else { return nil }
    words.removeFirst()
    let isPlain = word.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
        true
      default: false
      }
    }
    return isPlain && !word.isEmpty ? String(decoding: word, as: UTF8.self) : nil
  }

  /// Takes the next word if it is this one.
  mutating func skip(_ word: String) -> Bool {
    guard words.first?.elementsEqual(word.utf8) == true else { return false }
    words.removeFirst()
    return true
  }

  /// The next word as a decimal number below ten thousand million; nil when it is missing or anything else.
  mutating func nextNumber() -> Int? {
    guard let word = words.first else { return nil }
    words.removeFirst()
    // Ten digits cannot overflow 64 bits.
    guard (1...10).contains(word.count) else { return nil }
    var value = 0
    for byte in word {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
      value = value * 10 + Int(byte - UInt8(ascii: "0"))
    }
    return value
  }

  /// As `nextNumber`, and may have a minus sign.
  mutating func nextSignedNumber() -> Int? {
    guard let word = words.first, word.first == UInt8(ascii: "-") else { return nextNumber() }
    words[0] = word.dropFirst()
    return nextNumber().map { -$0 }
  }

  /// Whether all words have been taken.
  var isAtEnd: Bool { words.isEmpty }

  /// What is left as text, with its spaces; bytes that are not printable ASCII become question marks.
  func rest() -> String { ControlFailure.printable(words.joined(separator: [UInt8(ascii: " ")])) }
}
