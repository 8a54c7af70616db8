public import CScanout
import Glibc
import ScanoutDevice

/// `scanout_display_create`; see `scanout.h`, as for every function here.
@c @implementation
public func scanout_display_create(
  _ memory: OpaquePointer?, _ options: UnsafePointer<scanout_display_options>?,
  _ device: UnsafeMutablePointer<OpaquePointer?>?
) -> CInt {
  result { () throws(Refusal) in
    let memory = try unsafe object(memory, GuestMemory.self)
    let target = try unsafe HandleTarget(device)
    target.give(try unsafe DeviceHandle(display(memory, load(options))))
  }
}

private func display(
  _ memory: GuestMemory, _ options: scanout_display_options
) throws(Refusal) -> DeviceHandle.Kind {
  let flags = unsafe options.flags, hostVisibleMemory = unsafe options.host_visible_memory
  try unsafe check(flags: flags, known: SCANOUT_DISPLAY_FENCES_AT_REFRESH, reserved: options.reserved)
  guard hostVisibleMemory == 0 || isRegionSize(hostVisibleMemory) else { throw .invalid }
  let outputs = try unsafe preferences(options.outputs, count: options.output_count)
  let bus = try unsafe Bus(options.bus)
  let limits = try unsafe DisplayLimits(
    largestWidth: options.largest_width, options.largest_height, memory: options.memory_limit)
  let log = unsafe RefusalListener(options.refused, context: options.context).map(RefusalListener.hearing)
  return try refusing { () throws(HostError) in
    .display(
      try DisplayDevice(
        outputs: outputs, memory: memory, scheduling: bus.scheduling, pci: bus.options, limits: limits,
        hostVisibleMemory: hostVisibleMemory,
        fences: flags.has(SCANOUT_DISPLAY_FENCES_AT_REFRESH) ? .refresh : .now,
        log: log))
  }
}

/// `scanout_input_create`
@c @implementation
public func scanout_input_create(
  _ memory: OpaquePointer?, _ options: UnsafePointer<scanout_input_options>?,
  _ device: UnsafeMutablePointer<OpaquePointer?>?
) -> CInt {
  result { () throws(Refusal) in
    let memory = try unsafe object(memory, GuestMemory.self)
    let target = try unsafe HandleTarget(device)
    target.give(try unsafe DeviceHandle(input(memory, load(options))))
  }
}

private func input(
  _ memory: GuestMemory, _ options: scanout_input_options
) throws(Refusal) -> DeviceHandle.Kind {
  let bus = try unsafe Bus(options.bus), serial = try unsafe text(options.serial) ?? ""
  func pointer(_ kind: PointerDevice.Kind) throws(HostError) -> DeviceHandle.Kind {
    .pointer(
      try PointerDevice(
        kind, memory: memory, scheduling: bus.scheduling, pci: bus.options, serial: serial))
  }
  return try refusing { () throws(HostError) in
    switch unsafe Int(options.kind) {
    case SCANOUT_DEVICE_KEYBOARD:
      let lightsChanged = unsafe LightListener(options.lights_changed, context: options.context)
        .map(LightListener.hearing)
      return .keyboard(
        try KeyboardDevice(
          memory: memory, scheduling: bus.scheduling, pci: bus.options, serial: serial,
          lightsChanged: lightsChanged))
    case SCANOUT_DEVICE_TABLET: return try pointer(.tablet)
    case SCANOUT_DEVICE_MOUSE: return try pointer(.mouse)
    case SCANOUT_DEVICE_TOUCH:
      return .touch(
        try TouchDevice(memory: memory, scheduling: bus.scheduling, pci: bus.options, serial: serial))
    default: throw HostError(operation: "make an input device of no kind", errno: EINVAL)
    }
  }
}

/// `scanout_entropy_create`
@c @implementation
public func scanout_entropy_create(
  _ memory: OpaquePointer?, _ bus: UnsafePointer<scanout_bus_options>?,
  _ device: UnsafeMutablePointer<OpaquePointer?>?
) -> CInt {
  result { () throws(Refusal) in
    let memory = try unsafe object(memory, GuestMemory.self)
    let bus = try unsafe Bus(bus)
    let target = try unsafe HandleTarget(device)
    let entropy = try refusing { () throws(HostError) in
      try RandomDevice(memory: memory, scheduling: bus.scheduling, pci: bus.options)
    }
    target.give(DeviceHandle(.entropy(entropy)))
  }
}

/// `scanout_device_destroy`
@c @implementation
public func scanout_device_destroy(_ device: OpaquePointer?) {
  guard let device = unsafe takeBack(device, DeviceHandle.self) else { return }
  device.function.connect(nil)
  // Turns the outputs off for front-ends that are still attached. The device's thread ends with the last reference.
  device.function.reset()
}

// MARK: Options

/// How a device appears, from C's options; NULL: the defaults.
private struct Bus {
  var options = VirtioPCIOptions()
  var scheduling = Scheduling.ownThread

