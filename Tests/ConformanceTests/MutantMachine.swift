import Conformance
import GuestDriver

/// A device with one thing wrong, made of a right one: whoever stands between changes what passes.
///
/// Registers are those of our own device: the modern structures in BAR 4, the common configuration at its start.
struct Mutation: Sendable {
  /// The base address region of the modern structures.
  static let bar = 4

  /// A field of the first capability of a type, and what the driver reads there.
  var capability: (type: UInt8, field: Int, change: @Sendable (UInt32) -> UInt32)?
  /// Swallows writes to that field instead.
  var swallowsCapabilityWrites = false
  /// What the driver reads from configuration space, given what the device answers.
  var readConfig: (@Sendable (_ offset: Int, _ width: Int, _ value: UInt32) -> UInt32)?
  /// What the device gets of a write to configuration space; nil swallows it.
  var writeConfig: (@Sendable (_ offset: Int, _ value: UInt32) -> UInt32?)?
  /// What the driver reads from a base address region.
  var readBAR: (@Sendable (_ bar: Int, _ offset: UInt64, _ value: UInt64) -> UInt64)?
  /// What the device gets of a write to a base address region; nil swallows it.
  var writeBAR: (@Sendable (_ bar: Int, _ offset: UInt64, _ value: UInt64) -> UInt64?)?
  /// Whether an interrupt arrived, given whether one came from the device.
  var interrupt: (@Sendable (_ line: InterruptLine, _ hasCome: Bool) -> Bool)?
  /// What the device gets of a request in one descriptor of a split queue.
  var request: (@Sendable (inout [UInt8]) -> Void)?
  /// What arrives of the accepted features.
  var features: (@Sendable (UInt64) -> UInt64)?
  /// What happens to a queue in memory when the device has used something there.
  var queue: (@Sendable (RingView) -> Void)?

  /// A field of a virtio capability reads as something else; 3 is its type, 8 the offset, 12 the length.
  static func capability(
    _ type: UInt8, _ field: Int, _ change: @escaping @Sendable (UInt32) -> UInt32
  ) -> Mutation {
    var mutation = Mutation()
    mutation.capability = (type, field, change)
    return mutation
  }

  /// The mutation with its capability found in a function.
  func aimed(at machine: any Machine) throws -> Mutation {
    guard let capability else { return self }
    let offsets = try PCIInventory(probing: machine).capabilities.map(\.offset)
    guard
      let start = try offsets.first(where: { offset in
        try machine.readConfig(offset, width: 1) == 9
          && machine.readConfig(offset + 3, width: 1) == capability.type
      })
    else { throw DriverError.missing("capability of type \(capability.type)") }
    var aimed = self
    let place = start + capability.field
    if swallowsCapabilityWrites {
      aimed.writeConfig = { offset, value in offset == place ? nil : value }
    } else {
      aimed.readConfig = { offset, _, value in offset == place ? capability.change(value) : value }
    }
    return aimed
  }

  /// A register of the common configuration reads as something else.
  static func reading(
    _ register: CommonRegister, _ change: @escaping @Sendable (UInt64) -> UInt64
  ) -> Mutation {
    Mutation(readBAR: { bar, offset, value in
      bar == Self.bar && offset == UInt64(register.offset) ? change(value) : value
    })
  }

  /// A register of the common configuration takes something else, or nothing.
  static func writing(
    _ register: CommonRegister, _ change: @escaping @Sendable (UInt64) -> UInt64?
  ) -> Mutation {
    Mutation(writeBAR: { bar, offset, value in
      bar == Self.bar && offset == UInt64(register.offset) ? change(value) : value
    })
  }

  /// A feature that the driver accepts does not arrive, or another one does too.
  static func features(without lost: Int? = nil, with added: Int? = nil) -> Mutation {
    Mutation(features: { features in
      features & ~(lost.map { 1 << UInt64($0) } ?? 0) | (added.map { 1 << UInt64($0) } ?? 0)
    })
  }

  /// A field of configuration space reads as something else.
  static func configuration(_ offset: Int, _ change: @escaping @Sendable (UInt32) -> UInt32) -> Mutation {
    Mutation(readConfig: { at, _, value in at == offset ? change(value) : value })
  }
}

/// A machine with a mutation before it.
final class MutantMachine: Machine {
  private let machine: any Machine
  private let mutation: Mutation
  private let tap: RequestTap
  private let view: RingView
  private var selectedFeatures: UInt64 = 0

