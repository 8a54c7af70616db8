/// A register of the legacy interface (virtio 1.4 §4.1.4.10).
package struct LegacyRegister: Hashable, Sendable, CustomStringConvertible {
  /// The name in this project's words; the specification has only titles.
  package let description: String
  /// In bytes from the start of the I/O region.
  package let offset: Int
  /// In bytes.
  package let width: Int

  private init(_ name: String, _ offset: Int, _ width: Int) {
    description = name
    self.offset = offset
    self.width = width
  }

  package static let deviceFeatures = LegacyRegister("device_features", 0, 4)
  package static let driverFeatures = LegacyRegister("driver_features", 4, 4)
  package static let queueAddress = LegacyRegister("queue_address", 8, 4)
  package static let queueSize = LegacyRegister("queue_size", 12, 2)
  package static let queueSelect = LegacyRegister("queue_select", 14, 2)
  package static let queueNotify = LegacyRegister("queue_notify", 16, 2)
  package static let deviceStatus = LegacyRegister("device_status", 18, 1)
  package static let isrStatus = LegacyRegister("isr_status", 19, 1)
  /// There while MSI-X is enabled.
  package static let configVector = LegacyRegister("config_msix_vector", 20, 2)
  /// There while MSI-X is enabled.
  package static let queueVector = LegacyRegister("queue_msix_vector", 22, 2)

  /// All of them, in order.
  package static let all: [LegacyRegister] = [
    deviceFeatures, driverFeatures, queueAddress, queueSize, queueSelect, queueNotify, deviceStatus,
    isrStatus,
    configVector, queueVector,
  ]
}

/// The legacy registers in I/O BAR 0 (virtio 1.4 §4.1.4.10), as a driver of before version 1 reaches them.
///
/// Nothing is checked or ordered here: whoever calls may break every rule.
package final class LegacyFunction: VirtioRegisters {
  package let machine: any Machine
  package let inventory: PCIInventory
  /// MSI-X is enabled: two more registers, and the device configuration behind them.
  package var hasVectors = false
  /// A ring's alignment, and the unit of its address.
  package static let ringAlignment = 4096

  /// Takes BAR 0, which has to be an I/O region (§4.1.5.1.1.1).
  package init(_ machine: any Machine, _ inventory: PCIInventory) throws {
    guard inventory.baseAddresses.contains(where: { $0.index == 0 && $0.isIO }) else {
      throw DriverError.missing("I/O region in base address 0")
    }
    self.machine = machine
    self.inventory = inventory
  }

  package func read(_ register: LegacyRegister) throws -> UInt64 {
    try machine.readBAR(0, at: UInt64(register.offset), width: register.width)
  }

  package func write(_ register: LegacyRegister, _ value: UInt64) throws {
    try machine.writeBAR(0, at: UInt64(register.offset), width: register.width, value)
  }

  package var status: UInt8 {
    get throws { UInt8(truncatingIfNeeded: try read(.deviceStatus)) }
  }

  package func setStatus(_ status: UInt8) throws { try write(.deviceStatus, UInt64(status)) }

  package func offeredFeatures() throws -> UInt64 { try read(.deviceFeatures) }

  package func acceptFeatures(_ features: UInt64) throws {
    try write(.driverFeatures, features & 0xffff_ffff)
  }

  package func readInterruptStatus() throws -> UInt8 { UInt8(truncatingIfNeeded: try read(.isrStatus)) }

  package func setConfigurationVector(_ vector: UInt16) throws -> UInt16 {
    try write(.configVector, UInt64(vector))
    return UInt16(truncatingIfNeeded: try read(.configVector))
  }

  package func setVector(_ vector: UInt16, queue: UInt16) throws -> UInt16 {
    try write(.queueSelect, UInt64(queue))
    try write(.queueVector, UInt64(vector))
    return UInt16(truncatingIfNeeded: try read(.queueVector))
  }

  package func maximumSize(queue: UInt16) throws -> Int {
    try write(.queueSelect, UInt64(queue))
    return Int(try read(.queueSize))
  }

  /// Where the device configuration starts at the moment.
  package var deviceOffset: Int { hasVectors ? 24 : 20 }

  package func readDevice(_ offset: Int, width: Int) throws -> UInt64 {
    try machine.readBAR(0, at: UInt64(deviceOffset + offset), width: width)
  }

  /// Writes a field of the device's own configuration.
  package func writeDevice(_ offset: Int, width: Int, _ value: UInt64) throws {
    try machine.writeBAR(0, at: UInt64(deviceOffset + offset), width: width, value)
  }

  /// Rings a doorbell: the queue's number.
  package func kick(queue: UInt16) throws { try write(.queueNotify, UInt64(queue)) }
}
