import DeviceMachine
import Dispatch
import DisplayModel
import FrontEndAPI
import Glibc
import GuestDriver
import GuestRAM
import Logging
import PCIBus
import ScanoutDevice
import Synchronization
import Testing
@testable import VfioUser

/// A device as an embedder makes it, with a front-end attached, served on a socket if the path asks for it.
final class TestDevice {
  let device: DisplayDevice
  let memory = GuestMemory()
  let channel: any DisplayChannel
  private let frontEnd = Watcher()
  private var service: Service?

  init(
    outputs: [(width: Int, height: Int)], pci: VirtioPCIOptions = VirtioPCIOptions(),
    limits: DisplayLimits = DisplayLimits(), hostVisibleMemory: UInt64 = 0, fences: FlushFences = .now,
    clock: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
  ) throws {
    let modes = try outputs.map { try #require(OutputMode(width: $0.width, height: $0.height)) }
    device = try DisplayDevice(
      outputs: modes.map { OutputPreference(mode: $0) }, memory: memory, scheduling: .ownThread, pci: pci,
      limits: limits, hostVisibleMemory: hostVisibleMemory, fences: fences, clock: clock, log: nil)
    channel = try device.attach(frontEnd)
  }

  deinit {
    service?.end()
    channel.detach()
  }

  /// The machine that a driver of this device runs on.
  func machine(_ path: DevicePath) throws -> any Machine {
    switch path {
    case .inProcess: return try InProcessMachine(device.function, memory: memory)
    case .socket: return try VfioUserMachine(path: try serve())
    }
  }

  /// Serves the device on a new socket and returns its path.
  func serve() throws -> String {
    let service = try Service(device.function, memory)
    self.service = service
    return service.path
  }
}

/// A front-end that asks only when the test does.
private final class Watcher: DisplayFrontEnd {
  let interface = InterfaceVersion(
    type: DisplayInterface.type, label: "test", major: DisplayInterface.major, minor: DisplayInterface.minor)
  func attached(to channel: any DisplayChannel) {}
  func outputChanged(_ index: Int) {}
}

/// A vfio-user server on a thread of its own.
final class Service: Sendable {
  let path: String
  private let server: Server
  private let ended = DispatchSemaphore(value: 0)
  private static let count = Atomic(0)

  init(_ function: any PCIFunction, _ memory: GuestMemory) throws {
    let number = Self.count.wrappingAdd(1, ordering: .relaxed).newValue
    path = "/tmp/scanout-device-test-\(getpid())-\(number).sock"
    var logger = Logger(label: "device-test")
    logger.logLevel = .critical
    // A loaded machine may keep a client from its first word for longer than a server usually waits.
    let server = try Server(
      path: path, function: function, memory: memory, logger: logger,
      patience: Patience(negotiation: 120_000, reply: 120_000))
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
