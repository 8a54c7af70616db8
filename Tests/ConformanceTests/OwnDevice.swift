import Conformance
import DeviceMachine
import Dispatch
import Glibc
import GuestRAM
import Logging
import PCIBus
import ScanoutDevice
import Synchronization
import Testing
@testable import VfioUser

/// This package's devices, as the tests need them.
enum OwnDevice {
  /// A GPU in this process, whose outputs are seen.
  static func inProcess(
    _ options: VirtioPCIOptions = VirtioPCIOptions(), outputs: Int = 2, scheduling: Scheduling = .ownThread,
    hostVisibleMemory: UInt64 = 0
  ) throws -> InProcessTarget {
    let mode = try #require(OutputMode(width: 640, height: 480))
    return InProcessTarget { memory in
      let device = try DisplayDevice(
        outputs: Array(repeating: mode, count: outputs), memory: memory, scheduling: scheduling, pci: options,
        hostVisibleMemory: hostVisibleMemory)
      return InProcessTarget.Device(
        device.function, viewer: try DisplayViewer { try device.attach($0) }, change: device.changeFirstOutput
      )
    }
  }

  /// An entropy device in this process.
  static func entropy(_ options: VirtioPCIOptions = VirtioPCIOptions()) -> InProcessTarget {
    InProcessTarget { .init(try RandomDevice(memory: $0, pci: options).function) }
  }
}

extension DisplayDevice {
  /// Gives output 0 another size than it has.
  func changeFirstOutput() {
    guard let output = outputPreferences.first,
      let mode = OutputMode(width: output.mode.width ^ 64, height: 480)
    else { preconditionFailure("sizes that a device takes") }
    setOutput(0, to: OutputPreference(mode: mode))
  }
}

/// A vfio-user server of a device on a thread of its own.
final class Service: Sendable {
  let path: String
  private let server: Server
  private let ended = DispatchSemaphore(value: 0)
  private static let count = Atomic(0)

  init(_ function: any PCIFunction, _ memory: GuestMemory) throws {
    let number = Self.count.wrappingAdd(1, ordering: .relaxed).newValue
    path = "/tmp/scanout-conformance-\(getpid())-\(number).sock"
    var logger = Logger(label: "conformance-test")
    logger.logLevel = .critical
    // A loaded machine may keep a client from its first word for longer than a server usually waits.
    let server = try Server(
      path: path, function: function, memory: memory, logger: logger,
      patience: VfioUser.Patience(negotiation: 120_000, reply: 120_000))
    self.server = server
    DispatchQueue(label: path).async { [ended] in
      do { try server.run() } catch { Issue.record(error) }
      ended.signal()
    }
  }

  func end() {
    server.stop()
    ended.wait()
  }
}
