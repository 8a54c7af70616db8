import Conformance
import Foundation
import Testing

/// The report's two forms.
@Suite struct ReportTests {
  @Test func `a text breaks at spaces, and a long word behind its hyphens`() {
    #expect(TextTable.wrap("one two three", to: 7) == ["one two", "three"])
    #expect(
      TextTable.wrap("common.queue-select-past-end", to: 14) == ["common.queue-", "select-past-", "end"])
    #expect(TextTable.wrap("4.1.4.3.1-2 4.1.4.4.1-1", to: 13) == ["4.1.4.3.1-2", "4.1.4.4.1-1"])
    #expect(TextTable.wrap("abcdefghij", to: 4) == ["abcd", "efgh", "ij"])
    #expect(TextTable.wrap("", to: 4) == [""])
  }

  @Test func `cells of a row stand side by side, and no line ends in a space`() {
    let table = TextTable(widths: [5, 3])
    #expect(table.row(["a b c d", "xyz"], mark: ">") == "> a b c  xyz\n> d\n")
    #expect(table.rule == "  -----  ---\n")
  }

  @Test(arguments: [40, 120, 150, 220])
  func `no line of a report is wider than it may be`(_ width: Int) throws {
    let report = ConformanceRun(try OwnDevice.inProcess(), ConformanceSuite.cases(groups: [.pci], names: []))
      .run()
    // Below a width that makes sense the table keeps its own.
    let widest = max(width, 132)
    for line in report.text(width: width).split(separator: "\n") { #expect(line.count <= widest) }
  }

  @Test func `a failure stands out in the table and is repeated at the end`() throws {
    let cases = [
      ConformanceCase("pci.right", ["4.1-1"], tried: "t", expected: "e") { _ in "right" },
      ConformanceCase("pci.wrong", ["4.1-1"], tried: "t", expected: "e") { _ in throw Deviation("wrong") },
    ]
    let text = ConformanceRun(try OwnDevice.inProcess(), cases).run().text(width: 140)
    let lines = text.split(separator: "\n")
    #expect(lines.contains { $0.hasPrefix("  passed") && $0.contains("pci.right") })
    #expect(lines.contains { $0.hasPrefix("> FAILED") && $0.contains("pci.wrong") })
    #expect(lines.dropLast().last == "FAILED pci.wrong: wrong")
    #expect(lines.last == "1 passed, 1 failed, 0 not observable, 0 not applicable")
  }

  @Test func `the JSON report is JSON, whatever came`() throws {
    let nasty = "quote \" backslash \\ newline \n tab \t bell \u{7} letter \u{e9}"
    let cases = [
      ConformanceCase("pci.nasty", ["4.1-1"], tried: "t", expected: "e") { _ in throw Deviation(nasty) }
    ]
    let report = ConformanceRun(try OwnDevice.inProcess(), cases).run()
    let json = try #require(
      try JSONSerialization.jsonObject(with: Data(report.json.utf8)) as? [String: Any])
    #expect(json["summary"] as? String == report.summary)
    #expect(json["device"] as? String == "gpu")
    let entries = try #require(json["cases"] as? [[String: Any]])
    #expect(entries.first?["came"] as? String == nasty)
    #expect(entries.first?["verdict"] as? String == "failed")
    #expect(entries.first?["clauses"] as? [String] == ["4.1-1"])
  }
}
