import CKVM
import Glibc
import MachineModel
import Synchronization

/// A processor of the guest and the thread that it runs on.
@safe
final class Processor: @unchecked Sendable {
  // Sendable: after `start` the processor is its thread's, and `stop` uses what is made for other threads.

  /// Why a processor does not go on.
  enum End: Sendable {
    /// It was told to stop.
    case stopped
    /// A fault while handling a fault while handling a fault: how systems reset a machine when nothing else works.
    case tripleFault
    /// KVM cannot run it.
    case failed(String)
  }

  private let machine: VirtualMachine
  private let number: Int
  private let descriptor: CInt
  private let run: UnsafeMutableRawPointer
  private let chipset: Chipset
  private var thread: HostedThread?
  private let isStopping = Atomic(false)

  init(_ machine: VirtualMachine, number: Int, chipset: Chipset) throws(KVMError) {
    self.machine = machine
    self.number = number
    self.chipset = chipset
    descriptor = try KVMError.check(
      ckvm_create_processor(machine.descriptor, UInt32(number)), "KVM_CREATE_VCPU")
    try KVMError.check(
      ckvm_set_identity(machine.kvm.descriptor, descriptor, UInt32(number)), "KVM_SET_CPUID2")
    guard let run = unsafe ckvm_map_run(machine.kvm.descriptor, descriptor) else {
      throw KVMError(call: "KVM_GET_VCPU_MMAP_SIZE", errno: errno)
    }
    unsafe self.run = run
  }

  /// Puts it where the kernel begins; the others wait until a kernel starts them.
  func prepare(_ start: ProcessorStart) throws(KVMError) {
    let result = ckvm_start_flat(
      descriptor, AddressMap.descriptorTable, start.entry, start.eax, start.ebx, start.esi)
    try KVMError.check(result, "KVM_SET_SREGS")
  }

  /// Runs it on a thread of its own.
  ///
  /// - Parameter whenOver: called on that thread in the end.
  func start(whenOver: @escaping @Sendable (End) -> Void) throws {
    thread = try HostedThread(name: "processor \(number)") { whenOver(self.work()) }
  }

  /// Stops it; returns when its thread has ended.
  func stop() {
    guard let thread else { return }
    isStopping.store(true, ordering: .sequentiallyConsistent)
    unsafe ckvm_kick(run, thread.handle)  // mapped for the life of the process
    thread.join()
    self.thread = nil
  }

  private func work() -> End {
    while true {
      let result = ckvm_run(descriptor)
      guard result >= 0 else {
        switch -result {
        case EINTR where isStopping.load(ordering: .sequentiallyConsistent): return .stopped
        // Somebody else's signal, or a processor that no kernel has started yet.
        case EINTR, EAGAIN: continue
        default: return .failed("\(KVMError(call: "KVM_RUN", errno: -result))")
        }
      }
      // What KVM has filled in, valid until it runs again.
      let exit = unsafe ckvm_exit_of(run)
      switch Int32(exit.reason) {
      case KVM_EXIT_IO: exchangePort(exit)
      case KVM_EXIT_MMIO: exchangeMemory(exit)
      case KVM_EXIT_INTR, KVM_EXIT_IRQ_WINDOW_OPEN: break
      case KVM_EXIT_SHUTDOWN: return .tripleFault
      case KVM_EXIT_INTERNAL_ERROR:
        return .failed(
          "KVM cannot run what the guest does (KVM_EXIT_INTERNAL_ERROR \(exit.address)); "
            + "some machines' KVM runs guests of 16 and 32 bits only")
      default:
        return .failed("KVM stopped for reason \(exit.reason), 0x\(String(exit.address, radix: 16))")
      }
    }
  }

  /// One access or a whole row of them (`rep outsb`); width and count are KVM's.
  private func exchangePort(_ exit: ckvm_exit) {
    let port = UInt16(truncatingIfNeeded: exit.address), width = Int(exit.width)
    for index in 0..<exit.count {
      // The row lies in the page that KVM shares.
      if exit.is_write {
        chipset.writePort(port, width: width, unsafe ckvm_value(run, exit, index))
      } else {
        unsafe ckvm_answer(run, exit, index, chipset.readPort(port, width: width))
      }
    }
  }

  private func exchangeMemory(_ exit: ckvm_exit) {
    let width = min(max(Int(exit.width), 1), 8)
    // Eight bytes in what KVM shares.
    if exit.is_write {
      chipset.writeMemory(at: exit.address, width: width, unsafe ckvm_value(run, exit, 0))
    } else {
      unsafe ckvm_answer(run, exit, 0, chipset.readMemory(at: exit.address, width: width))
    }
  }
}

/// A POSIX thread.
final class HostedThread {
  let handle: pthread_t

  private final class Start {
    let name: String
    let body: @Sendable () -> Void
    init(name: String, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }

  /// Starts `body`; `join` has to be called.
  init(name: String, _ body: @escaping @Sendable () -> Void) throws {
    let start = unsafe Unmanaged.passRetained(Start(name: name, body: body))
    var handle = pthread_t()
    // The box is consumed once: by the thread, or below when there is none.
    let result = unsafe pthread_create(
      &handle, nil,
      { argument in
        let start = unsafe Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
        unsafe ckvm_name_thread(start.name)
        start.body()
        return nil
      }, start.toOpaque())
    guard result == 0 else {
      unsafe start.release()
      throw KVMError(call: "pthread_create", errno: result)
    }
    self.handle = handle
  }

  /// Waits until the body has returned.
  func join() { _ = pthread_join(handle, nil) }
}
