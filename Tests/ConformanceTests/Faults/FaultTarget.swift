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
  /// Of the present mount.
  private var viewer: DisplayViewer?
  private var function: FaultyFunction?
  private let change = DisplayChange()

  init(_ setup: DeviceSetup, _ effects: [FaultEffect] = []) {
    self.setup = setup
    self.effects = effects
  }

  var hidden: [Observable: String] {
    setup.changesConfiguration
      ? [:] : [.configurationChange: "nothing here makes the device change its configuration"]
  }

  func mount() throws -> Mount {
    let memory = GuestMemory()
    let (device, viewer) = try setup.makeFunction(memory)
    self.viewer = viewer
    let function = FaultyFunction(device, (setup.changesConfiguration ? change.effects : []) + effects)
    self.function = function
    let machine = try InProcessMachine(function, memory: memory)
    let ram = try Self.mapMemory(to: machine)
    function.ram = ram
    return Mount(machine: machine, ram: ram)
  }

  func changeConfiguration() throws {
    guard let function else { throw NotObservable("there is no device yet") }
    change.happen(on: function)
    for case .changed(let follow) in effects { follow(function) }
  }

  func picture(scanout: Int) throws -> ScreenPicture? { try attachedViewer.picture(scanout: scanout) }

  func cursor(scanout: Int) throws -> ScreenCursor? { try attachedViewer.cursor(scanout: scanout) }

  private var attachedViewer: DisplayViewer {
    get throws {
      guard let viewer else { throw NotObservable("the device shows nothing") }
      return viewer
    }
  }
}

extension DeviceSetup {
  /// A right device, which works its rings on the thread that rings the doorbell, and who looks at it.
  func makeFunction(_ memory: GuestMemory) throws -> (any PCIFunction, DisplayViewer?) {
    var options = VirtioPCIOptions()
    options.transport = transport
    options.withheld = withheld
    switch kind {
    case .gpu:
      let outputs = [OutputMode(width: 640, height: 480), OutputMode(width: 800, height: 600)]
      let device = try DisplayDevice(
        outputs: outputs.compactMap(\.self), memory: memory, scheduling: .inline, pci: options,
        hostVisibleMemory: hostVisibleMemory)
      return (device.function, try DisplayViewer { try device.attach($0) })
    case .entropy: return (try RandomDevice(memory: memory, scheduling: .inline, pci: options).function, nil)
    }
  }
}
