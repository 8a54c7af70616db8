import Glibc

/// What was measured, a line each.
struct Report {
  private var passed = 0
  private var failed = 0

  /// Prints a figure and whether it keeps its bound.
  mutating func check(_ what: String, _ holds: Bool, _ figures: String) {
    print("\(holds ? "ok" : "not ok") \(what): \(figures)")
    if holds { passed += 1 } else { failed += 1 }
  }

  /// Prints the sum and ends the program.
  func end() -> Never {
    print("\(passed) passed, \(failed) failed, 0 skipped")
    exit(failed == 0 ? 0 : 1)
  }
}