  init(_ mount: Mount, _ mutation: Mutation) {
    machine = mount.machine
    self.mutation = mutation
    tap = RequestTap(ram: mount.ram)
    view = RingView(mount.ram)
  }

  func readConfig(_ offset: Int, width: Int) throws -> UInt32 {
    let value = try machine.readConfig(offset, width: width)
    return mutation.readConfig?(offset, width, value) ?? value
  }

  func writeConfig(_ offset: Int, width: Int, _ value: UInt32) throws {
    guard let change = mutation.writeConfig else {
      return try machine.writeConfig(offset, width: width, value)
    }
    guard let changed = change(offset, value) else { return }
    try machine.writeConfig(offset, width: width, changed)
  }

  func readBAR(_ index: Int, at offset: UInt64, width: Int) throws -> UInt64 {
    let value = try machine.readBAR(index, at: offset, width: width)
    let changed = mutation.readBAR?(index, offset, value) ?? value
    // No device answers more than it was asked for.
    return width >= 8 ? changed : changed & ((1 << UInt64(8 * width)) - 1)
  }

  func writeBAR(_ index: Int, at offset: UInt64, width: Int, _ value: UInt64) throws {
    if index == Mutation.bar, let change = mutation.request { tap.written(offset, value, change) }
    guard let meddle = mutation.queue, index == Mutation.bar else {
      return try passOn(index, at: offset, width: width, value)
    }
    view.note(offset, value)
    let isDoorbell = offset >= 0x4000
    let before = isDoorbell ? view.image : []
    try passOn(index, at: offset, width: width, value)
    guard isDoorbell else { return }
    let end = ContinuousClock.now + .milliseconds(200)
    while view.image == before, ContinuousClock.now < end { _ = try machine.readConfig(0, width: 4) }
    meddle(view)
  }

  private func passOn(_ index: Int, at offset: UInt64, width: Int, _ value: UInt64) throws {
    let value = index == Mutation.bar ? changedFeatures(offset, value) : value
    guard let change = mutation.writeBAR else {
      return try machine.writeBAR(index, at: offset, width: width, value)
    }
    guard let changed = change(index, offset, value) else { return }
    try machine.writeBAR(index, at: offset, width: width, changed)
  }

  /// A word of the accepted features as it arrives.
  private func changedFeatures(_ offset: UInt64, _ value: UInt64) -> UInt64 {
    if offset == UInt64(CommonRegister.driverFeatureSelect.offset) { selectedFeatures = value }
    guard let change = mutation.features, offset == UInt64(CommonRegister.driverFeature.offset) else {
      return value
    }
    let shift = 32 * min(selectedFeatures, 1)
    return change(value << shift) >> shift & 0xffff_ffff
  }

  func mapRAM(_ block: RAMBlock, access: RAMAccess) throws { try machine.mapRAM(block, access: access) }
  func unmapRAM(_ block: RAMBlock) throws { try machine.unmapRAM(block) }
  func foundVectorTable(_ table: PCIInventory.VectorTable) { machine.foundVectorTable(table) }
  func messageAddress(of vector: Int) throws -> UInt64 { try machine.messageAddress(of: vector) }
  func connectInterrupt(_ line: InterruptLine) throws { try machine.connectInterrupt(line) }

  func waitForInterrupt(_ line: InterruptLine, timeoutInMilliseconds: Int) throws -> Bool {
    let hasCome = try machine.waitForInterrupt(line, timeoutInMilliseconds: min(timeoutInMilliseconds, 300))
    return mutation.interrupt?(line, hasCome) ?? hasCome
  }

  func acknowledgeInterrupt(_ line: InterruptLine) throws { try machine.acknowledgeInterrupt(line) }
  func resetFunction() throws { try machine.resetFunction() }
}

/// A target with a mutation before it.
final class MutantTarget: ConformanceTarget {
  private let target: any ConformanceTarget
  private let mutation: Mutation

  init(_ target: any ConformanceTarget, _ mutation: Mutation) {
    self.target = target
    self.mutation = mutation
  }

  var name: String { "a mutant of \(target.name)" }
  var hidden: [Observable: String] { target.hidden }

  func mount() throws -> Mount {
    let mount = try target.mount()
    let mutation = try mutation.aimed(at: mount.machine)
    return Mount(machine: MutantMachine(mount, mutation), ram: mount.ram)
  }

  func changeConfiguration() throws { try target.changeConfiguration() }
  func picture(scanout: Int) throws -> ScreenPicture? { try target.picture(scanout: scanout) }
  func cursor(scanout: Int) throws -> ScreenCursor? { try target.cursor(scanout: scanout) }
}
