/// A part of a report that comes out as JSON for programs and as aligned text for people: the same names, the same
/// values.
indirect enum ReportNode {
  case number(UInt64)
  case signed(Int)
  /// A register or an address; with at least so many digits.
  case hex(UInt64, digits: Int = 1)
  case flag(Bool)
  case text(String)
  /// Names, such as those of bits.
  case names([String])
  /// How often things have been, by name.
  case counts([(name: String, count: UInt64)])
  /// Nothing there, or not known.
  case absent
  case object(Fields)
  /// Things of one kind, all with the same fields.
  case rows([Fields])

  typealias Fields = [(name: String, value: ReportNode)]

  /// A number of any width.
  static func count(_ value: some BinaryInteger) -> ReportNode { .number(UInt64(clamping: value)) }
  /// A number that may be missing.
  static func count(_ value: (some BinaryInteger)?) -> ReportNode { value.map { .count($0) } ?? .absent }
}

// MARK: JSON

extension ReportNode {
  /// One JSON value (RFC 8259): names are ASCII, registers and addresses strings such as "0xfee00000".
  var json: String {
    var text = ""
    writeJSON(into: &text, indent: "")
    return text + "\n"
  }

  private func writeJSON(into text: inout String, indent: String) {
    switch self {
    case .number(let value): text += "\(value)"
    case .signed(let value): text += "\(value)"
    case .flag(let value): text += "\(value)"
    case .absent: text += "null"
    case .hex, .text: text += Self.quoted(word)
    case .names(let names): text += "[\(names.map(Self.quoted).joined(separator: ", "))]"
    case .counts(let counts):
      let fields = counts.map { "\(Self.quoted($0.name)): \($0.count)" }
      text += "{\(fields.joined(separator: ", "))}"
    case .object(let fields):
      text += "{"
      for (index, field) in fields.enumerated() {
        text += (index > 0 ? ",\n" : "\n") + indent + "  \(Self.quoted(field.name)): "
        field.value.writeJSON(into: &text, indent: indent + "  ")
      }
      text += "\n\(indent)}"
    case .rows(let rows):
      text += "["
      for (index, row) in rows.enumerated() {
        text += (index > 0 ? ",\n" : "\n") + indent + "  "
        ReportNode.object(row).writeJSON(into: &text, indent: indent + "  ")
      }
      text += rows.isEmpty ? "]" : "\n\(indent)]"
    }
  }

  /// A string; what is not printable ASCII is escaped.
  static func quoted(_ string: String) -> String {
    var text = "\""
    for unit in string.utf16 {
      switch unit {
      case 0x22, 0x5c: text += "\\\(Character(UnicodeScalar(UInt8(truncatingIfNeeded: unit))))"
      case 0x20...0x7e: text.unicodeScalars.append(UnicodeScalar(UInt8(truncatingIfNeeded: unit)))
      default:
        let digits = String(unit, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      }
    }
    return text + "\""
  }
}

// MARK: Text

extension ReportNode {
  /// The fields of an object, a line each, names and values under each other.
  static func text(_ fields: Fields, indent: Int = 0) -> String {
    let width = fields.filter { !$0.value.isBlock }.map(\.name.count).max() ?? 0
    let margin = String(repeating: " ", count: indent)
    var text = ""
    for (name, value) in fields {
      switch value {
      case .object(let inner): text += "\(margin)\(name)\n" + Self.text(inner, indent: indent + 2)
      case .rows(let rows) where !rows.isEmpty: text += "\(margin)\(name)\n" + table(rows, indent: indent + 2)
      default:
        let start = margin + padded(name, to: width) + "  "
        text += wrapped(value.words, after: start)
      }
    }
    return text
  }

  /// Whether it takes lines of its own below its name.
  private var isBlock: Bool {
    switch self {
    case .object: true
    case .rows(let rows): !rows.isEmpty
    default: false
    }
  }

  /// The words that a line may be broken between.
  private var words: [String] {
    switch self {
    case .names(let names) where !names.isEmpty: names
    case .counts(let counts) where !counts.isEmpty: counts.map { "\($0.name) \($0.count)" }
    default: [word]
    }
  }

  /// A value that is one word.
  private var word: String {
    switch self {
    case .number(let value): "\(value)"
    case .signed(let value): "\(value)"
    case .hex(let value, let digits):
      {
        let text = String(value, radix: 16)
        return "0x" + String(repeating: "0", count: max(digits - text.count, 0)) + text
      }()
    case .flag(let value): value ? "yes" : "no"
    case .text(let text): text
    case .names(let names): names.isEmpty ? "none" : names.joined(separator: ",")
    case .counts, .object, .rows: "none"
    case .absent: "-"
    }
  }

  /// Lines of at most 110 columns, as far as the words allow; those after the first begin under the first word.
  private static func wrapped(_ words: [String], after start: String) -> String {
    var text = "", line = start, isEmpty = true
    for word in words {
      if !isEmpty, line.count + 2 + word.count > 110 {
        text += line + "\n"
        line = String(repeating: " ", count: start.count)
        isEmpty = true
      }
      line += (isEmpty ? "" : "  ") + word
      isEmpty = false
    }
    return text + line + "\n"
  }

  private static func table(_ rows: [Fields], indent: Int) -> String {
    let cells = [rows.first?.map(\.name) ?? []] + rows.map { $0.map(\.value.word) }
    let widths = (cells.first ?? []).indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
    let margin = String(repeating: " ", count: indent)
    return cells.reduce(into: "") { text, row in
      let line = zip(row, widths).map { padded($0, to: $1) }.joined(separator: "  ")
      text += margin + String(line.reversed().drop { $0 == " " }.reversed()) + "\n"
    }
  }

  private static func padded(_ text: String, to width: Int) -> String {
    text + String(repeating: " ", count: max(width - text.count, 0))
  }
}
