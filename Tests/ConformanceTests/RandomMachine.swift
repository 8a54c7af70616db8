import Conformance
import GuestDriver
import Synchronization

/// A machine before a right device that answers wrongly, and loses writes, once in so many times.
final class RandomMachine: Machine {
  private let machine: any Machine
  private let dice: Dice
  private let rarity: UInt64
  /// In configuration space too, which few suites get far with.
  private let spoilsConfiguration: Bool

  init(_ machine: any Machine, _ dice: Dice, oneIn rarity: UInt64, spoilsConfiguration: Bool) {
    self.machine = machine
    self.dice = dice
    self.rarity = rarity
    self.spoilsConfiguration = spoilsConfiguration
  }

  /// Any value of so many bytes, small ones as often as large ones.
  private func noise(_ width: Int) -> UInt64 {
    dice.next() >> (dice.next() % 64) & (width >= 8 ? .max : (1 << UInt64(8 * width)) - 1)
  }

  private var isWrong: Bool { dice.next() >> 8 % rarity == 0 }

  func readConfig(_ offset: Int, width: Int) throws -> UInt32 {
    let value = try machine.readConfig(offset, width: width)
    guard spoilsConfiguration, isWrong else { return value }
    return UInt32(truncatingIfNeeded: noise(width))
  }

  func writeConfig(_ offset: Int, width: Int, _ value: UInt32) throws {
    if spoilsConfiguration, isWrong { return }
    try machine.writeConfig(offset, width: width, value)
  }

  func readBAR(_ index: Int, at offset: UInt64, width: Int) throws -> UInt64 {
    let value = try machine.readBAR(index, at: offset, width: width)
    return isWrong ? noise(width) : value
  }

  func writeBAR(_ index: Int, at offset: UInt64, width: Int, _ value: UInt64) throws {
    if !isWrong { try machine.writeBAR(index, at: offset, width: width, value) }
  }

  func waitForInterrupt(_ line: InterruptLine, timeoutInMilliseconds: Int) throws -> Bool {
    let hasCome = try machine.waitForInterrupt(line, timeoutInMilliseconds: timeoutInMilliseconds)
    return isWrong ? !hasCome : hasCome
  }

  func mapRAM(_ block: RAMBlock, access: RAMAccess) throws { try machine.mapRAM(block, access: access) }
  func unmapRAM(_ block: RAMBlock) throws { try machine.unmapRAM(block) }
  func foundVectorTable(_ table: PCIInventory.VectorTable) { machine.foundVectorTable(table) }
  func messageAddress(of vector: Int) throws -> UInt64 { try machine.messageAddress(of: vector) }
  func connectInterrupt(_ line: InterruptLine) throws { try machine.connectInterrupt(line) }
  func acknowledgeInterrupt(_ line: InterruptLine) throws { try machine.acknowledgeInterrupt(line) }
  func resetFunction() throws { try machine.resetFunction() }
}

/// A target whose machine is a `RandomMachine`.
final class RandomTarget: ConformanceTarget {
  private let target: any ConformanceTarget
  private let spoil: (any Machine) -> RandomMachine

  init(_ target: any ConformanceTarget, _ dice: Dice, oneIn rarity: UInt64, spoilsConfiguration: Bool) {
    self.target = target
    spoil = { RandomMachine($0, dice, oneIn: rarity, spoilsConfiguration: spoilsConfiguration) }
  }

  var name: String { "random answers of \(target.name)" }
  var hidden: [Observable: String] { target.hidden }

  func mount() throws -> Mount {
    let mount = try target.mount()
    return Mount(machine: spoil(mount.machine), ram: mount.ram)
  }

  func changeConfiguration() throws { try target.changeConfiguration() }
  func picture(scanout: Int) throws -> ScreenPicture? { try target.picture(scanout: scanout) }
  func cursor(scanout: Int) throws -> ScreenCursor? { try target.cursor(scanout: scanout) }
}

/// Random numbers that a seed repeats.
final class Dice: Sendable {
  private let state: Atomic<UInt64>

  init(seed: UInt64) { state = Atomic(seed) }

  /// xorshift64*
  func next() -> UInt64 {
    var value = state.load(ordering: .relaxed)
    value ^= value >> 12
    value ^= value << 25
    value ^= value >> 27
    state.store(value, ordering: .relaxed)
    return value &* 0x2545_f491_4f6c_dd1d
  }
}
