import Conformance
import GuestDriver
import GuestRAM
import PCIBus

/// A device in this process for the conformance suite.
package final class InProcessTarget: ConformanceTarget {
  private let makeFunction: (GuestMemory) throws -> any PCIFunction

  /// - Parameter makeFunction: makes a device over a map of guest memory, anew for each mount.
  package init(_ makeFunction: @escaping (GuestMemory) throws -> any PCIFunction) {
    self.makeFunction = makeFunction
  }

  package let name = "in-process"

  package var hidden: [Observable: String] {
    [.configurationChange: "nothing here makes the device change its configuration"]
  }

  package func mount() throws -> Mount {
    let memory = GuestMemory()
    let machine = try InProcessMachine(try makeFunction(memory), memory: memory)
    return Mount(machine: machine, ram: try Self.mapMemory(to: machine))
  }

  package func changeConfiguration() throws { throw NotObservable("nothing here changes it") }
}
