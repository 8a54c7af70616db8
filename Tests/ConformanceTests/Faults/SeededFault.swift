import Conformance
import GuestDriver
import PCIBus
import ScanoutDevice
import Testing

/// A device with one thing wrong, and the case that must find it.
struct SeededFault: Sendable, CustomTestStringConvertible {
  /// `group.what-is-wrong`, unique.
  let name: String
  let group: ConformanceGroup
  let setup: DeviceSetup
  /// The names of the cases that must fail, each of them.
  let caughtBy: [String]
  let effects: [FaultEffect]

  /// A fault; its group is the name's part before the dot.
  init(
    _ name: String, caughtBy first: String, and others: [String] = [], on setup: DeviceSetup = .gpu,
    _ effects: FaultEffect...
  ) {
    let prefix = String(name.prefix { $0 != "." })
    guard let group = ConformanceGroup(rawValue: prefix) else { preconditionFailure("no group in \(name)") }
    self.name = name
    self.group = group
    self.setup = setup
    caughtBy = [first] + others
    self.effects = effects
  }

  var testDescription: String { name }

  /// All of them.
  static let all: [SeededFault] = [
    pciFaults, statusFaults, commonFaults, ringFaults, indirectFaults, eventIndexFaults, resetFaults,
    interruptFaults,
    legacyFaults, gpuFaults,
    entropyFaults,
  ].flatMap { $0 }
}

/// What a fault is planted into.
struct DeviceSetup: Hashable, Sendable {
  enum Kind: Hashable, Sendable {
    case gpu
    case entropy
  }

  var kind = Kind.gpu
  var transport = VirtioPCIOptions.Transport.modern
  /// Features that are not offered.
  var withheld: FeatureSet = []

  /// Bytes of its host visible region; 0: it has none.
  var hostVisibleMemory: UInt64 = 0

  /// Its displays can change (`DisplayChange`).
  var changesConfiguration = false

  static let gpu = DeviceSetup()
  static let changingGPU = DeviceSetup(changesConfiguration: true)
  static let entropy = DeviceSetup(kind: .entropy)
  static let transitionalGPU = DeviceSetup(transport: .transitional)
  static let transitionalEntropy = DeviceSetup(kind: .entropy, transport: .transitional)
  static let gpuWithoutBlobs = DeviceSetup(withheld: GPUDevice.blobFeature)
  static let gpuWithHostVisibleMemory = DeviceSetup(hostVisibleMemory: 1 << 20)
  static let gpuWithoutNotificationData = DeviceSetup(withheld: .notificationData)
}

/// Where an access of the driver's goes.
enum FaultPlace: Hashable, Sendable {
  /// Configuration space: offset and width.
  case configuration(Int, Int)
  /// A field of the first capability of a `cfg_type`: offset in it and width.
  case capability(UInt8, Int, Int)
  /// A field of the MSI-X capability.
  case vectorCapability(Int, Int)
  case common(CommonRegister)
  /// The half of a 64-bit register.
  case half(CommonRegister, isHigh: Bool)
  case isr
  /// A 4-byte field of the device's configuration.
  case device(Int)
  /// The doorbell of queue 0, by an access of this width.
  case doorbell(Int)
  /// The doorbell of queue 1, by an access of 2 bytes.
  case doorbellOfQueue1
  /// Words of the pending bits.
  case pendingBits
  case legacy(LegacyRegister)
  /// A part of the legacy region: offset and width.
  case legacyBytes(Int, Int)
}

/// One way in which a faulty device differs from the right one.
///
/// A hook may look at the function and count with its `tally`.
enum FaultEffect: Sendable {
  typealias Function = FaultyFunction
  /// Changes what a read returns.
  case read(FaultPlace, @Sendable (Function, UInt64) -> UInt64)
  /// Changes what is written, or swallows it (nil).
  case write(FaultPlace, @Sendable (Function, UInt64) -> UInt64?)
  /// Changes a chain that was made available, before the device sees it.
  case offered(@Sendable (Function, inout OfferedChain) -> Void)
  /// Comes after the device has used a buffer and before the driver is told.
  case used(@Sendable (Function, UsedBuffer) -> Void)
  /// Comes after each write to the function, before the driver is told of what it did.
  case afterWrite(@Sendable (Function) -> Void)
  /// Changes an interrupt into none, one or several.
  case interrupt(@Sendable (Function, FaultyInterrupt) -> [FaultyInterrupt])
  /// Comes when the displays have changed (`DisplayChange`).
  case changed(@Sendable (Function) -> Void)
  /// A reset of the function does nothing.
  case ignoresFunctionReset

  /// A field that reads as this, whatever it is.
  static func reads(_ place: FaultPlace, as value: UInt64) -> FaultEffect { .read(place) { _, _ in value } }

  /// A field that takes no writes.
  static func ignoresWrites(_ place: FaultPlace) -> FaultEffect { .write(place) { _, _ in nil } }

  /// Interrupts that never come.
  static let neverInterrupts = FaultEffect.interrupt { _, _ in [] }
}

/// An interrupt on its way to the driver.
enum FaultyInterrupt: Hashable, Sendable {
  case message(vector: Int, address: UInt64, data: UInt32)
  case pin(Bool)
}
