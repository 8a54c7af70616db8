import Conformance
import Foundation

extension ConformanceReport {
  /// The cases that the target hides.
  var hiddenCases: Set<String> {
    Set(results.filter { $0.verdict.name == "not observable" }.map(\.conformanceCase.name))
  }
}

extension NotObservable {
  /// The cases that a kind of target hides, as `spec/conformance/not-observable.json` has them.
  static func list(_ kind: String) throws -> Set<String> {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let data = try Data(contentsOf: root.appending(path: "spec/conformance/not-observable.json"))
    let lists = try JSONSerialization.jsonObject(with: data) as? [String: Any]
    return Set(lists?[kind] as? [String] ?? [])
  }
}
