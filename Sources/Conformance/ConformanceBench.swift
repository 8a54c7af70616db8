import GuestDriver

/// How long a case waits.
package struct Patience: Sendable {
  /// The longest that a whole case may take.
  package var caseInSeconds = 30
  /// For what has to come.
  package var answerInMilliseconds = 5000
  /// For what must not come.
  package var quietInMilliseconds = 60

  package init() {}

  var answer: Duration { .milliseconds(answerInMilliseconds) }
}

/// What a case works with: a function that was just reset, its addresses given out, memory and bus mastering
/// on, and nothing written to the device yet.
package final class ConformanceBench {
  package let machine: any Machine
  package let ram: GuestRAMImage
  package let inventory: PCIInventory
  package let profile: DeviceProfile
  private let target: any ConformanceTarget
  /// Nil: the device has none.
  private let modern: Result<VirtioFunction, any Error>?

  package let patience: Patience

  /// Resets the function and finds everything anew.
  init(_ mount: Mount, target: any ConformanceTarget, patience: Patience, startOfMemory: UInt64) throws {
    self.target = target
    self.patience = patience
    ram = mount.ram
    ram.release(to: startOfMemory)
    machine = WatchedMachine(mount.machine, limit: .seconds(patience.caseInSeconds))
    if target.hidden[.functionReset] == nil { try machine.resetFunction() }
    inventory = try PCIInventory(probing: machine)
    if let table = inventory.vectorTable { machine.foundVectorTable(table) }
    modern = Self.modern(machine, inventory)
    typealias Command = PCILayout.Command
    try machine.writeConfig(
      PCILayout.command, width: 2, UInt32(Command.ioSpace | Command.memorySpace | Command.busMaster))
    let function = try? modern?.get()  // the cases that need it are told why there is none
    // What a reset of the function would do, as far as the device status field can.
    if let function, target.hidden[.functionReset] != nil { try Self.reset(function, patience.answer) }
    let isOldID = (0x1000..<VirtioLayout.modernDeviceIDBase).contains(inventory.deviceID)
    let legacy = modern == nil && isOldID ? try LegacyFunction(machine, inventory) : nil
    profile = try DeviceProfile(inventory, function, legacy)
    try function?.write(.deviceFeatureSelect, 0)
  }

  /// The modern structures: none at all, or a failure when some of them are missing.
  private static func modern(
    _ machine: any Machine, _ inventory: PCIInventory
  ) -> Result<VirtioFunction, any Error>? {
    guard inventory.virtioStructures.contains(where: { $0.type == VirtioLayout.CapabilityType.common }) else {
      return nil
    }
    return Result { try VirtioFunction(machine, inventory) }
  }

  /// The modern registers.
  package var function: VirtioFunction {
    get throws {
      guard profile.generation != .legacy else {
        throw NotApplicable("the device has the legacy interface alone")
      }
      guard let modern else { throw Deviation("there is no common configuration structure") }
      do { return try modern.get() } catch { throw Deviation(ConformanceRun.text(error)) }
    }
  }

  // MARK: Time

  /// Asks again and again until something holds; false when it did not in time.
  package func eventually(_ condition: () throws -> Bool) throws -> Bool {
    let end = ContinuousClock.now + patience.answer
    while try !condition() {
      guard ContinuousClock.now < end else { return false }
    }
    return true
  }

  // MARK: Status

  /// Writes 0 to the device status field and waits until it reads 0 (virtio 1.4 §4.1.4.3.2).
  package func resetDevice() throws { try Self.reset(try function, patience.answer) }

  private static func reset(_ function: VirtioFunction, _ limit: Duration) throws {
    try function.setStatus(0)
    let end = ContinuousClock.now + limit
    while try function.status != 0 {
      guard ContinuousClock.now < end else {
        throw Deviation("device_status does not become 0 after a reset: \(hex(try function.status))")
      }
    }
  }

  /// Features that a device may insist on, of those offered (virtio 1.4 §6.2), and VERSION_1.
  package var plainFeatures: UInt64 {
    typealias Feature = VirtioLayout.Feature
    return [Feature.version1, Feature.accessPlatform, Feature.orderPlatform]
      .reduce(0) { $0 | 1 << UInt64($1) } & profile.offeredFeatures
  }

  /// Resets the device, accepts these features, and sets FEATURES_OK.
  package func negotiate(_ features: UInt64? = nil) throws {
    typealias Status = VirtioLayout.Status
    let function = try function, features = features ?? plainFeatures
    try resetDevice()
    try function.setStatus(Status.acknowledge)
    try function.setStatus(Status.acknowledge | Status.driver)
    try function.acceptFeatures(features)
    try function.setStatus(Status.acknowledge | Status.driver | Status.featuresOK)
    guard try function.status & Status.featuresOK != 0 else {
      throw Deviation("FEATURES_OK does not stay with the features \(hex(features)), all offered")
    }
  }

  // MARK: Requests

  /// An ordinary request of the device's kind in memory, for queue 0: display information of a GPU, 64 bytes of an
  /// entropy device.
  package func layOutRequest(_ layout: ChainLayout = ChainLayout()) throws -> LaidOutChain {
    switch profile.kind {
    case .gpu:
      let command = GPUCommand.getDisplayInfo
      return try ram.layOut(request: command.encoded(), responseRoom: command.responseRoom, layout)
    case .entropy: return try ram.layOut(request: [], responseRoom: 64, layout)
    case .other: throw NotApplicable("no request of this kind of device is known here")
    }
  }

  // MARK: Target

  /// Makes the device change its configuration.
  package func changeConfiguration() throws {
    if let why = target.hidden[.configurationChange] { throw NotObservable(why) }
    try target.changeConfiguration()
  }

  /// Makes a live device notify a change of its configuration: by a change, or else by a broken ring that makes it
  /// set DEVICE_NEEDS_RESET (virtio 1.4 §2.1.2).
  package func provokeConfigurationNotification(_ driver: PlainDriver) throws {
    if shows(.configurationChange) { return try changeConfiguration() }
    guard try driver.breakRing() else {
      throw NotObservable("nothing here makes the device notify a change of its configuration")
    }
  }

  /// Whether the target shows something.
  package func shows(_ what: Observable) -> Bool { target.hidden[what] == nil }

  /// What an output shows; nil when it is off.
  package func picture(scanout: Int) throws -> ScreenPicture? {
    if let why = target.hidden[.pictures] { throw NotObservable(why) }
    return try target.picture(scanout: scanout)
  }

  /// The pointer of an output.
  package func cursor(scanout: Int) throws -> ScreenCursor? {
    if let why = target.hidden[.cursors] { throw NotObservable(why) }
    return try target.cursor(scanout: scanout)
  }

  /// A driver of the GPU over this machine, nothing done yet.
  package func gpuDriver() -> GPUDriver { GPUDriver(machine, ram: ram) }

  /// Does an access that a machine may refuse to carry at all; nil then.
  package func tolerating<Result>(_ access: () throws -> Result) throws -> Result? {
    do { return try access() } catch DriverError.refused { return nil }
  }
}
