/// What a run found, as text and as JSON.
package struct ConformanceReport: Sendable {
  /// Why a run did not come to its end.
  package enum Loss: Hashable, Sendable {
    /// No case could begin.
    case neverDriven(String)
    /// The device went away and did not come back.
    case lost(String, casesNotRun: Int)
  }

  /// The target's name.
  package let target: String
  package var profile: DeviceProfile?
  package var results: [ConformanceResult] = []
  package var loss: Loss?

  package init(target: String) { self.target = target }

  /// How many cases ended so.
  private func count(_ name: String) -> Int { results.count { $0.verdict.name == name } }

  /// 0 when no case failed, 1 when one did or the target was lost, 2 when it could not be driven at all.
  package var exitStatus: Int32 {
    switch loss {
    case .neverDriven: 2
    case .lost: 1
    case nil: count("failed") == 0 ? 0 : 1
    }
  }

  /// The counts in one line.
  package var summary: String {
    "\(count("passed")) passed, \(count("failed")) failed, \(count("not observable")) not observable, "
      + "\(count("not applicable")) not applicable"
  }

  // MARK: Text

  /// The columns of the table, as wide as fits into lines of `width`.
  package static func table(width: Int) -> TextTable {
    // The verdict, the name and the clauses first; the three sentences share the rest.
    let rest = max(54, width - 2 - 14 - 26 - 14 - 5 * 2)
    return TextTable(widths: [14, 26, 14, rest / 3, rest / 3, rest - rest / 3 * 2])
  }

  /// The table's first lines.
  package static func heading(width: Int) -> String {
    let table = table(width: width)
    return table.row(["verdict", "case", "clause", "tried", "expected", "came"]) + table.rule
  }

  /// One case as rows of the table; a failure has a mark in the margin and its verdict in capitals.
  package static func row(_ result: ConformanceResult, width: Int) -> String {
    let one = result.conformanceCase, verdict = result.verdict
    let isFailure = verdict.name == "failed"
    return table(width: width).row(
      [
        isFailure ? "FAILED" : verdict.name, one.name, one.clauses.joined(separator: " "), one.tried,
        one.expected, verdict.text,
      ], mark: isFailure ? ">" : " ")
  }

  /// What stands below the table: the failures once more, what was lost, and the summary as the last line.
  package func ending(width: Int) -> String {
    var lines: [String] = []
    for result in results where result.verdict.name == "failed" {
      let text = "FAILED \(result.conformanceCase.name): \(result.verdict.text)"
      lines += TextTable.wrap(text, to: width)
    }
    switch loss {
    case .neverDriven(let why): lines += TextTable.wrap("\(target) could not be driven: \(why)", to: width)
    case .lost(let why, let count):
      lines += TextTable.wrap("\(target) was lost, \(count) cases were not run: \(why)", to: width)
    case nil: break
    }
    lines.append(summary)
    return lines.joined(separator: "\n") + "\n"
  }

  /// The whole report.
  package func text(width: Int) -> String {
    Self.heading(width: width) + results.map { Self.row($0, width: width) }.joined() + ending(width: width)
  }

  // MARK: JSON

  /// One object, one line for each case.
  package var json: String {
    var head: [(String, JSONText)] = [("target", .string(target))]
    if let profile {
      head.append(("device", .string("\(profile.kind)")))
      head.append(("generation", .string(profile.generation.rawValue)))
      head.append(("offered_features", .string(hex(profile.offeredFeatures))))
    }
    switch loss {
    case .neverDriven(let why), .lost(let why, _): head.append(("lost", .string(why)))
    case nil: break
    }
    head.append(("summary", .string(summary)))
    let fields = head.map { "  \(JSONText.string($0.0).text): \($0.1.text)" }.joined(separator: ",\n")
    let cases = results.map { "    " + Self.object($0).text }.joined(separator: ",\n")
    return "{\n\(fields),\n  \"cases\": [\(cases.isEmpty ? "" : "\n\(cases)\n  ")]\n}\n"
  }

  private static func object(_ result: ConformanceResult) -> JSONText {
    let one = result.conformanceCase
    return .object([
      ("name", .string(one.name)), ("group", .string(one.group.rawValue)),
      ("clauses", .array(one.clauses.map { .string($0) })), ("tried", .string(one.tried)),
      ("expected", .string(one.expected)), ("verdict", .string(result.verdict.name)),
      ("came", .string(result.verdict.text)),
    ])
  }
}
