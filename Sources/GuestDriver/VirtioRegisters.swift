/// What a driver does with a device's registers, whichever interface they belong to (virtio 1.4 §4.1.4).
package protocol VirtioRegisters: AnyObject {
  var machine: any Machine { get }
  var inventory: PCIInventory { get }
  /// The device status field.
  var status: UInt8 { get throws }
  func setStatus(_ status: UInt8) throws
  /// The features the device offers, as far as this interface shows them.
  func offeredFeatures() throws -> UInt64
  /// Accepts features, as far as this interface takes them.
  func acceptFeatures(_ features: UInt64) throws
  /// Reads the ISR status, which clears it.
  func readInterruptStatus() throws -> UInt8
  /// Gives configuration changes a vector and returns what reads back.
  func setConfigurationVector(_ vector: UInt16) throws -> UInt16
  /// Gives a queue a vector and returns what reads back.
  func setVector(_ vector: UInt16, queue: UInt16) throws -> UInt16
  /// The most entries that a queue may have; 0 when there is no such queue. Selects the queue.
  func maximumSize(queue: UInt16) throws -> Int
  /// Reads a field of the device's own configuration.
  func readDevice(_ offset: Int, width: Int) throws -> UInt64
}

extension VirtioRegisters {
  /// Writes the command register.
  package func setCommand(_ command: UInt16) throws {
    try machine.writeConfig(PCILayout.command, width: 2, UInt32(command))
  }

  /// Programs an entry of the MSI-X table, unmasked, and connects it to the machine.
  ///
  /// - Parameters:
  ///   - address: nil for the one that the machine takes this vector's messages at.
  ///   - data: nil for the vector's number.
  package func programVector(_ vector: Int, address: UInt64? = nil, data: UInt32? = nil) throws {
    guard let table = inventory.vectorTable else { throw DriverError.missing("MSI-X capability") }
    typealias Layout = PCILayout.MSIX
    try machine.connectInterrupt(.vector(vector))
    let address = try address ?? machine.messageAddress(of: vector)
    let entry = table.tableOffset + UInt64(vector * Layout.entrySize)
    func write(_ field: Int, _ value: UInt32) throws {
      try machine.writeBAR(table.tableBAR, at: entry + UInt64(field), width: 4, UInt64(value))
    }
    try write(Layout.entryAddress, UInt32(truncatingIfNeeded: address))
    try write(Layout.entryAddressHigh, UInt32(truncatingIfNeeded: address >> 32))
    try write(Layout.entryData, data ?? UInt32(truncatingIfNeeded: vector))
    try write(Layout.entryControl, 0)
  }

  /// Writes the message control word of MSI-X.
  package func setVectorControl(_ control: UInt16) throws {
    guard let table = inventory.vectorTable else { throw DriverError.missing("MSI-X capability") }
    try machine.writeConfig(table.capabilityOffset + PCILayout.MSIX.control, width: 2, UInt32(control))
  }
}
