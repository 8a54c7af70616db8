import GuestDriver

/// A machine that serves until a case's time is over, and refuses everything after.
///
/// Every loop of a case has accesses in it, so no case can go on for ever.
final class WatchedMachine: Machine {
  private let machine: any Machine
  private let end: ContinuousClock.Instant

  init(_ machine: any Machine, limit: Duration) {
    self.machine = machine
    end = .now + limit
  }

  private func watched() throws -> any Machine {
    guard ContinuousClock.now < end else { throw DriverError.timedOut(waitingFor: "the end of the case") }
    return machine
  }

  func readConfig(_ offset: Int, width: Int) throws -> UInt32 {
    try watched().readConfig(offset, width: width)
  }
  func writeConfig(_ offset: Int, width: Int, _ value: UInt32) throws {
    try watched().writeConfig(offset, width: width, value)
  }
  func readBAR(_ index: Int, at offset: UInt64, width: Int) throws -> UInt64 {
    try watched().readBAR(index, at: offset, width: width)
  }
  func writeBAR(_ index: Int, at offset: UInt64, width: Int, _ value: UInt64) throws {
    try watched().writeBAR(index, at: offset, width: width, value)
  }
  func mapRAM(_ block: RAMBlock, access: RAMAccess) throws { try watched().mapRAM(block, access: access) }
  func unmapRAM(_ block: RAMBlock) throws { try watched().unmapRAM(block) }
  func foundVectorTable(_ table: PCIInventory.VectorTable) { machine.foundVectorTable(table) }
  func messageAddress(of vector: Int) throws -> UInt64 { try watched().messageAddress(of: vector) }
  func connectInterrupt(_ line: InterruptLine) throws { try watched().connectInterrupt(line) }
  func waitForInterrupt(_ line: InterruptLine, timeoutInMilliseconds: Int) throws -> Bool {
    try watched().waitForInterrupt(line, timeoutInMilliseconds: min(timeoutInMilliseconds, 10_000))
  }
  func acknowledgeInterrupt(_ line: InterruptLine) throws { try watched().acknowledgeInterrupt(line) }
  func resetFunction() throws { try watched().resetFunction() }
}
