extension Request {
  /// Reads a request from a line: a number, a command and its words, with spaces between.
  ///
  /// Numbers are decimal, or hexadecimal behind `0x`; the bytes of `print` are pairs of hexadecimal digits.
  public init(line: String) throws(RequestFault) {
    let words = line.split(separator: " ", omittingEmptySubsequences: true)
    guard let first = words.first, let number = UInt32(first), words.count >= 2 else { throw .noNumber }
    var arguments = Arguments(number: number, words: words.dropFirst(2))
    let command = try Self.command(String(words[1]), &arguments)
    try arguments.end()
    self.init(number: number, command: command)
  }

  private static func command(
    _ name: String, _ words: inout Arguments
  ) throws(RequestFault) -> GuestCommand {
    switch name {
    case "info": return .info
    case "rng": return .rng
    case "open": return .open
    case "close": return .close
    case "unbind": return .unbind
    case "bind": return .bind
    case "remove": return .remove
    case "insert": return .insert
    case "console": return .console
    case "text": return .text
    case "trouble": return .trouble
    case "poweroff": return .powerOff
    case "log": return .log(lines: try words.small())
    case "random": return .random(kibibytes: try words.small())
    case "trace": return .trace(categories: try words.small())
    case "listen": return .listen
    case "events": return .events(count: try words.small())
    case "idle": return .idle(seconds: try words.small())
    case "print": return .print(bytes: try words.bytes())
    default: return try drawing(name, &words)
    }
  }

  private static func drawing(
    _ name: String, _ words: inout Arguments
  ) throws(RequestFault) -> GuestCommand {
    switch name {
    case "buffer":
      return .buffer(id: try words.small(), width: try words.small(), height: try words.small())
    case "free": return .free(id: try words.small())
    case "fill": return .fill(id: try words.small(), seed: try words.seed())
    case "update":
      let id = try words.small()
      let area = GuestCommand.Area(
        x: try words.small(), y: try words.small(), width: try words.small(), height: try words.small())
      return .update(id: id, area: area, seed: try words.seed())
    case "show": return .show(output: try words.small(), id: try words.small())
    case "flip": return .flip(output: try words.small(), id: try words.small())
    case "blank": return .blank(output: try words.small())
    case "cursor":
      return .cursor(
        output: try words.small(), seed: try words.seed(), hotX: try words.signed(), hotY: try words.signed())
    case "move": return .move(output: try words.small(), x: try words.signed(), y: try words.signed())
    case "hide": return .hide(output: try words.small())
    default: throw .unknownCommand(name, number: words.number)
    }
  }
}

/// The words behind a command, taken one by one.
private struct Arguments {
  let number: UInt32
  private let total: Int
  private var rest: ArraySlice<Substring>
  private var taken = 0

  init(number: UInt32, words: ArraySlice<Substring>) {
    self.number = number
    total = words.count
    rest = words
  }

  private mutating func next() throws(RequestFault) -> Substring {
    taken += 1
    guard let word = rest.popFirst() else {
      throw .wrongCount(expected: taken, found: total, number: number)
    }
    return word
  }

  func end() throws(RequestFault) {
    guard rest.isEmpty else { throw .wrongCount(expected: taken, found: total, number: number) }
  }

  /// A size, a place or a name: 0 to 65535, so that sums and products of a few cannot overflow.
  mutating func small() throws(RequestFault) -> Int {
    let word = try next()
    guard let value = UInt16(word) else { throw .badWord(String(word), number: number) }
    return Int(value)
  }

  mutating func signed() throws(RequestFault) -> Int {
    let word = try next()
    guard let value = Int16(word) else { throw .badWord(String(word), number: number) }
    return Int(value)
  }

  mutating func seed() throws(RequestFault) -> UInt32 {
    let word = try next()
    let value = word.hasPrefix("0x") ? UInt32(word.dropFirst(2), radix: 16) : UInt32(word)
    guard let value else { throw .badWord(String(word), number: number) }
    return value
  }

  mutating func bytes() throws(RequestFault) -> [UInt8] {
    let word = try next()
    let digits = word.utf8.map { Self.nibble($0) }
    guard digits.count.isMultiple(of: 2), !digits.contains(nil) else {
      throw .badWord(String(word.prefix(40)), number: number)
    }
    return stride(from: 0, to: digits.count, by: 2).map { (digits[$0] ?? 0) << 4 | (digits[$0 + 1] ?? 0) }
  }

  private static func nibble(_ character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}
