/// One write of a driver's to the common configuration, with a value at an edge of what is allowed.
struct RegisterAction: Sendable, CustomStringConvertible {
  enum Register: Sendable {
    case deviceSelect, driverSelect, driverFeature, configVector, status, queueSelect, queueSize, queueVector
    case queueEnable, queueReset, descriptors, descriptorsHigh, driver, device
    /// What only the device may change.
    case deviceFeature, queueCount, generation, notifyOffset, notifyData, adminQueues

    var place: (offset: UInt64, width: Int) {
      switch self {
      case .deviceSelect: (0x00, 4)
      case .deviceFeature: (0x04, 4)
      case .driverSelect: (0x08, 4)
      case .driverFeature: (0x0c, 4)
      case .configVector: (0x10, 2)
      case .queueCount: (0x12, 2)
      case .status: (0x14, 1)
      case .generation: (0x15, 1)
      case .queueSelect: (0x16, 2)
      case .queueSize: (0x18, 2)
      case .queueVector: (0x1a, 2)
      case .queueEnable: (0x1c, 2)
      case .notifyOffset: (0x1e, 2)
      case .descriptors: (0x20, 8)
      case .descriptorsHigh: (0x24, 4)
      case .driver: (0x28, 8)
      case .device: (0x30, 8)
      case .notifyData: (0x38, 2)
      case .queueReset: (0x3a, 2)
      case .adminQueues: (0x3c, 4)
      }
    }
  }

  let register: Register
  let value: UInt64

  init(_ register: Register, _ value: UInt64) {
    self.register = register
    self.value = value
  }

  var description: String { "\(register)=0x\(String(value, radix: 16))" }

  private static func values(_ register: Register, _ values: UInt64...) -> [RegisterAction] {
    values.map { RegisterAction(register, $0) }
  }

  /// Every write that is tried.
  static let all: [RegisterAction] =
    values(.deviceSelect, 1, 0xffff_ffff) + values(.driverSelect, 1, 2)
    + values(.driverFeature, 0, 0x3000_0001, 0xffff_ffff, 0x1, 0x9db, 0x9df)
    + values(.configVector, 2, 3) + values(.status, 0, 1, 3, 0x0b, 0x0f, 0x1f, 0x50, 0x80)
    + values(.queueSelect, 0, 1, 2, 0xffff) + values(.queueSize, 0, 1, 3, 5)
    + values(.queueVector, 2, 3) + values(.queueEnable, 0, 1, 2) + values(.queueReset, 0, 1)
    + values(.descriptors, RegisterBench.base, RegisterBench.base + 8, .max & ~0xf)
    + values(.descriptorsHigh, 1)
    + values(.driver, RegisterBench.base + 0x1000, RegisterBench.base + 0x1002, .max & ~0x3)
    + values(.device, RegisterBench.base + 0x2000, RegisterBench.base + 0x2002)
    + values(.deviceFeature, .max) + values(.queueCount, .max) + values(.generation, .max)
    + values(.notifyOffset, .max) + values(.notifyData, .max) + values(.adminQueues, .max)

  /// Accepts these features and sets FEATURES_OK.
  static func agree(_ high: UInt64) -> [RegisterAction] {
    values(.status, 3) + values(.driverFeature, 0x3000_0001) + values(.driverSelect, 1)
      + values(.driverFeature, high) + values(.status, 0x0b)
  }

  /// Gives the selected queue a ring where memory is, and enables it.
  static let enable: [RegisterAction] =
    values(.descriptors, RegisterBench.base) + values(.driver, RegisterBench.base + 0x1000)
    + values(.device, RegisterBench.base + 0x2000) + values(.queueEnable, 1)

  /// Where the exploration starts, so that four writes reach every corner of a device's life.
  static let starts: [(name: String, path: [RegisterAction])] = [
    ("after power-on", []),
    ("split rings agreed on", agree(0x9db)),
    ("packed rings agreed on", agree(0x9df)),
    ("a queue enabled", agree(0x9db) + enable),
    ("at work, split", agree(0x9db) + enable + values(.status, 0x0f)),
    ("at work, packed", agree(0x9df) + enable + values(.status, 0x0f)),
    ("suspended", agree(0x9db) + enable + values(.status, 0x0f, 0x1f)),
  ]
}
