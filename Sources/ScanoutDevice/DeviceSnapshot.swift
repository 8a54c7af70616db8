public import VirtioInput
public import VirtioGPU
public import VirtioPCI

/// A device at one moment: what a person sees who asks what state it is in.
///
/// A copy, bounded by what the device holds: its queues, and a GPU's resources up to the limit of them. Taking one
/// changes nothing that the guest could see. What only the device's thread knows is missing when that thread was at one
/// buffer for too long: `function.virtio.isBusy` says so, and `detail` is nil.
public struct DeviceSnapshot: Sendable, Equatable {
  /// The function: the bus, the registers, the queues.
  public let function: FunctionSnapshot
  /// What is the kind of device's own; nil when the device's thread was busy.
  public let detail: Detail?
  /// A GPU's refused requests by cause; those that did not occur are absent. Known of a busy device too.
  public package(set) var refusals: [RefusalKind: UInt64] = [:]

  /// What a kind of device has of its own.
  public enum Detail: Sendable, Equatable {
    /// A display.
    case gpu(GPUSnapshot)
    /// A keyboard, pointer or touchscreen.
    case input(InputSnapshot)
    /// Random bytes handed out.
    case entropy(byteCount: UInt64)
  }

  /// How long an inspector waits for the device's thread unless told otherwise.
  public static let patienceInMilliseconds = 1000

  init(
    _ function: VirtioPCIFunction, withinMilliseconds milliseconds: Int,
    _ detail: @escaping @Sendable () -> Detail
  ) {
    (self.function, self.detail) = function.inspect(withinMilliseconds: milliseconds, detail)
  }
}

extension DisplayDevice {
  /// The device as it is now. Any thread may ask, but none that a front-end or the log is called on.
  ///
  /// - Parameter milliseconds: how long to wait for the request that the device's thread has in hand.
  public func inspect(
    withinMilliseconds milliseconds: Int = DeviceSnapshot.patienceInMilliseconds
  ) -> DeviceSnapshot {
    var snapshot = DeviceSnapshot(virtioFunction, withinMilliseconds: milliseconds) { [gpu] in
      .gpu(gpu.snapshot)
    }
    snapshot.refusals = gpu.refusals
    return snapshot
  }
}

extension RandomDevice {
  /// The device as it is now; as `DisplayDevice.inspect`.
  public func inspect(
    withinMilliseconds milliseconds: Int = DeviceSnapshot.patienceInMilliseconds
  ) -> DeviceSnapshot {
    DeviceSnapshot(virtioFunction, withinMilliseconds: milliseconds) { [entropy] in
      .entropy(byteCount: entropy.byteCount)
    }
  }
}

extension InputFunction {
  /// The device as it is now; as `DisplayDevice.inspect`.
  func inspect(withinMilliseconds milliseconds: Int) -> DeviceSnapshot {
    DeviceSnapshot(function, withinMilliseconds: milliseconds) { [device] in .input(device.snapshot) }
  }
}

extension KeyboardDevice {
  /// The device as it is now; as `DisplayDevice.inspect`.
  public func inspect(
    withinMilliseconds milliseconds: Int = DeviceSnapshot.patienceInMilliseconds
  ) -> DeviceSnapshot { input.inspect(withinMilliseconds: milliseconds) }
}

extension PointerDevice {
  /// The device as it is now; as `DisplayDevice.inspect`.
  public func inspect(
    withinMilliseconds milliseconds: Int = DeviceSnapshot.patienceInMilliseconds
  ) -> DeviceSnapshot { input.inspect(withinMilliseconds: milliseconds) }
}

extension TouchDevice {
  /// The device as it is now; as `DisplayDevice.inspect`.
  public func inspect(
    withinMilliseconds milliseconds: Int = DeviceSnapshot.patienceInMilliseconds
  ) -> DeviceSnapshot { input.inspect(withinMilliseconds: milliseconds) }
}
