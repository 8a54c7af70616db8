// One import gives an embedder the vocabulary of the whole device.
@_exported public import DisplayModel
@_exported public import FrontEndAPI
@_exported public import GuestRAM
@_exported public import PCIBus
@_exported public import VirtioCore
@_exported public import VirtioGPU
@_exported public import VirtioInput
@_exported public import VirtioPCI

/// A virtio-gpu display device on a PCI bus: what a VMM embeds.
///
/// Give it the guest's memory, bring the guest's accesses to `function`, take interrupts from it, and attach
/// front-ends that show what the guest draws: <doc:A-display-for-your-VMM> does all of it. Nothing needs to be called on a
/// particular thread, but nothing may be called from inside a call that the device makes: an interrupt sink, a front-end
/// that is told of a change, the log.
public final class DisplayDevice: Sendable {
  /// The function that the guest sees: reads, writes, interrupts, reset.
  public var function: any PCIFunction { virtioFunction }
  /// The guest's memory; regions may be added and removed at any time.
  public let memory: GuestMemory
  let gpu: GPUDevice
  let virtioFunction: VirtioPCIFunction

  /// A device as after power-on.
  ///
  /// - Parameters:
  ///   - outputs: 1 to 16 outputs with what the host wants of each, lowered to the limits' largest; one that is off can be
  ///     turned on later.
  ///   - memory: where the guest's memory is mapped, now or later.
  ///   - scheduling: who works the rings; a thread of the device's own unless said otherwise.
  ///   - pci: how the function appears on the bus.
  ///   - limits: what the guest may make the device hold and show.
  ///   - hostVisibleMemory: bytes of the region that blobs of host memory could be mapped into, a power of two of at
  ///     least 4096, in BAR 2; 0: there is none. Without 3D there is no such memory, so the region stays empty. A
  ///     function that is legacy alone has no place for it.
  ///   - fences: when a guest that waits for what it flushed goes on. With `Scheduling.inline` at once, whatever this
  ///     says: there is no thread that could wait.
  ///   - log: hears of requests that the device refused, on the device's thread, at a bounded rate.
  /// - Throws: `HostError` when the system has no memory or no thread to give.
  public convenience init(
    outputs: [OutputPreference], memory: GuestMemory, scheduling: Scheduling = .ownThread,
    pci: VirtioPCIOptions = VirtioPCIOptions(), limits: DisplayLimits = DisplayLimits(),
    hostVisibleMemory: UInt64 = 0, fences: FlushFences = .now,
    log: (@Sendable (RefusedRequest) -> Void)? = nil
  ) throws(HostError) {
    try self.init(
      outputs: outputs, memory: memory, scheduling: scheduling, pci: pci, limits: limits,
      hostVisibleMemory: hostVisibleMemory, fences: fences, clock: DeviceState.clock, log: log)
  }

  /// As above, with another clock to refresh by; waits for its instants are as long as it says, measured by the system's.
  package init(
    outputs: [OutputPreference], memory: GuestMemory, scheduling: Scheduling, pci: VirtioPCIOptions,
    limits: DisplayLimits, hostVisibleMemory: UInt64, fences: FlushFences,
    clock now: @escaping @Sendable () -> ContinuousClock.Instant, log: (@Sendable (RefusedRequest) -> Void)?
  ) throws(HostError) {
    gpu = try GPUDevice(
      outputs: outputs, memory: memory, limits: limits,
      hostVisibleMemory: pci.transport == .legacy ? 0 : hostVisibleMemory,
      now: fences == .refresh && scheduling == .ownThread ? now : nil, log: log)
    self.memory = memory
    var pci = pci
    // Requires blobs, so it goes with them (virtio 1.4 §5.7.3).
    if pci.withheld.contains(GPUDevice.blobFeature) { pci.withheld.insert(GPUDevice.blobAlignmentFeature) }
    do {
      // 0x038000: a display controller that is no VGA.
      virtioFunction = try VirtioPCIFunction(
        gpu, classCode: 0x038000, memory: memory, scheduling: scheduling, options: pci, now: now)
    } catch {
      throw HostError(operation: "start the device's thread", errno: error.errno)
    }
    // The function holds the GPU.
    gpu.announceChanges { [weak virtioFunction] change in
      if let virtioFunction { virtioFunction.changeConfiguration(change) } else { change() }
    }
  }

  /// A device with outputs of these sizes, all of them on and at the origin.
  public convenience init(
    outputs: [OutputMode], memory: GuestMemory, scheduling: Scheduling = .ownThread,
    pci: VirtioPCIOptions = VirtioPCIOptions(), limits: DisplayLimits = DisplayLimits(),
    hostVisibleMemory: UInt64 = 0, fences: FlushFences = .now,
    log: (@Sendable (RefusedRequest) -> Void)? = nil
  ) throws(HostError) {
    try self.init(
      outputs: outputs.map { OutputPreference(mode: $0) }, memory: memory, scheduling: scheduling, pci: pci,
      limits: limits, hostVisibleMemory: hostVisibleMemory, fences: fences, log: log)
  }

  /// What the guest shows on each output at the moment; any thread may ask.
  public var outputDescriptions: [OutputDescription] { gpu.outputDescriptions }

  /// What the guest is told of each output at the moment: what the host wants, as far as it can be shown.
  public var outputPreferences: [OutputPreference] { gpu.outputPreferences }

  /// Changes what the host wants of an output, for instance when the window that shows it got another size, and tells
  /// the guest (virtio 1.4 §5.7.4.2): it hears of a change in its displays and finds the new size in display
  /// information and EDID. What it then does is its own affair.
  ///
  /// A side beyond what the device's limits or an attached front-end allow is lowered to that, and comes back when the
  /// front-end has gone: a host that follows a window's size need not know the limits.
  ///
  /// Any thread may call; nothing happens when it is what was wanted already. How many outputs there are never changes.
  ///
  /// - Precondition: there is an output `index`.
  public func setOutput(_ index: Int, to preference: OutputPreference) {
    gpu.setOutputs([(index, preference)])
  }

  /// Changes what the host wants of several outputs, given by their numbers: the guest hears of one change.
  ///
  /// - Precondition: there are outputs of these numbers.
  public func setOutputs(_ preferences: [Int: OutputPreference]) {
    gpu.setOutputs(preferences.map { ($0, $1) })
  }

  /// Opens the handshake with a front-end and attaches it. If it can show less than others, a guest that has been told
  /// of more is told anew; what it shows already stays.
  ///
  /// - Throws: `InterfaceMismatch` when the front-end was built for another major version.
  public func attach(_ frontEnd: any DisplayFrontEnd) throws(InterfaceMismatch) -> any DisplayChannel {
    try gpu.attach(frontEnd)
  }
}
