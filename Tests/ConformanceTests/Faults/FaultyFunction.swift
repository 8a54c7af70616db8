import GuestDriver
import PCIBus

/// A function with a fault in it, before a right one: it stands where a host stands, and changes accesses, interrupts
/// and guest memory on their way.
///
/// The device behind it works its rings on the thread that rings the doorbell, so all that a write brings about has
/// happened when the device's own write returns. What the device raises meanwhile is held until then.
///
/// The places of the registers are those of `spec/pci-function.md`.
final class FaultyFunction: PCIFunction, @unchecked Sendable {
  // Sendable: one case on one thread drives it, and the device has no thread of its own.
  private let device: any PCIFunction
  let effects: [FaultEffect]
  /// The guest's memory, once it is mapped.
  var ram: GuestRAMImage?
  /// For a fault to count with.
  var tally: UInt64 = 0
  /// What the driver has programmed.
  var driver = ProgrammedState()
  private var sink: (any InterruptSink)?
  private var held: [FaultyInterrupt] = []
  /// MSI-X comes first in the list.
  private static let vectorCapability = 0x40

  init(_ device: any PCIFunction, _ effects: [FaultEffect]) {
    self.device = device
    self.effects = effects
    device.connect(Relay(self))
  }

  var configurationSpaceSize: Int { device.configurationSpaceSize }
  var bars: [BAR] { device.bars }
  var msixVectorCount: Int { device.msixVectorCount }
  var hasINTx: Bool { device.hasINTx }
  /// None: a host that rings one passes by the faults.
  let doorbells: [PCIDoorbell] = []

  // MARK: Accesses

  func read(_ region: PCIRegion, at offset: UInt64, into bytes: inout MutableRawSpan) {
    device.read(region, at: offset, into: &bytes)
    defer { deliver() }
    guard bytes.byteCount <= 8, let start = Int(exactly: offset) else { return }
    let access = FaultAccess(region: region, offset: start, width: bytes.byteCount)
    for case .read(let place, let change) in effects {
      let field = self.access(to: place)
      // Configuration space is read by any width: a part of a field is that part of its changed value.
      let isPart = region == .configuration && field.region == region && field.range.overlaps(access.range)
      guard field == access || isPart else { continue }
      let value = field == access ? bytes.bytes.littleEndianValue : right(field)
      let changed = change(self, value)
      for place in field.range.clamped(to: access.range) {
        bytes.setByte(
          UInt8(truncatingIfNeeded: changed >> UInt64(8 * (place - field.offset))), at: place - start)
      }
    }
  }

  func write(_ region: PCIRegion, at offset: UInt64, _ bytes: RawSpan) {
    defer { deliver() }
    guard bytes.byteCount <= 8, let start = Int(exactly: offset) else {
      return device.write(region, at: offset, bytes)
    }
    let access = FaultAccess(region: region, offset: start, width: bytes.byteCount)
    var value = bytes.littleEndianValue
    if access == .legacy(LegacyRegister.queueAddress.offset, 4) {
      // A legacy driver takes the device's queue size as it is.
      driver.note(.legacy(LegacyRegister.queueSize.offset, 2), right(.legacy(.queueSize)))
    }
    driver.note(access, value)
    // The first effects are the nearest to the device.
    for case .write(let place, let change) in effects.reversed() where self.access(to: place) == access {
      guard let changed = change(self, value) else { return }
      value = changed
    }
    if access.isDoorbell { changeOffered() }
    changeUsed { put(access, value) }
    for case .afterWrite(let change) in effects { change(self) }
  }

  func ring(_ doorbell: PCIDoorbell) {}

  func reset() {
    let ignores = effects.contains {
      if case .ignoresFunctionReset = $0 { true } else { false }
    }
    if !ignores {
      device.reset()
      driver = ProgrammedState()
    }
    deliver()
  }

  /// What the right device says.
  func right(_ field: FaultAccess) -> UInt64 {
    var bytes = [UInt8](repeating: 0, count: field.width)
    var span = bytes.mutableSpan
    var raw = unsafe span.mutableBytes  // any byte is a UInt8
    device.read(field.region, at: UInt64(field.offset), into: &raw)
    return bytes.field(at: 0, width: field.width)
  }

  /// What the right device says of a field.
  func right(_ place: FaultPlace) -> UInt64 { right(self.access(to: place)) }

  /// Writes to the right device.
  func put(_ place: FaultPlace, _ value: UInt64) { put(access(to: place), value) }

  /// Writes to the right device.
  func put(_ access: FaultAccess, _ value: UInt64) {
    var bytes: [UInt8] = []
    bytes.append(value, width: access.width)
    unsafe device.write(access.region, at: UInt64(access.offset), bytes.span.bytes)  // a UInt8 has no hole
  }

  // MARK: Places

