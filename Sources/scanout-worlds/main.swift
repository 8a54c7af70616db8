// Explores small worlds exhaustively, in a release build: every ring of a few descriptors, whatever stands in them.
// In each world the device's queue and an oracle written from the specification must come to the same outcome. Exit
// status 1 at the first world where they do not.
import Glibc

let families: [any WorldFamily] = [
  SplitChains(), SplitTables(), SplitIndices(), PackedChains(size: 2), PackedChains(size: 3), PackedTables(),
]
var passed = 0
for family in families {
  do {
    print(try explore(family))
    passed += 1
  } catch {
    print("not ok \(family.name)\n\(error)")
    print("\(passed) passed, 1 failed, 0 skipped")
    exit(1)
  }
}
print("\(passed) passed, 0 failed, 0 skipped")