  init(_ source: UnsafePointer<scanout_bus_options>?) throws(Refusal) {
    guard unsafe source != nil else { return }
    let wanted = try unsafe load(source)
    try check(
      flags: wanted.flags, known: SCANOUT_BUS_EXPRESS, SCANOUT_BUS_DOORBELL_PAGES, SCANOUT_BUS_INLINE,
      reserved: wanted.reserved)
    switch Int(wanted.transport) {
    case SCANOUT_TRANSPORT_MODERN: options.transport = .modern
    case SCANOUT_TRANSPORT_TRANSITIONAL: options.transport = .transitional
    case SCANOUT_TRANSPORT_LEGACY: options.transport = .legacy
    default: throw .invalid
    }
    options.placement = wanted.flags.has(SCANOUT_BUS_EXPRESS) ? .express : .conventional
    options.hasDoorbellPages = wanted.flags.has(SCANOUT_BUS_DOORBELL_PAGES)
    options.withheld = FeatureSet(rawValue: wanted.withheld_features)
    scheduling = wanted.flags.has(SCANOUT_BUS_INLINE) ? .inline : .ownThread
  }
}

/// What C wants of outputs.
func preferences(
  _ outputs: UnsafePointer<scanout_output>?, count: UInt32
) throws(Refusal) -> [OutputPreference] {
  var preferences: [OutputPreference] = []
  for output in try unsafe loadArray(outputs, count: count, atMost: 16) {
    try check(flags: output.flags, known: SCANOUT_OUTPUT_OFF)
    guard let mode = OutputMode(width: Int(output.width), height: Int(output.height)) else {
      throw .invalid
    }
    preferences.append(
      OutputPreference(
        mode: mode, x: output.x, y: output.y, isEnabled: !output.flags.has(SCANOUT_OUTPUT_OFF)))
  }
  return preferences
}

/// The sizes that a region of shared memory may have: a power of two from a page to 1 TiB.
private func isRegionSize(_ size: UInt64) -> Bool {
  size.nonzeroBitCount == 1 && (1 << 12)...(1 << 40) ~= size
}

extension DisplayLimits {
  /// A side of 0 together with the other one: any; memory of 0: as much as unless said otherwise.
  fileprivate init(largestWidth: UInt32, _ largestHeight: UInt32, memory: UInt64) throws(Refusal) {
    var largest: OutputMode?
    if largestWidth != 0 || largestHeight != 0 {
      largest = OutputMode(width: Int(largestWidth), height: Int(largestHeight))
      if largest == nil { throw .invalid }
    }
    if memory == 0 {
      self.init(largestMode: largest)
    } else {
      self.init(memory: memory, largestMode: largest)
    }
  }
}

// MARK: Callbacks

/// Who hears of refused requests.
@safe private final class RefusalListener: @unchecked Sendable {
  // Sendable: never changes, and the header says on which threads the callback comes.
  private let callback: @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<scanout_refusal>?) -> Void
  private let context: UnsafeMutableRawPointer?

  init?(
    _ callback: (@convention(c) (UnsafeMutableRawPointer?, UnsafePointer<scanout_refusal>?) -> Void)?,
    context: UnsafeMutableRawPointer?
  ) {
    guard let callback = unsafe callback else { return nil }
    unsafe self.callback = callback
    unsafe self.context = context
  }

  /// What calls it.
  static func hearing(_ listener: RefusalListener) -> @Sendable (RefusedRequest) -> Void {
    { listener.hear($0) }
  }

  private func hear(_ request: RefusedRequest) {
    unsafe "\(request.kind)".withCString { reason in
      var refusal = unsafe scanout_refusal.sized()
      unsafe refusal.request = request.type
      unsafe refusal.queue = UInt32(clamping: request.queue)
      unsafe refusal.suppressed = request.suppressed
      unsafe refusal.reason = reason
      // Both pointers live until the call returns.
      unsafe callback(context, &refusal)
    }
  }
}

/// Who hears of a keyboard's lights.
@safe private final class LightListener: @unchecked Sendable {
  // Sendable: as `RefusalListener`.
  private let callback: @convention(c) (UnsafeMutableRawPointer?, UInt32) -> Void
  private let context: UnsafeMutableRawPointer?

  init?(
    _ callback: (@convention(c) (UnsafeMutableRawPointer?, UInt32) -> Void)?,
    context: UnsafeMutableRawPointer?
  ) {
    guard let callback = unsafe callback else { return nil }
    unsafe self.callback = callback
    unsafe self.context = context
  }

  /// What calls it.
  static func hearing(_ listener: LightListener) -> @Sendable (KeyboardLights) -> Void {
    { listener.hear($0) }
  }

  private func hear(_ lights: KeyboardLights) {
    unsafe callback(context, UInt32(lights.rawValue))  // the header has the context outlive the device
  }
}
