import CKVM
import Glibc
import MachineModel
import Synchronization

/// KVM's part of a machine: memory slots, interrupt controllers, the timer.
final class VirtualMachine: Sendable {
  let kvm: KVM
  let descriptor: CInt
  let memory: MachineMemory
  private let lines = Mutex<[Int: Int]>([:])

  /// A machine with this memory and no processor.
  init(_ kvm: KVM, memory: MachineMemory) throws {
    self.kvm = kvm
    self.memory = memory
    descriptor = try KVMError.check(ckvm_create_machine(kvm.descriptor), "KVM_CREATE_VM")
    try KVMError.check(
      ckvm_create_chips(descriptor, AddressMap.identityMap, AddressMap.taskState), "KVM_CREATE_IRQCHIP")
    for (slot, block) in zip(UInt32(0)..., memory.blocks) {
      // Mapped for as long as `memory` lives, which is longer than the descriptor is open.
      let result = unsafe ckvm_set_memory(
        descriptor, slot, block.range.lowerBound, UInt64(block.range.count), block.host)
      try KVMError.check(result, "KVM_SET_USER_MEMORY_REGION")
    }
  }

  deinit { close(descriptor) }

  /// One of those that share an interrupt line raises it or lets it go; the line is high while anybody raises it.
  func setLine(_ line: Int, isHigh: Bool) {
    lines.withLock { raised in
      let before = raised[line, default: 0]
      let after = max(0, before + (isHigh ? 1 : -1))
      raised[line] = after
      guard (before > 0) != (after > 0) else { return }
      // KVM refuses lines that it does not have, and there are none of those here.
      _ = ckvm_set_line(descriptor, UInt32(line), after > 0)
    }
  }
}
