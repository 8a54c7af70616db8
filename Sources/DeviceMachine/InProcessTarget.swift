import Conformance
import GuestDriver
import GuestRAM
import PCIBus

/// A device in this process for the conformance suite.
package final class InProcessTarget: ConformanceTarget {
  package let name: String
  private let makeFunction: (GuestMemory) throws -> (any PCIFunction, DisplayViewer?)
  /// Of the present mount.
  private var viewer: DisplayViewer?

  /// - Parameters:
  ///   - name: what the report calls it.
  ///   - makeFunction: makes a device over a map of guest memory, anew for each mount, and whoever looks at it if it
  ///     shows something.
  package init(
    name: String = "in-process",
    _ makeFunction: @escaping (GuestMemory) throws -> (any PCIFunction, DisplayViewer?)
  ) {
    self.name = name
    self.makeFunction = makeFunction
  }

  package var hidden: [Observable: String] {
    [.configurationChange: "nothing here makes the device change its configuration"]
  }

  package func mount() throws -> Mount {
    let memory = GuestMemory()
    let (function, viewer) = try makeFunction(memory)
    self.viewer = viewer
    let machine = try InProcessMachine(function, memory: memory)
    return Mount(machine: machine, ram: try Self.mapMemory(to: machine))
  }

  package func changeConfiguration() throws { throw NotObservable("nothing here changes it") }

  package func picture(scanout: Int) throws -> ScreenPicture? { try attachedViewer.picture(scanout: scanout) }

  package func cursor(scanout: Int) throws -> ScreenCursor? { try attachedViewer.cursor(scanout: scanout) }

  private var attachedViewer: DisplayViewer {
    get throws {
      guard let viewer else { throw NotObservable("the device shows nothing") }
      return viewer
    }
  }
}
