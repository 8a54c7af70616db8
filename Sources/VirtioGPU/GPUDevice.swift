import DisplayModel
import FrontEndAPI
import GuestRAM
import HostThreads
import VirtioCore

/// A virtio GPU without 3D (virtio 1.4 §5.7): the device that VirtioCore's rings and a transport serve.
///
/// Front-ends attach to it from any thread. Everything else is called by VirtioCore.
@safe
public final class GPUDevice: VirtioDevice, @unchecked Sendable {
  // Sendable: `handler` is touched in `process` and `reset` only, which VirtioCore calls one at a time.
  private var handler: RequestHandler
  private let publisher: DisplayPublisher
  private let budget: MemoryBudget
  private let counters = RefusalCounters()
  /// What a guest is told.
  private let outputs: OutputDirectory
  private let wishes: Lock<Wishes>
  package let sharedMemory: [SharedMemoryRegion]

  /// What the host wants of the outputs, whether or not it can be shown, and how a guest hears of a change.
  private struct Wishes {
    var preferences: [OutputPreference]
    var announce: @Sendable (_ change: () -> Void) -> Void = { $0() }
  }

  /// How many outputs a device may have (VIRTIO_GPU_MAX_SCANOUTS).
  public static let outputCounts = 1...16

  /// Makes a device; nothing is shown until a driver draws.
  ///
  /// - Parameters:
  ///   - outputs: what the host wants of each output, as many as `outputCounts` allows; lowered to the limits' largest.
  ///   - memory: the guest's, which front-ends read blobs from; the same that the rings are in.
  ///   - limits: what a guest may make it hold.
  ///   - hostVisibleMemory: bytes of the region that blobs of host memory could be mapped into, a power of two of at
  ///     least 4096; 0: there is none.
  ///   - now: the clock that outputs refresh by, whose instants flushes with a fence wait for; nil: none waits. The
  ///     device's state has to have the same.
  ///   - log: hears of refused requests on the device's thread, ten at once and then one a second.
  /// - Throws: `HostError` when the host has no memory for its buffers.
  public init(
    outputs: [OutputPreference], memory: GuestMemory, limits: DisplayLimits = DisplayLimits(),
    hostVisibleMemory: UInt64 = 0, now: (@Sendable () -> ContinuousClock.Instant)? = nil,
    log: (@Sendable (RefusedRequest) -> Void)? = nil
  ) throws(HostError) {
    precondition(Self.outputCounts ~= outputs.count, "a GPU has 1 to 16 outputs")
    let budget = MemoryBudget(limit: limits.memory)
    let largest = limits.largestMode.map { PictureSize(width: $0.width, height: $0.height) }
    let publisher = DisplayPublisher(
      outputCount: outputs.count, label: "virtio-gpu display", largest: largest)
    let directory = OutputDirectory(outputs, largest: largest)
    let display = Display(
      outputs: directory, memory: memory, limits: limits, budget: budget, publisher: publisher,
      now: now)
    guard
      let handler = RequestHandler(
        display: display,
        decoder: RequestDecoder(limits: limits, hasHostVisibleMemory: hostVisibleMemory > 0),
        budget: budget, counters: counters, log: log.map { RefusalLog($0) })
    else { throw HostError(operation: "buffers of the GPU device", errno: 12) }  // ENOMEM
    self.handler = handler
    self.publisher = publisher
    self.budget = budget
    self.outputs = directory
    sharedMemory =
      hostVisibleMemory == 0
      ? [] : [SharedMemoryRegion(id: Self.hostVisibleID, size: hostVisibleMemory)]
    wishes = Lock(Wishes(preferences: outputs))
    publisher.whenLimitsChange { [weak self] in self?.followLimits() }
  }

  /// Attaches a front-end; it hears of changes until it detaches. Any thread may call.
  ///
  /// - Throws: `InterfaceMismatch` when it was built for another interface or another major version.
  public func attach(_ frontEnd: any DisplayFrontEnd) throws(InterfaceMismatch) -> any DisplayChannel {
    try publisher.attach(frontEnd)
  }

  /// What the guest shows on each output at the moment. Any thread may ask.
  public var outputDescriptions: [OutputDescription] { publisher.descriptions }

  /// What a guest is told of each output at the moment: what the host wants, as far as it can be shown. Any thread may
  /// ask.
  public var outputPreferences: [OutputPreference] { outputs.preferences }

  /// Says how a change of the device's configuration is made, so that its event is there when the driver is told
  /// (`DeviceState.changeConfiguration`).
  package func announceChanges(through announce: @escaping @Sendable (_ change: () -> Void) -> Void) {
    wishes.withLock { $0.announce = announce }
  }

  /// Changes what the host wants of outputs, which exist, in one step. What cannot be shown is lowered, for as long as it
  /// cannot.
  package func setOutputs(_ changes: [(index: Int, preference: OutputPreference)]) {
    wishes.withLock { wishes in
      for (index, preference) in changes {
        precondition(wishes.preferences.indices ~= index, "there is no such output")
        wishes.preferences[index] = preference
      }
      follow(wishes)
    }
  }

