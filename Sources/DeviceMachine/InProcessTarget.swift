import Conformance
import GuestDriver
import GuestRAM
import PCIBus

/// A device in this process for the conformance suite.
package final class InProcessTarget: ConformanceTarget {
  package let name: String
  private let makeFunction: (GuestMemory) throws -> any PCIFunction

  /// - Parameters:
  ///   - name: what the report calls it.
  ///   - makeFunction: makes a device over a map of guest memory, anew for each mount.
  package init(
    name: String = "in-process", _ makeFunction: @escaping (GuestMemory) throws -> any PCIFunction
  ) {
    self.name = name
    self.makeFunction = makeFunction
  }

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
