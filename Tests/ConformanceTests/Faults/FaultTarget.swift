import Conformance
import DeviceMachine
import GuestDriver
import GuestRAM
import PCIBus
import ScanoutDevice

/// A device in this process with a fault in it, for the suite.
final class FaultTarget: ConformanceTarget {
  let name = "faulty"
  private let setup: DeviceSetup
  private let effects: [FaultEffect]

  init(_ setup: DeviceSetup, _ effects: [FaultEffect] = []) {
    self.setup = setup
    self.effects = effects
  }

  var hidden: [Observable: String] {
    [.configurationChange: "nothing here makes the device change its configuration"]
  }

  func mount() throws -> Mount {
    let memory = GuestMemory()
    let function = FaultyFunction(try setup.makeFunction(memory), effects)
    let machine = try InProcessMachine(function, memory: memory)
    let ram = try Self.mapMemory(to: machine)
    function.ram = ram
    return Mount(machine: machine, ram: ram)
  }

  func changeConfiguration() throws { throw NotObservable("nothing here changes it") }
}

extension DeviceSetup {
  /// A right device, which works its rings on the thread that rings the doorbell.
  func makeFunction(_ memory: GuestMemory) throws -> any PCIFunction {
    var options = VirtioPCIOptions()
    options.transport = transport
    options.withheld = withheld
    switch kind {
    case .gpu:
      let outputs = [OutputMode(width: 640, height: 480), OutputMode(width: 800, height: 600)].compactMap(
        \.self)
      return try DisplayDevice(outputs: outputs, memory: memory, scheduling: .inline, pci: options).function
    case .entropy: return try RandomDevice(memory: memory, scheduling: .inline, pci: options).function
    }
  }
}
