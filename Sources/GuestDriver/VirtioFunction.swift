/// The registers of a modern virtio device behind a PCI function (virtio 1.4 §4.1.4), as a driver
/// that has walked the capabilities reaches them.
///
/// Nothing is checked or ordered here: whoever calls may break every rule.
package final class VirtioFunction: VirtioRegisters {
  package let machine: any Machine
  package let inventory: PCIInventory
  package let common: PCIInventory.VirtioStructure
  package let notify: PCIInventory.VirtioStructure
  package let isr: PCIInventory.VirtioStructure

  /// Takes the first structure of each type (§4.1.4.2).
  package init(_ machine: any Machine, _ inventory: PCIInventory) throws {
    self.machine = machine
    self.inventory = inventory
    common = try inventory.virtioStructure(VirtioLayout.CapabilityType.common)
    notify = try inventory.virtioStructure(VirtioLayout.CapabilityType.notify)
    isr = try inventory.virtioStructure(VirtioLayout.CapabilityType.isr)
  }

  /// The device's own configuration, which not every type of device has.
  package var device: PCIInventory.VirtioStructure {
    get throws { try inventory.virtioStructure(VirtioLayout.CapabilityType.device) }
  }

  // MARK: Common configuration

  /// Reads a register with accesses of its own width; 64-bit ones as two halves (§4.1.3.1).
  package func read(_ register: CommonRegister) throws -> UInt64 {
    let at = common.offset + UInt64(register.offset)
    guard register.width == 8 else {
      return try machine.readBAR(common.bar, at: at, width: register.width)
    }
    let low = try machine.readBAR(common.bar, at: at, width: 4)
    return try machine.readBAR(common.bar, at: at + 4, width: 4) << 32 | low
  }

  /// Writes a register with accesses of its own width; 64-bit ones as two halves, low half first.
  package func write(_ register: CommonRegister, _ value: UInt64) throws {
    let at = common.offset + UInt64(register.offset)
    guard register.width == 8 else {
      return try machine.writeBAR(common.bar, at: at, width: register.width, value)
    }
    try machine.writeBAR(common.bar, at: at, width: 4, value & 0xffff_ffff)
    try machine.writeBAR(common.bar, at: at + 4, width: 4, value >> 32)
  }

  package var status: UInt8 {
    get throws { UInt8(truncatingIfNeeded: try read(.deviceStatus)) }
  }

  package func setStatus(_ status: UInt8) throws { try write(.deviceStatus, UInt64(status)) }

  /// The features the device offers, bits 0 to 63.
  package func offeredFeatures() throws -> UInt64 {
    try write(.deviceFeatureSelect, 0)
    let low = try read(.deviceFeature)
    try write(.deviceFeatureSelect, 1)
    return try read(.deviceFeature) << 32 | low
  }

  /// Accepts features, bits 0 to 63.
  package func acceptFeatures(_ features: UInt64) throws {
    try write(.driverFeatureSelect, 0)
    try write(.driverFeature, features & 0xffff_ffff)
    try write(.driverFeatureSelect, 1)
    try write(.driverFeature, features >> 32)
  }

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

  // MARK: The other structures

  /// Reads the ISR status, which clears it (§4.1.4.5).
  package func readInterruptStatus() throws -> UInt8 {
    UInt8(truncatingIfNeeded: try machine.readBAR(isr.bar, at: isr.offset, width: 1))
  }

  /// Reads a field of the device's own configuration.
  package func readDevice(_ offset: Int, width: Int) throws -> UInt64 {
    let device = try device
    return try machine.readBAR(device.bar, at: device.offset + UInt64(offset), width: width)
  }

  /// Writes a field of the device's own configuration.
  package func writeDevice(_ offset: Int, width: Int, _ value: UInt64) throws {
    let device = try device
    try machine.writeBAR(device.bar, at: device.offset + UInt64(offset), width: width, value)
  }

  /// Rings a doorbell: a 16-bit write of the queue's number (§4.1.5.2).
  ///
  /// - Parameter notifyOffset: what `queue_notify_off` said for this queue.
  package func kick(queue: UInt16, notifyOffset: UInt16) throws {
    try ringDoorbell(UInt64(queue), width: 2, notifyOffset: notifyOffset)
  }

  /// Rings a doorbell with NOTIFICATION_DATA: a 32-bit write (§2.9, §4.1.5.2).
  ///
  /// - Parameters:
  ///   - queue: the queue's number, or its `queue_notif_config_data`.
  ///   - data: `next_off`, and `next_wrap` as bit 15.
  package func kick(queue: UInt16, data: UInt16, notifyOffset: UInt16) throws {
    try ringDoorbell(UInt64(data) << 16 | UInt64(queue), width: 4, notifyOffset: notifyOffset)
  }

  private func ringDoorbell(_ value: UInt64, width: Int, notifyOffset: UInt16) throws {
    let at = notify.offset + UInt64(notifyOffset) * UInt64(notify.notifyMultiplier)
    try machine.writeBAR(notify.bar, at: at, width: width, value)
  }

  // MARK: Configuration access window

  /// Reads from a base address register through configuration space (§4.1.4.9).
  package func readThroughWindow(bar: UInt8, offset: UInt32, length: UInt32) throws -> UInt32 {
    let window = try aimWindow(bar: bar, offset: offset, length: length)
    return try machine.readConfig(window, width: [1, 2, 4].contains(length) ? Int(length) : 4)
  }

  /// Writes to a base address register through configuration space (§4.1.4.9).
  package func writeThroughWindow(bar: UInt8, offset: UInt32, length: UInt32, _ value: UInt32) throws {
    let window = try aimWindow(bar: bar, offset: offset, length: length)
    try machine.writeConfig(window, width: [1, 2, 4].contains(length) ? Int(length) : 4, value)
  }

  private func aimWindow(bar: UInt8, offset: UInt32, length: UInt32) throws -> Int {
    typealias Layout = VirtioLayout.Capability
    let at = try inventory.virtioStructure(VirtioLayout.CapabilityType.configurationAccess).capabilityOffset
    try machine.writeConfig(at + Layout.bar, width: 1, UInt32(bar))
    try machine.writeConfig(at + Layout.offset, width: 4, offset)
    try machine.writeConfig(at + Layout.structureLength, width: 4, length)
    return at + Layout.configurationData
  }
}
