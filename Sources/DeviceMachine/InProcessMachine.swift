import GuestDriver
import GuestRAM
import PCIBus

/// A machine whose function is an object in this process: what an embedder does, no more.
package final class InProcessMachine: Machine {
  private let function: any PCIFunction
  private let memory: GuestMemory
  private let events: InterruptEvents

  /// Takes the function's interrupts from now on; `memory` is the map that the function's device reads.
  package init(_ function: any PCIFunction, memory: GuestMemory) throws {
    self.function = function
    self.memory = memory
    events = try InterruptEvents(vectorCount: function.msixVectorCount)
    function.connect(events)
  }

  private func read(_ region: PCIRegion, at offset: UInt64, width: Int) -> UInt64 {
    var bytes = [UInt8](repeating: 0xee, count: width)
    var span = bytes.mutableSpan
    var raw = unsafe span.mutableBytes  // any byte is a UInt8
    function.read(region, at: offset, into: &raw)
    return bytes.field(at: 0, width: width)
  }

  private func write(_ region: PCIRegion, at offset: UInt64, width: Int, _ value: UInt64) {
    var bytes: [UInt8] = []
    bytes.append(value, width: width)
    unsafe function.write(region, at: offset, bytes.span.bytes)  // a UInt8 has no hole
  }

  package func readConfig(_ offset: Int, width: Int) throws -> UInt32 {
    UInt32(truncatingIfNeeded: read(.configuration, at: UInt64(offset), width: width))
  }

  package func writeConfig(_ offset: Int, width: Int, _ value: UInt32) throws {
    write(.configuration, at: UInt64(offset), width: width, UInt64(value))
  }

  package func readBAR(_ index: Int, at offset: UInt64, width: Int) throws -> UInt64 {
    read(.bar(index), at: offset, width: width)
  }

  package func writeBAR(_ index: Int, at offset: UInt64, width: Int, _ value: UInt64) throws {
    write(.bar(index), at: offset, width: width, value)
  }

  package func mapRAM(_ block: RAMBlock, access: RAMAccess) throws {
    let region = try MappedRegion(
      fileDescriptor: block.descriptor, offset: UInt64(block.fileOffset), count: UInt64(block.size),
      writable: access.contains(.writable))
    try memory.add(region, at: GuestAddress(block.base))
  }

  package func unmapRAM(_ block: RAMBlock) throws {
    guard let range = GuestRange(start: GuestAddress(block.base), count: UInt64(block.size)) else { return }
    try memory.remove(range)
  }

  package func foundVectorTable(_ table: PCIInventory.VectorTable) {}
  package func messageAddress(of vector: Int) -> UInt64 { InterruptEvents.messageAddress }
  package func connectInterrupt(_ line: InterruptLine) throws {}

  package func waitForInterrupt(_ line: InterruptLine, timeoutInMilliseconds: Int) throws -> Bool {
    try events.event(line).wait(timeoutInMilliseconds: timeoutInMilliseconds) > 0
  }

  package func acknowledgeInterrupt(_ line: InterruptLine) throws { events.acknowledge(line) }

  package func resetFunction() throws { function.reset() }
}

/// Takes the function's interrupts on its threads and keeps them for the driver's.
private final class InterruptEvents: InterruptSink {
  private let pin: EventCounter
  private let vectors: [EventCounter]
  /// Raised while the pin is asserted.
  private let level: EventCounter

  init(vectorCount: Int) throws {
    pin = try EventCounter()
    level = try EventCounter()
    vectors = try (0..<vectorCount).map { _ in try EventCounter() }
  }

  /// Where the processors' interrupt controllers listen.
  static let messageAddress: UInt64 = 0xfee0_0000

  var ownsMSIXTable: Bool { false }

  func event(_ line: InterruptLine) throws -> EventCounter {
    switch line {
    case .pin: return pin
    case .vector(let vector):
      guard vectors.indices.contains(vector) else { throw DriverError.missing("vector \(vector)") }
      return vectors[vector]
    }
  }

  func signalMessage(vector: Int, address: UInt64, data: UInt32) {
    // The driver writes a vector's own number as its data: another one is somebody else's message.
    guard vectors.indices.contains(vector), Int(data) == vector, address == Self.messageAddress else {
      return
    }
    vectors[vector].raise()
  }

  func setINTx(asserted: Bool) {
    if asserted {
      level.raise()
      pin.raise()
    } else {
      level.clear()
    }
  }

  /// A level that is still high interrupts again.
  func acknowledge(_ line: InterruptLine) {
    guard line == .pin, level.isRaised else { return }
    pin.raise()
  }
}
