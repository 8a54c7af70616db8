import GuestDriver

/// A machine of Cloud Hypervisor's with a device at a vfio-user socket.
///
/// The guest's base addresses and the MSI-X table stay on this side; every other access is a message. Interrupts are
/// events that this side made beforehand.
final class CloudHypervisorMachine: Machine {
  /// MSI-X as this side plays it.
  private struct Vectors {
    let capability: Int
    var control: UInt16
    let table: UInt32
    let pending: UInt32
    var bytes: [UInt8]
    let events: [EventCounter]

    var isEnabled: Bool { control & PCILayout.MSIX.controlEnable != 0 }

    /// Where an access falls in the table.
    func place(_ bar: Int, _ offset: UInt64) -> Int? {
      guard bar == Int(table & 7), offset >= UInt64(table & ~7) else { return nil }
      let place = offset - UInt64(table & ~7)
      return place < UInt64(bytes.count) ? Int(place) : nil
    }

    /// Whether a message of a vector goes out to the guest; else its event keeps it.
    func delivers(_ vector: Int) -> Bool {
      let mask = bytes.field32(at: vector * PCILayout.MSIX.entrySize + PCILayout.MSIX.entryControl)
      return isEnabled && control & PCILayout.MSIX.controlFunctionMask == 0
        && mask & PCILayout.MSIX.entryMasked == 0
    }
  }

  /// A base address register, and the bits of it that the guest may change.
  private struct BaseAddress {
    var value: UInt32 = 0
    var writable: UInt32 = 0
  }

  let client: CloudHypervisorClient
  /// Guest memory, in the order in which it was announced.
  private(set) var memory: [RAMBlock]
  /// What the device's base address registers said of their size, by index.
  private(set) var sizes: [Int: UInt64] = [:]
  private var baseAddresses = [BaseAddress](repeating: BaseAddress(), count: 6)
  private var vectors: Vectors?
  private var pin: EventCounter?
  private var isPinInUse = false
  private static let configuration = VfioUserLayout.Region.configuration

  /// Attaches the device as at the start of a VM, or when it is plugged in.
  ///
  /// - Parameter resetsFirst: what the client would do with a device that cannot be reset: it takes the flag for its
  ///   opposite.
  init(_ client: CloudHypervisorClient, memory: [RAMBlock], resetsFirst: Bool = false) throws {
    self.client = client
    self.memory = memory
    if resetsFirst { try client.call(VfioUserLayout.Command.reset) }
    try readCapabilities()
    if try client.interruptCount(VfioUserLayout.Interrupt.pin) > 0 {
      pin = try EventCounter()
      try enablePin()
    }
    for block in memory { try client.map(block) }
    try sizeBaseAddresses()
  }

  /// The end of a VM, by shutdown or reboot: interrupts off, and no word about memory.
  func shutDown() throws {
    if vectors?.isEnabled == true { try client.disableInterrupts(VfioUserLayout.Interrupt.msix) }
    try disablePin()
    client.close()
  }

  /// The guest has let go of the device (`ch-remote remove-device`).
  func unplug() throws {
    for block in memory { try client.unmap(block) }
    try shutDown()
  }

  // MARK: Attaching

  private func readWord(_ offset: Int, width: Int) throws -> UInt32 {
    UInt32(
      truncatingIfNeeded: try client.read(Self.configuration, at: UInt64(offset), width: width))
  }

  /// Walks the list byte by byte until `body` returns true.
  private func walkCapabilities(_ body: (_ identifier: UInt8, _ offset: Int) throws -> Bool) throws {
    let status = UInt16(truncatingIfNeeded: try readWord(PCILayout.status, width: 2))
    guard status & PCILayout.Status.capabilityList != 0 else { return }
    var offset = Int(try readWord(PCILayout.capabilityPointer, width: 1) & 0xfc)
    while offset != 0 {
      if try body(UInt8(truncatingIfNeeded: try readWord(offset, width: 1)), offset) { return }
      let next = Int(try readWord(offset + 1, width: 1) & 0xfc)
      guard next != offset else { return }
      offset = next
    }
  }

