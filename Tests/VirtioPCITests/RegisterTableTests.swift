import Foundation
import Testing
import VirtioPCIModern

@testable import PCIBus

/// The tables of `spec/` are data: what the page says and what the code does must be the same.
@Suite struct RegisterTableTests {
  struct Row: Equatable, CustomStringConvertible {
    var offset: Int
    var width: Int
    var name: String
    var isWritable: Bool
    var description: String { "\(name) at \(offset), \(width) bytes, \(isWritable ? "rw" : "r")" }
  }

  /// The rows of the first table behind a heading of a specification page.
  static func table(_ page: String, heading: String) throws -> [[String]] {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let text = try String(contentsOf: root.appending(path: "spec/" + page), encoding: .utf8)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let start = try #require(lines.firstIndex { $0.hasPrefix("#") && $0.contains(heading) })
    let first = try #require(lines[start...].firstIndex { $0.hasPrefix("|") })
    return lines[first...].prefix { $0.hasPrefix("|") }.dropFirst(2).map { line in
      line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
    }
  }

  @Test("the common configuration has the registers of its page")
  func common() throws {
    let page = try Self.table("pci-function.md", heading: "Common configuration").map { cells in
      Row(
        offset: try #require(Int(cells[0].dropFirst(2), radix: 16)), width: try #require(Int(cells[1])),
        name: cells[2], isWritable: cells[3] == "rw")
    }
    let code = CommonConfig.registers.registers.map {
      Row(offset: $0.offset, width: $0.width, name: "\($0.name)", isWritable: $0.write != nil)
    }
    #expect(page == code)
    #expect(code.count == 20)
  }
}
