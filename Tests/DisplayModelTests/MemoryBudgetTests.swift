import Testing

@testable import DisplayModel

@Suite struct MemoryBudgetTests {
  @Test func `a charge is held as long as its value and returned after`() {
    let budget = MemoryBudget(limit: 1000)
    do {
      let charge = budget.charge(600)
      #expect(budget.inUse == 600)
      extendLifetime(charge)
    }
    #expect(budget.inUse == 0)
  }

  @Test func `the limit itself can be charged and one byte more cannot`() {
    let budget = MemoryBudget(limit: 1000)
    #expect(isGranted(budget, 1001) == false)
    #expect(isGranted(budget, 1000))
    #expect(budget.inUse == 0)
  }

  @Test(arguments: [UInt64.max, UInt64.max - 999, 1 << 63])
  func `a sum that would wrap is refused`(_ byteCount: UInt64) {
    let budget = MemoryBudget(limit: 2000)
    let first = budget.charge(1500)
    #expect(isGranted(budget, byteCount) == false)
    #expect(budget.inUse == 1500)
    _ = consume first
    #expect(budget.inUse == 0)
  }

  @Test func `threads that charge at once never exceed the limit and lose nothing`() async {
    let budget = MemoryBudget(limit: 10)
    await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<4 {
        group.addTask {
          var isWithin = true
          for _ in 0..<20_000 {
            let charge = budget.charge(4)
            if charge != nil { isWithin = isWithin && budget.inUse <= 10 }
            _ = consume charge
          }
          return isWithin
        }
      }
      for await isWithin in group { #expect(isWithin) }
    }
    #expect(budget.inUse == 0)
  }

  private func isGranted(_ budget: MemoryBudget, _ byteCount: UInt64) -> Bool {
    budget.charge(byteCount) != nil
  }
}