  private func readCapabilities() throws {
    typealias ID = PCILayout.CapabilityID
    var found: Set<UInt8> = []
    try walkCapabilities { identifier, offset in
      found.insert(identifier)
      guard identifier == ID.msix, try client.interruptCount(VfioUserLayout.Interrupt.msix) > 0 else {
        return false
      }
      let control = UInt16(truncatingIfNeeded: try readWord(offset + PCILayout.MSIX.control, width: 2))
      let count = Int(control & PCILayout.MSIX.controlTableSize) + 1
      vectors = Vectors(
        capability: offset, control: control, table: try readWord(offset + PCILayout.MSIX.table, width: 4),
        pending: try readWord(offset + PCILayout.MSIX.pendingBits, width: 4),
        bytes: [UInt8](repeating: 0, count: count * PCILayout.MSIX.entrySize),
        events: try (0..<count).map { _ in try EventCounter() })
      for vector in 0..<count {
        vectors?.bytes.setField(
          at: vector * PCILayout.MSIX.entrySize + PCILayout.MSIX.entryControl, width: 4,
          UInt64(PCILayout.MSIX.entryMasked))
      }
      return false
    }
    guard found.isSuperset(of: [ID.express, ID.powerManagement]) else { return }
    var offset = 0x100
    while offset != 0 { offset = Int(try readWord(offset, width: 4) >> 20) }
  }

  /// By the device's own registers, which keep the ones that were written: 0 to 5, then the ROM's.
  private func sizeBaseAddresses() throws {
    var nextMemory: UInt64 = 0xe000_0000, nextPort: UInt64 = 0x1000
    var index = 0
    while index < 7 {
      let offset = index == 6 ? PCILayout.romAddress : PCILayout.baseAddress0 + 4 * index
      let flags = try readWord(offset, width: 4)
      let isIO = index < 6 && flags & 1 != 0, isWide = index < 6 && !isIO && flags & 4 != 0
      var mask = 0xffff_ffff_0000_0000 | UInt64(try sizingBits(offset) & (isIO ? ~3 : ~15))
      if isWide { mask = UInt64(try sizingBits(offset + 4)) << 32 | mask & 0xffff_ffff }
      defer { index += isWide ? 2 : 1 }
      guard mask & (isWide ? .max : 0xffff_ffff) != 0 else { continue }
      let size = ~mask &+ 1
      guard index < 6, size.nonzeroBitCount == 1 else {
        throw DriverError.deviceFault("base address \(index) has the size \(size)")
      }
      sizes[index] = size
      let address = ((isIO ? nextPort : nextMemory) + size - 1) & ~(size - 1)
      if isIO { nextPort = address + size } else { nextMemory = address + size }
      baseAddresses[index] = BaseAddress(
        value: UInt32(truncatingIfNeeded: address) | flags & (isIO ? 1 : 0xc),
        writable: UInt32(truncatingIfNeeded: mask))
      if isWide {
        baseAddresses[index + 1] = BaseAddress(
          value: UInt32(truncatingIfNeeded: address >> 32), writable: UInt32(truncatingIfNeeded: mask >> 32))
      }
    }
  }

  private func sizingBits(_ offset: Int) throws -> UInt32 {
    try client.write(Self.configuration, at: UInt64(offset), width: 4, 0xffff_ffff)
    return try readWord(offset, width: 4)
  }

  // MARK: Configuration space

  /// In whole registers, of which the guest gets its part; base addresses and the MSI-X table's place are known here.
  func readConfig(_ offset: Int, width: Int) throws -> UInt32 {
    guard offset % 4 + width <= 4 else { return .max >> UInt32(32 - 8 * width) }
    let value = UInt64(try readRegister(offset & ~3)) >> UInt64(offset % 4 * 8)
    return UInt32(truncatingIfNeeded: value & (1 << UInt64(8 * width) - 1))
  }

  private func readRegister(_ offset: Int) throws -> UInt32 {
    if let index = Self.baseAddress(at: offset) { return baseAddresses[index].value }
    guard offset != PCILayout.romAddress else { return 0 }
    // It looks for the capability anew each time.
    var capability: Int?
    try walkCapabilities { identifier, offset in
      if identifier == PCILayout.CapabilityID.msix { capability = offset }
      return capability != nil
    }
    if let capability, let vectors {
      if offset == capability + PCILayout.MSIX.table { return vectors.table }
      if offset == capability + PCILayout.MSIX.pendingBits { return vectors.pending }
    }
    let value = try readWord(offset, width: 4)
    return offset == PCILayout.cacheLineSize ? value & 0xff7f_ffff : value
  }