  /// A front-end with limits has come or gone.
  private func followLimits() { wishes.withLock { follow($0) } }

  /// Brings what a guest is told in line with what is wanted and what can be shown; under the lock of the wishes, so
  /// that the last one to change either of them counts.
  private func follow(_ wishes: Wishes) {
    let told = outputs.preferences
    var changes: [(index: Int, preference: OutputPreference, edid: EDID)] = []
    for (index, wish) in wishes.preferences.enumerated() {
      let largest = publisher.largestPicture(ofOutput: index)
      let preference = wish.lowered(to: largest)
      let edid = EDID(mode: preference.mode, index: index, largest: largest)
      guard told[index] != preference || outputs.edid(index) != edid else { continue }
      changes.append((index, preference, edid))
    }
    if !changes.isEmpty { wishes.announce { outputs.set(changes) } }
  }

  /// How many requests of a kind were refused since the device was made. Any thread may ask.
  public func refusals(_ kind: RefusalKind) -> UInt64 { counters[kind] }

  /// How many requests of each kind were refused; kinds that did not occur are absent.
  public var refusals: [RefusalKind: UInt64] {
    let counts = RefusalKind.allCases.map { ($0, counters[$0]) }.filter { $0.1 > 0 }
    return Dictionary(uniqueKeysWithValues: counts)
  }

  /// What the display holds and what was asked of it. On the device's thread, between two requests.
  package var snapshot: GPUSnapshot { handler.snapshot }

  /// Bytes that the guest makes the device hold at the moment. Any thread may ask.
  public var memoryInUse: UInt64 { budget.inUse }
}

extension GPUDevice {
  /// VIRTIO_GPU_SHM_ID_HOST_VISIBLE (virtio 1.4 §5.7.5)
  private static let hostVisibleID: UInt8 = 1

  /// GPU (virtio 1.4 §5.7.1).
  package var deviceID: UInt16 { 16 }

  /// VIRTIO_GPU_F_EDID
  package static let edidFeature = FeatureSet(bit: 1)

  /// VIRTIO_GPU_F_RESOURCE_UUID
  package static let uuidFeature = FeatureSet(bit: 2)
  /// VIRTIO_GPU_F_RESOURCE_BLOB
  package static let blobFeature = FeatureSet(bit: 3)
  /// VIRTIO_GPU_F_BLOB_ALIGNMENT; requires `blobFeature` (virtio 1.4 §5.7.3).
  package static let blobAlignmentFeature = FeatureSet(bit: 5)

  /// What the sizes of blobs are multiples of, once `blobAlignmentFeature` was negotiated: a page.
  static let blobAlignment: UInt32 = 4096

  /// What there is without 3D.
  package var offeredFeatures: FeatureSet {
    [Self.edidFeature, Self.uuidFeature, Self.blobFeature, Self.blobAlignmentFeature]
  }

  /// Control and cursor queue.
  package var queueSizes: [UInt16] { [256, 64] }

  /// Bytes of `struct virtio_gpu_config`.
  package var configurationSize: Int { 20 }

  /// `events_read`, `events_clear`, `num_scanouts`, `num_capsets`, `blob_alignment` (virtio 1.4 §5.7.4).
  package func readConfiguration(at offset: Int, into bytes: inout MutableRawSpan) {
    let fields: InlineArray<5, UInt32> = [
      outputs.hasNews ? Self.displayEvent : 0, 0, UInt32(outputs.count), 0, Self.blobAlignment,
    ]
    for index in 0..<bytes.byteCount {
      let place = offset + index
      let value = UInt8(truncatingIfNeeded: fields[place / 4] >> UInt32(place % 4 * 8))
      bytes.storeBytes(of: value, toByteOffset: index, as: UInt8.self)
    }
  }

  /// A one in `events_clear` clears the event in `events_read`, unless there is another already; the rest is
  /// read-only.
  package func writeConfiguration(at offset: Int, _ bytes: RawSpan) {
    var cleared: UInt32 = 0
    for index in 0..<bytes.byteCount where 4..<8 ~= offset + index {
      // Inside the span, and every bit pattern is a byte.
      let byte = unsafe bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self)
      cleared |= UInt32(byte) << UInt32((offset + index - 4) * 8)
    }
    if cleared & Self.displayEvent != 0 { outputs.acknowledge() }
  }

  /// VIRTIO_GPU_EVENT_DISPLAY
  private static let displayEvent: UInt32 = 1

  package func process(
    _ chain: consuming DescriptorChain, from queue: Virtqueue, in access: borrowing GuestAccess
  ) {
    guard let kind = RequestQueue(rawValue: queue.index) else {
      preconditionFailure("VirtioCore has only the queues of queueSizes")
    }
    handler.handle(chain, from: queue, on: kind, in: access)
  }

  package func reset() {
    handler.reset()
    // Whoever comes next asks for the displays before anything else (virtio 1.4 §5.7.5).
    outputs.forgetNews()
  }
}
