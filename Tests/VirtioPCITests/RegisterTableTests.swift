import Foundation
import Testing
import VirtioPCILegacy
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

  static func rows(_ page: String, heading: String) throws -> [Row] {
    try table(page, heading: heading).map { cells in
      Row(
        offset: try #require(Int(cells[0].dropFirst(2), radix: 16)), width: try #require(Int(cells[1])),
        name: cells[2], isWritable: cells[3] == "rw")
    }
  }

  static func rows<Owner>(_ file: RegisterFile<Owner>) -> [Row] {
    file.registers.map {
      Row(offset: $0.offset, width: $0.width, name: "\($0.name)", isWritable: $0.write != nil)
    }
  }

  @Test("the common configuration has the registers of its page")
  func common() throws {
    let code = Self.rows(CommonConfig.registers)
    #expect(try Self.rows("pci-function.md", heading: "Common configuration") == code)
    #expect(code.count == 20)
  }

  @Test("the register file for rings in one piece has the registers of its page")
  func contiguousRing() throws {
    #expect(try Self.rows("contiguous-ring.md", heading: "Registers") == Self.rows(ContiguousRing.registers))
  }

  @Test("the legacy registers are those of their page, the last two while MSI-X is enabled")
  func legacy() throws {
    let page = try Self.rows("legacy.md", heading: "Appendix")
    #expect(page == Self.rows(LegacyHeader.registersWithVectors))
    #expect(page.dropLast(2) == Self.rows(LegacyHeader.registers)[...])
    #expect(LegacyHeader.size(hasVectors: false) == 20 && LegacyHeader.size(hasVectors: true) == 24)
  }
}
