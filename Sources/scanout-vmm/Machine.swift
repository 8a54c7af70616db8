import CKVM
import Glibc
import HostLoop
import MachineModel
import ScanoutDevice
import Synchronization

/// A whole machine: memory, processors, devices, a serial port.
final class Machine: Sendable {
  /// How it ended.
  enum Ending: Sendable {
    /// The guest wanted a reset, which is how a guest ends that knows of no other way.
    case reset
    /// A fault while handling a fault while handling a fault.
    case tripleFault
    case failed(String)
  }

  let devices: Devices
  private let memory: MachineMemory
  private let pci: PCIHost
  private let processors: [Processor]
  private let console: Console
  /// Rings doorbells, and reads standard input.
  private let loop: HostLoop
  private let doorbells: Doorbells?
  private let ending: EndingCell

  /// The first ending counts; all that know of it have this.
  final class EndingCell: Sendable {
    private let value = Mutex<Ending?>(nil)
    private let wake: @Sendable () -> Void
    init(wake: @escaping @Sendable () -> Void) { self.wake = wake }
    var ending: Ending? { value.withLock { $0 } }
    func end(_ ending: Ending) {
      value.withLock { if $0 == nil { $0 = ending } }
      wake()
    }
  }

  /// Puts a machine together; nothing runs yet.
  ///
  /// - Parameter wake: called on any thread when the machine has come to its end.
  init(_ options: MachineOptions, kvm: KVM, wake: @escaping @Sendable () -> Void) throws {
    try KVMError.check(ckvm_prepare_kicks(), "sigaction")
    memory = try MachineMemory(mebibytes: options.memory)
    let machine = try VirtualMachine(kvm, memory: memory)
    devices = try Devices(memory: try memory.share(), outputs: options.outputs, transport: options.transport)
    let loop = try HostLoop(name: "doorbells")
    self.loop = loop
    ending = EndingCell(wake: wake)

    let functions = devices.functions
    let follower = Follower()
    pci = PCIHost(functions, lines: Devices.lines) { follower.follow($0) }
    doorbells =
      options.hasEventDoorbells ? try Doorbells(of: pci.functions, machine, core: loop) : nil
    follower.target.withLock { [doorbells] in $0 = doorbells }
    let messages = try MessageRoutes(machine, count: functions.reduce(0) { $0 + $1.msixVectorCount })
    var route = 0
    for (function, line) in zip(functions, Devices.lines) {
      function.connect(FunctionInterrupts(machine, messages: messages, firstRoute: route, line: line))
      route += function.msixVectorCount
    }

    console = try Console(file: options.serialFile, machine: machine)
    let chipset = Chipset(pci: pci, serial: console.port) { [ending] in ending.end(.reset) }
    processors = try (0..<options.processors).map { number in
      try Processor(machine, number: number, chipset: chipset)
    }
    try processors[0].prepare(try options.load(into: memory))
    let table = ProcessorTable(
      processorCount: options.processors,
      pciLines: Dictionary(uniqueKeysWithValues: zip(1..., Devices.lines)))
    guard memory.write(table.bytes, at: AddressMap.processorTable) else {
      preconditionFailure("any memory is large enough")
    }
  }

  /// Lets it run.
  func start() throws {
    console.open(on: loop)
    for processor in processors {
      try processor.start { [ending] end in
        switch end {
        case .stopped: break
        case .tripleFault: ending.end(.tripleFault)
        case .failed(let why): ending.end(.failed(why))
        }
      }
    }
  }

  /// Stops it; returns when nothing runs any more. What the display shows stays.
  ///
  /// - Returns: how it ended; nil when it did not by itself.
  func stop() -> Ending? {
    for processor in processors { processor.stop() }
    loop.stop()
    return ending.ending
  }
}

/// Passes windows on to doorbells, which are made after the bus that they belong to.
private final class Follower: Sendable {
  let target = Mutex<Doorbells?>(nil)
  func follow(_ windows: [PCIHost.Window]) { target.withLock { $0 }?.follow(windows) }
}
