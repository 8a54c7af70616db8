import CKVM
import Glibc

/// A call to KVM that failed.
struct KVMError: Error, CustomStringConvertible {
  let call: String
  let errno: CInt

  var description: String { "KVM: \(call): \(unsafe String(cString: strerror(errno)))" }

  /// A call's result; throws what it says when it is negative.
  @discardableResult
  static func check(_ result: CInt, _ call: String) throws(KVMError) -> CInt {
    guard result >= 0 else { throw KVMError(call: call, errno: -result) }
    return result
  }
}

/// This machine cannot run a guest: what the command ends with when KVM is missing.
struct NoKVM: Error, CustomStringConvertible {
  let description: String
}

/// The host's KVM.
final class KVM: Sendable {
  let descriptor: CInt

  /// What a machine here is built from, by the names of their capabilities.
  private static let needs: [(name: String, capability: CInt)] = [
    ("KVM_CAP_IRQCHIP", KVM_CAP_IRQCHIP), ("KVM_CAP_PIT2", KVM_CAP_PIT2),
    ("KVM_CAP_IOEVENTFD", KVM_CAP_IOEVENTFD),
    ("KVM_CAP_IOEVENTFD_ANY_LENGTH", KVM_CAP_IOEVENTFD_ANY_LENGTH),
    ("KVM_CAP_IRQFD", KVM_CAP_IRQFD), ("KVM_CAP_IRQ_ROUTING", KVM_CAP_IRQ_ROUTING),
    ("KVM_CAP_EXT_CPUID", KVM_CAP_EXT_CPUID), ("KVM_CAP_IMMEDIATE_EXIT", KVM_CAP_IMMEDIATE_EXIT),
    ("KVM_CAP_SET_IDENTITY_MAP_ADDR", KVM_CAP_SET_IDENTITY_MAP_ADDR),
  ]

  /// Opens it and makes sure of what it can do.
  init(path: String = "/dev/kvm") throws(NoKVM) {
    descriptor = unsafe ckvm_open(path)  // a string of C for the time of the call
    guard descriptor >= 0 else {
      let why = unsafe String(cString: strerror(-descriptor))
      throw NoKVM(description: "\(path) cannot be opened: \(why); \(Self.advice(-descriptor))")
    }
    let version = ckvm_api_version(descriptor)
    guard version == KVM_API_VERSION else {
      throw NoKVM(description: "\(path) is no KVM of version \(KVM_API_VERSION): it says \(version)")
    }
    let missing = Self.needs.filter { ckvm_check(descriptor, $0.capability) <= 0 }.map(\.name)
    guard missing.isEmpty else {
      throw NoKVM(description: "\(path) has no \(missing.joined(separator: ", no "))")
    }
  }

  deinit { close(descriptor) }

  /// What helps when it cannot be opened for this reason.
  static func advice(_ errno: CInt) -> String {
    switch errno {
    case ENOENT: "load the module kvm_amd or kvm_intel, and turn virtualization on in the firmware"
    case EACCES, EPERM: "join the group kvm, or run this as root"
    default: "another program may hold the processor's virtualization"
    }
  }
}
