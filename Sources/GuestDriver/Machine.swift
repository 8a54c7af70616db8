/// The machine as a driver sees it: one PCI function, guest memory and interrupts.
///
/// It is all the simulator knows of the device under it. An adapter carries the accesses out as they
/// are, so that wrong ones reach the device too: odd widths, offsets past the end, unmapped memory.
/// Used from one thread at a time, except `waitForInterrupt`.
package protocol Machine: AnyObject {
  /// Reads `width` bytes of configuration space, little-endian.
  func readConfig(_ offset: Int, width: Int) throws -> UInt32
  /// Writes the low `width` bytes of `value` to configuration space, little-endian.
  func writeConfig(_ offset: Int, width: Int, _ value: UInt32) throws

  /// Reads `width` bytes (up to 8) at `offset` in a base address register's region, little-endian.
  func readBAR(_ index: Int, at offset: UInt64, width: Int) throws -> UInt64
  /// Writes the low `width` bytes of `value` at `offset` in a base address register's region.
  ///
  /// The write may be posted: it is done, in order, before any later read of this machine returns.
  func writeBAR(_ index: Int, at offset: UInt64, width: Int, _ value: UInt64) throws

  /// Lets the device reach a block of memory at its guest address.
  func mapRAM(_ block: RAMBlock, access: RAMAccess) throws
  /// Takes a block away again; when this returns, the device does not touch it any more.
  func unmapRAM(_ block: RAMBlock) throws

  /// Tells where the MSI-X table is, for a machine that keeps it on its own side of the function.
  func foundVectorTable(_ table: PCIInventory.VectorTable)
  /// The address that a vector's message has to be sent to; the data is free.
  func messageAddress(of vector: Int) throws -> UInt64
  /// Connects an interrupt to whatever `waitForInterrupt` waits on.
  func connectInterrupt(_ line: InterruptLine) throws
  /// Waits for an interrupt and consumes it; false after the time has passed without one.
  func waitForInterrupt(_ line: InterruptLine, timeoutInMilliseconds: Int) throws -> Bool
  /// Tells that the driver has handled INTx, as an interrupt controller's end-of-interrupt does.
  func acknowledgeInterrupt(_ line: InterruptLine) throws

  /// Resets the whole function, as a machine reset does.
  func resetFunction() throws
}

/// One of a function's interrupts.
package enum InterruptLine: Hashable, Sendable {
  /// The level-triggered pin.
  case pin
  /// An entry of the MSI-X table.
  case vector(Int)
}

/// What the device may do with a block of guest memory.
package struct RAMAccess: OptionSet, Sendable {
  package let rawValue: UInt32
  package init(rawValue: UInt32) { self.rawValue = rawValue }

  package static let readable = RAMAccess(rawValue: 1 << 0)
  package static let writable = RAMAccess(rawValue: 1 << 1)
  package static let readWrite: RAMAccess = [.readable, .writable]
}

/// Why the simulator could not go on.
package enum DriverError: Error, Equatable {
  /// A host call failed.
  case host(call: String, errno: Int32)
  /// The other side refused a message with this errno value.
  case refused(errno: Int32)
  /// The connection ended.
  case disconnected
  /// The program under the machine ended; how, and its last words.
  case processEnded(String)
  /// Nothing came in time.
  case timedOut(waitingFor: String)
  /// The device broke a rule of its specification.
  case deviceFault(String)
  /// The device has no such structure, register or queue.
  case missing(String)
  /// The guest memory given to this machine is used up.
  case outOfMemory
}
