import ArgumentParser
import DeviceControl
import DisplayModel
import FrontEndAPI
import FrontEndPNG
import GuestRAM
import Logging
import ScanoutDevice
import VfioUser

/// What `--device` takes.
enum DeviceKind: String, CaseIterable, ExpressibleByArgument {
  case gpu, entropy, keyboard, tablet, mouse, touch

  /// Whether virtio gives it a legacy interface, or we do.
  var canBeLegacy: Bool { self == .gpu || self == .entropy }
}

/// A device that a VMM is to get, of whatever kind: its function, and the memory that it reads and writes.
struct ServedDevice: Sendable {
  let function: any PCIFunction
  let memory: GuestMemory
  /// Looks into it, for so many milliseconds at most.
  let inspect: @Sendable (Int) -> DeviceSnapshot
  /// The display that further front-ends may attach to; nil for a device that has none.
  var display: DisplayDevice?

  /// A virtio GPU.
  ///
  /// - Parameters:
  ///   - outputs: what is wanted of 1 to 16 outputs.
  ///   - limits: what the guest may make it hold and show.
  ///   - hostVisibleMemory: bytes of the region for blobs of host memory; 0: there is none.
  ///   - fences: when flushes with a fence are answered.
  ///   - pictures: attached to it; to be detached by the caller.
  ///   - bus: how it appears to the guest.
  static func gpu(
    outputs: [OutputPreference], limits: DisplayLimits = DisplayLimits(), hostVisibleMemory: UInt64 = 0,
    fences: FlushFences = .now, shownBy pictures: PictureFrontEnd,
    bus: VirtioPCIOptions = VirtioPCIOptions(), logger: Logger
  ) throws -> ServedDevice {
    let device = try DisplayDevice(
      outputs: outputs, memory: GuestMemory(), pci: bus, limits: limits, hostVisibleMemory: hostVisibleMemory,
      fences: fences
    ) { refused in
      logger.notice(
        "a request of the guest was refused",
        metadata: [
          "reason": "\(refused.kind)", "type": "0x\(String(refused.type, radix: 16))",
          "queue": "\(refused.queue)", "unlogged": "\(refused.suppressed)",
        ])
    }
    // The front-end keeps the channel.
    _ = try device.attach(pictures)
    return ServedDevice(
      function: device.function, memory: device.memory, inspect: { device.inspect(withinMilliseconds: $0) },
      display: device)
  }

  /// A virtio entropy device.
  static func entropy(bus: VirtioPCIOptions) throws -> ServedDevice {
    let device = try RandomDevice(memory: GuestMemory(), pci: bus)
    return ServedDevice(
      function: device.function, memory: device.memory, inspect: { device.inspect(withinMilliseconds: $0) })
  }

  /// The device of a kind, which is also put where the control socket finds it.
  static func make(
    _ kind: DeviceKind, outputs: [OutputPreference], gpu options: GPUOptions, bus: VirtioPCIOptions,
    in asked: inout ControlResponder, logger: Logger
  ) throws -> ServedDevice {
    switch kind {
    case .gpu:
      let pictures = PictureFrontEnd()
      asked.frontEnd = pictures
      let served = try gpu(
        outputs: outputs, limits: options.limits,
        hostVisibleMemory: options.hostVisibleMemory?.byteCount ?? 0, fences: options.fences ?? .now,
        shownBy: pictures,
        bus: bus, logger: logger)
      asked.gpu = served.display
      return served
    case .entropy: return try entropy(bus: bus)
    case .keyboard:
      let device = try KeyboardDevice(memory: GuestMemory(), pci: bus)
      asked.keyboard = device
      return ServedDevice(
        function: device.function, memory: device.memory, inspect: { device.inspect(withinMilliseconds: $0) })
    case .tablet:
      let device = try PointerDevice(.tablet, memory: GuestMemory(), pci: bus)
      asked.tablet = device
      return ServedDevice(
        function: device.function, memory: device.memory, inspect: { device.inspect(withinMilliseconds: $0) })
    case .mouse:
      let device = try PointerDevice(.mouse, memory: GuestMemory(), pci: bus)
      asked.mouse = device
      return ServedDevice(
        function: device.function, memory: device.memory, inspect: { device.inspect(withinMilliseconds: $0) })
    case .touch:
      let device = try TouchDevice(memory: GuestMemory(), pci: bus)
      asked.touch = device
      return ServedDevice(
        function: device.function, memory: device.memory, inspect: { device.inspect(withinMilliseconds: $0) })
    }
  }

  /// Listens at a path; VMMs may connect when this returns and are served by `Server.run`.
  func listen(at path: String, logger: Logger) throws -> Server {
    // A VMM may hand over a file without a seal and shrink it.
    try BusFaultGuard.install()
    return try Server(path: path, function: function, memory: memory, logger: logger)
  }
}
