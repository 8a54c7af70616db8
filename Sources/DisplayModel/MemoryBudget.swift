import Synchronization

/// How much memory a guest can make the device hold, and how much of that is taken; shared by all threads.
///
/// Whoever is about to allocate charges first and keeps the `MemoryCharge` beside the memory, so that it is
/// returned when the memory goes and not when a command says so. All sums are in 64 bits.
package final class MemoryBudget: Sendable {
  /// The most that can be charged at a time, in bytes.
  package let limit: UInt64
  private let charged = Atomic<UInt64>(0)

  package init(limit: UInt64) { self.limit = limit }

  /// What is charged at the moment, in bytes.
  package var inUse: UInt64 { charged.load(ordering: .relaxed) }

  /// Charges `byteCount` bytes; nil, and nothing is charged, when that exceeds the limit.
  package func charge(_ byteCount: UInt64) -> MemoryCharge? {
    var before = charged.load(ordering: .relaxed)
    while true {
      // `before` never exceeds the limit, so the difference does not wrap.
      guard byteCount <= limit - before else { return nil }
      // Only the count is shared, nothing is published by it: relaxed is enough.
      let (isExchanged, current) = charged.compareExchange(
        expected: before, desired: before + byteCount, ordering: .relaxed)
      if isExchanged { return MemoryCharge(byteCount, to: self) }
      before = current
    }
  }

  fileprivate func release(_ byteCount: UInt64) { charged.subtract(byteCount, ordering: .relaxed) }
}

/// A part of a `MemoryBudget` that is taken until this value is gone.
package struct MemoryCharge: ~Copyable, Sendable {
  /// What was charged, in bytes.
  package let byteCount: UInt64
  private let budget: MemoryBudget

  fileprivate init(_ byteCount: UInt64, to budget: MemoryBudget) {
    self.byteCount = byteCount
    self.budget = budget
  }

  deinit { budget.release(byteCount) }
}
