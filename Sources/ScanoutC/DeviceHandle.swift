import ScanoutDevice

/// What a device's handle stands for.
final class DeviceHandle: Sendable {
  enum Kind: Sendable {
    case display(DisplayDevice)
    case keyboard(KeyboardDevice)
    case pointer(PointerDevice)
    case touch(TouchDevice)
    case entropy(RandomDevice)
  }

  let kind: Kind
  let function: any PCIFunction

  init(_ kind: Kind) {
    self.kind = kind
    function =
      switch kind {
      case .display(let device): device.function
      case .keyboard(let device): device.function
      case .pointer(let device): device.function
      case .touch(let device): device.function
      case .entropy(let device): device.function
      }
  }

  var display: DisplayDevice {
    get throws(Refusal) {
      guard case .display(let device) = kind else { throw .wrongKind }
      return device
    }
  }

  var keyboard: KeyboardDevice {
    get throws(Refusal) {
      guard case .keyboard(let device) = kind else { throw .wrongKind }
      return device
    }
  }

  var pointer: PointerDevice {
    get throws(Refusal) {
      guard case .pointer(let device) = kind else { throw .wrongKind }
      return device
    }
  }

  var touch: TouchDevice {
    get throws(Refusal) {
      guard case .touch(let device) = kind else { throw .wrongKind }
      return device
    }
  }
}
