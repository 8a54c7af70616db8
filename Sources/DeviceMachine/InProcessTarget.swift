import Conformance
import GuestDriver
import GuestRAM
import PCIBus

/// A device in this process for the conformance suite.
package final class InProcessTarget: ConformanceTarget {
  package let name: String
  private let makeDevice: (GuestMemory) throws -> Device
  /// Of the present mount.
  private var device: Device?

  /// A device, and what can be done with it beside driving it.
  package struct Device {
    let function: any PCIFunction
    let viewer: DisplayViewer?
    let change: (() -> Void)?

    /// - Parameters:
    ///   - viewer: looks at what it shows, if it shows something.
    ///   - change: makes it change its configuration, another way each time, if it can.
    package init(_ function: any PCIFunction, viewer: DisplayViewer? = nil, change: (() -> Void)? = nil) {
      self.function = function
      self.viewer = viewer
      self.change = change
    }
  }

  /// - Parameters:
  ///   - name: what the report calls it.
  ///   - makeDevice: makes a device over a map of guest memory, anew for each mount.
  package init(name: String = "in-process", _ makeDevice: @escaping (GuestMemory) throws -> Device) {
    self.name = name
    self.makeDevice = makeDevice
  }

  package var hidden: [Observable: String] {
    device?.change == nil
      ? [.configurationChange: "nothing here makes the device change its configuration"] : [:]
  }

  package func mount() throws -> Mount {
    let memory = GuestMemory()
    let device = try makeDevice(memory)
    self.device = device
    let machine = try InProcessMachine(device.function, memory: memory)
    return Mount(machine: machine, ram: try Self.mapMemory(to: machine))
  }

  package func changeConfiguration() throws {
    guard let change = device?.change else { throw NotObservable("nothing here changes it") }
    change()
  }

  package func picture(scanout: Int) throws -> ScreenPicture? { try attachedViewer.picture(scanout: scanout) }

  package func cursor(scanout: Int) throws -> ScreenCursor? { try attachedViewer.cursor(scanout: scanout) }

  private var attachedViewer: DisplayViewer {
    get throws {
      guard let viewer = device?.viewer else { throw NotObservable("the device shows nothing") }
      return viewer
    }
  }
}