  /// As wide as the guest's; the MSI-X control register is followed first.
  func writeConfig(_ offset: Int, width: Int, _ value: UInt32) throws {
    guard offset % 4 + width <= 4, offset & ~3 != PCILayout.romAddress else { return }
    if let index = Self.baseAddress(at: offset & ~3) {
      let shift = UInt32(offset % 4 * 8)
      let field = UInt32(truncatingIfNeeded: UInt64(1) << UInt64(8 * width) - 1) << shift
      let mask = baseAddresses[index].writable & field
      baseAddresses[index].value = baseAddresses[index].value & ~mask | value << shift & mask
      return
    }
    if let vectors, offset & ~3 == vectors.capability {
      if offset % 4 == PCILayout.MSIX.control, width == 2 {
        try followVectorControl(UInt16(truncatingIfNeeded: value))
      } else if width == 4 {
        try followVectorControl(UInt16(truncatingIfNeeded: value >> 16))
      }
    }
    try client.write(Self.configuration, at: UInt64(offset), width: width, UInt64(value))
  }

  private static func baseAddress(at offset: Int) -> Int? {
    let index = (offset - PCILayout.baseAddress0) / 4
    return offset >= PCILayout.baseAddress0 && index < 6 ? index : nil
  }

  // MARK: Base address regions

  func readBAR(_ index: Int, at offset: UInt64, width: Int) throws -> UInt64 {
    let value: UInt64
    if let vectors, let place = vectors.place(index, offset) {
      value = vectors.bytes.field(at: place, width: width)
    } else {
      value = try client.read(UInt32(index), at: offset, width: width)
    }
    if isPinInUse { try client.unmaskPin() }
    return value
  }

  func writeBAR(_ index: Int, at offset: UInt64, width: Int, _ value: UInt64) throws {
    if let place = vectors?.place(index, offset) {
      if width >= 4, place % width == 0 { vectors?.bytes.setField(at: place, width: width, value) }
    } else {
      try client.write(UInt32(index), at: offset, width: width, value)
    }
    if isPinInUse { try client.unmaskPin() }
  }

  // MARK: Memory

  /// Memory that is plugged in; it knows nothing that a device may only read.
  func mapRAM(_ block: RAMBlock, access: RAMAccess) throws {
    try client.map(block)
    memory.append(block)
  }

  func unmapRAM(_ block: RAMBlock) throws {
    try client.unmap(block)
    memory.removeAll { $0 === block }
  }

  // MARK: Interrupts

  private func followVectorControl(_ control: UInt16) throws {
    guard let old = vectors else { return }
    vectors?.control = control
    guard let vectors, vectors.isEnabled != old.isEnabled else { return }
    if vectors.isEnabled {
      try disablePin()
      try client.enableInterrupts(VfioUserLayout.Interrupt.msix, vectors.events)
    } else {
      try client.disableInterrupts(VfioUserLayout.Interrupt.msix)
      try enablePin()
    }
  }

  private func enablePin() throws {
    guard let pin, !isPinInUse else { return }
    try client.enableInterrupts(VfioUserLayout.Interrupt.pin, [pin])
    isPinInUse = true
  }

  private func disablePin() throws {
    guard isPinInUse else { return }
    try client.disableInterrupts(VfioUserLayout.Interrupt.pin)
    isPinInUse = false
  }

  /// The events are there already.
  func connectInterrupt(_ line: InterruptLine) throws {}
  /// It has read that by itself.
  func foundVectorTable(_ table: PCIInventory.VectorTable) {}
  /// Where the processors' interrupt controllers listen.
  func messageAddress(of vector: Int) -> UInt64 { 0xfee0_0000 }

  func waitForInterrupt(_ line: InterruptLine, timeoutInMilliseconds: Int) throws -> Bool {
    let event: EventCounter?
    switch line {
    case .pin: event = isPinInUse ? pin : nil
    case .vector(let vector): event = vectors.flatMap { $0.delivers(vector) ? $0.events[vector] : nil }
    }
    return try (event?.wait(timeoutInMilliseconds: timeoutInMilliseconds) ?? 0) > 0
  }

  /// Whether a vector's message waits in its event.
  func isRaised(_ vector: Int) -> Bool { vectors?.events[vector].isRaised == true }

  /// Nobody tells the device: the next access to a BAR does.
  func acknowledgeInterrupt(_ line: InterruptLine) throws {}

  /// A machine reset is the end of this connection and another one.
  func resetFunction() throws { throw DriverError.missing("a reset while a VM runs") }
}
