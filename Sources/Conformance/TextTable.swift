/// A table of text with columns of fixed widths, whose cells wrap.
package struct TextTable: Sendable {
  private let widths: [Int]

  /// - Parameter widths: characters of each column, each at least 1.
  package init(widths: [Int]) {
    precondition(widths.allSatisfy { $0 >= 1 })
    self.widths = widths
  }

  /// The line under the heading.
  package var rule: String {
    "  " + widths.map { String(repeating: "-", count: $0) }.joined(separator: "  ") + "\n"
  }

  /// A row of cells, as many lines as its longest cell needs, each with `mark` in the margin.
  package func row(_ cells: [String], mark: Character = " ") -> String {
    precondition(cells.count == widths.count)
    let columns = zip(cells, widths).map { Self.wrap($0, to: $1) }
    var text = ""
    for line in 0..<(columns.map(\.count).max() ?? 0) {
      var whole = "\(mark) "
      for (column, width) in zip(columns, widths) {
        let part = line < column.count ? column[line] : ""
        whole += part + String(repeating: " ", count: width - part.count) + "  "
      }
      while whole.last == " " { whole.removeLast() }
      text += whole + "\n"
    }
    return text
  }

  /// Breaks a text into lines of at most `width` characters: at spaces, and in a word that is longer than a line
  /// behind dots and hyphens, or anywhere.
  package static func wrap(_ text: String, to width: Int) -> [String] {
    var lines: [String] = [], line = ""
    for piece in pieces(of: text, longest: width) {
      var piece = piece[...]
      if !line.isEmpty, line.count + trimmed(piece).count > width {
        lines.append(String(trimmed(line[...])))
        line = ""
      }
      while trimmed(piece).count > width {
        lines.append(String(piece.prefix(width)))
        piece = piece.dropFirst(width)
      }
      line += piece
    }
    lines.append(String(trimmed(line[...])))
    return lines
  }

  /// Words with the space behind them; parts of words longer than `longest`.
  private static func pieces(of text: String, longest: Int) -> [String] {
    text.split(whereSeparator: { " \n".contains($0) }).flatMap { word -> [String] in
      guard word.count > longest else { return ["\(word) "] }
      var parts: [String] = [], part = ""
      for character in word {
        part.append(character)
        if ".-".contains(character) {
          parts.append(part)
          part = ""
        }
      }
      return parts + ["\(part) "]
    }
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text
    while text.last == " " { text.removeLast() }
    return text
  }
}