  func access(to place: FaultPlace) -> FaultAccess {
    typealias Modern = FaultAccess.Modern
    switch place {
    case .configuration(let offset, let width): return .configuration(offset, width)
    case .capability(let type, let field, let width):
      return .configuration(capability(type) + field, width)
    case .vectorCapability(let field, let width): return .configuration(Self.vectorCapability + field, width)
    case .common(let register): return .modern(register.offset, register.width)
    case .half(let register, let isHigh): return .modern(register.offset + (isHigh ? 4 : 0), 4)
    case .isr: return .modern(Modern.isr, 1)
    case .device(let field): return .modern(Modern.device + field, 4)
    case .doorbell(let width): return .modern(Modern.notify, width)
    case .doorbellOfQueue1: return .modern(Modern.notify + 4, 2)
    case .pendingBits: return FaultAccess(region: .bar(1), offset: 0x800, width: 4)
    case .legacy(let register): return .legacy(register.offset, register.width)
    case .legacyBytes(let offset, let width): return .legacy(offset, width)
    }
  }

  /// Where the first capability of a `cfg_type` is; behind the space, where nothing is, when there is none.
  private func capability(_ type: UInt8) -> Int {
    var offset = Int(right(FaultAccess.configuration(PCILayout.capabilityPointer, 1)))
    while offset != 0 {
      let identifier = UInt8(truncatingIfNeeded: right(FaultAccess.configuration(offset, 1)))
      let field = offset + VirtioLayout.Capability.configurationType
      if identifier == PCILayout.CapabilityID.vendorSpecific,
        right(FaultAccess.configuration(field, 1)) == UInt64(type)
      {
        return offset
      }
      offset = Int(right(FaultAccess.configuration(offset + 1, 1)))
    }
    return configurationSpaceSize
  }

  // MARK: Interrupts

  func connect(_ interrupts: (any InterruptSink)?) { sink = interrupts }

  /// Raises a vector that the right device does not.
  func raise(_ vector: Int) { send(message(vector)) }

  /// A vector's message, with the address and data that the driver gave it.
  private func message(_ vector: Int) -> FaultyInterrupt {
    let entry = PCILayout.MSIX.entrySize * vector
    func field(_ offset: Int) -> UInt64 {
      right(FaultAccess(region: .bar(1), offset: entry + offset, width: 4))
    }
    return .message(
      vector: vector,
      address: field(PCILayout.MSIX.entryAddressHigh) << 32 | field(PCILayout.MSIX.entryAddress),
      data: UInt32(field(PCILayout.MSIX.entryData)))
  }

  /// Interrupts as a change of the configuration does.
  func notifyConfigurationChange() {
    let vector = right(.common(.configVector))
    guard vector != UInt64(VirtioLayout.noVector) else { return }
    held.append(message(Int(vector)))
    deliver()
  }

  private func deliver() {
    while !held.isEmpty {
      let first = held.removeFirst()
      var sent = [first]
      for case .interrupt(let change) in effects { sent = sent.flatMap { change(self, $0) } }
      for interrupt in sent { send(interrupt) }
    }
  }

  private func send(_ interrupt: FaultyInterrupt) {
    switch interrupt {
    case .message(let vector, let address, let data):
      sink?.signalMessage(vector: vector, address: address, data: data)
    case .pin(let isAsserted): sink?.setINTx(asserted: isAsserted)
    }
  }

  /// What the device holds, so that it does not keep this function alive.
  private final class Relay: InterruptSink, @unchecked Sendable {
    // Sendable: called on the one thread of the function.
    private weak var function: FaultyFunction?
    init(_ function: FaultyFunction) { self.function = function }
    var ownsMSIXTable: Bool { false }
    func signalMessage(vector: Int, address: UInt64, data: UInt32) {
      function?.held.append(.message(vector: vector, address: address, data: data))
    }
    func setINTx(asserted: Bool) { function?.held.append(.pin(asserted)) }
  }
}

/// Bytes of a region that an access touches.
struct FaultAccess: Equatable {
  var region: PCIRegion
  var offset: Int
  var width: Int

  var isDoorbell: Bool {
    region == .bar(4) && offset >= Modern.notify || self == .legacy(LegacyRegister.queueNotify.offset, 2)
  }

  var range: Range<Int> { offset..<offset + width }

  /// Places in BAR 4.
  enum Modern {
    static let isr = 0x1000
    static let device = 0x2000
    static let notify = 0x4000
  }

  static func configuration(_ offset: Int, _ width: Int) -> FaultAccess {
    FaultAccess(region: .configuration, offset: offset, width: width)
  }
  static func modern(_ offset: Int, _ width: Int) -> FaultAccess {
    FaultAccess(region: .bar(4), offset: offset, width: width)
  }
  static func legacy(_ offset: Int, _ width: Int) -> FaultAccess {
    FaultAccess(region: .bar(0), offset: offset, width: width)
  }
}
