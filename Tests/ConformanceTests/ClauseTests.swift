import Conformance
import Foundation
import Testing

/// The list of clauses (`spec/conformance/clauses.json`) against the cases that there are.
@Suite struct ClauseTests {
  private let list: ClauseList

  init() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    list = try JSONDecoder().decode(
      ClauseList.self, from: Data(contentsOf: root.appending(path: "spec/conformance/clauses.json")))
  }

  @Test func `each section lists as many clauses as it counts`() {
    for section in list.sections {
      let levels = section.clauses.map(\.level)
      #expect(levels.count { ["MUST", "MUST NOT"].contains($0) } == section.must, "\(section.section)")
      #expect(levels.count { ["SHOULD", "SHOULD NOT"].contains($0) } == section.should, "\(section.section)")
      #expect(levels.count { $0 == "stated" } == section.stated, "\(section.section)")
      #expect(levels.count == section.must + section.should + section.stated, "\(section.section)")
    }
  }

  @Test func `an identifier is its section and a number, and none repeats`() {
    var seen: Set<String> = []
    for section in list.sections {
      #expect(seen.insert(section.section).inserted, "section \(section.section) repeats")
      for (index, clause) in section.clauses.enumerated() {
        #expect(clause.id == "\(section.section)-\(index + 1)")
        #expect(seen.insert(clause.id).inserted, "\(clause.id) repeats")
      }
    }
  }

  @Test func `a clause is covered, or says why not, and only one of them`() {
    for clause in list.clauses {
      let ways = [
        clause.cases?.isEmpty == false, clause.why != nil, clause.not_claimed != nil, clause.open != nil,
      ]
      #expect(ways.count { $0 } == 1, "\(clause.id)")
      #expect(!clause.says.isEmpty, "\(clause.id)")
    }
  }

  @Test func `a clause without a case yet names a group that will have one`() {
    for clause in list.clauses {
      guard let open = clause.open else { continue }
      #expect(ConformanceGroup(rawValue: open) != nil, "\(clause.id)")
    }
  }

  @Test func `every case that a clause names exists and names the clause`() {
    let cases = Dictionary(uniqueKeysWithValues: ConformanceSuite.cases.map { ($0.name, $0) })
    for clause in list.clauses {
      for name in clause.cases ?? [] {
        #expect(cases[name]?.clauses.contains(clause.id) == true, "\(clause.id) names \(name)")
      }
    }
  }

  @Test func `every clause that a case names exists and names the case`() {
    let clauses = Dictionary(list.clauses.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    for one in ConformanceSuite.cases {
      for id in one.clauses {
        #expect(clauses[id]?.cases?.contains(one.name) == true, "\(one.name) names \(id)")
      }
    }
  }

  @Test func `no two cases have one name`() {
    let names = ConformanceSuite.cases.map(\.name)
    #expect(Set(names).count == names.count)
  }
}

/// The file's form: `cases`, `why` (no case can), `not_claimed` (the feature that is not offered) or `open` (the
/// group that is to have a case) in each clause.
private struct ClauseList: Decodable {
  struct Section: Decodable {
    var section: String
    var title: String
    var must: Int
    var should: Int
    var stated: Int
    var driver: Int
    var clauses: [Clause]
  }

  struct Clause: Decodable {
    var id: String
    var level: String
    var says: String
    var cases: [String]?
    var why: String?
    var not_claimed: String?
    var open: String?
  }

  var specification: String
  var counts: String
  var sections: [Section]

  var clauses: [Clause] { sections.flatMap(\.clauses) }
}
