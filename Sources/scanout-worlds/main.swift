// Explores small worlds exhaustively, in a release build: every ring of a few descriptors, whatever stands in them, and
// the common configuration through every sequence of a few writes. In each world the device and an oracle written from
// the specification must come to the same outcome. Exit status 1 at the first world where they do not.
import Glibc

let families: [any WorldFamily] = [
  SplitChains(), SplitTables(), SplitIndices(), PackedChains(size: 2), PackedChains(size: 3), PackedTables(),
]
let explorations: [(name: String, run: () throws -> String)] =
  [("common configuration", RegisterWorlds.explore)]
  + families.map { family in (family.name, { try explore(family) }) }
var passed = 0
for exploration in explorations {
  do {
    print(try exploration.run())
    passed += 1
  } catch {
    print("not ok \(exploration.name)\n\(error)")
    print("\(passed) passed, 1 failed, 0 skipped")
    exit(1)
  }
}
print("\(passed) passed, 0 failed, 0 skipped")
