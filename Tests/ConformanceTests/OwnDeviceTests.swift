import Conformance
import DeviceMachine
import Dispatch
import Glibc
import GuestRAM
import Logging
import ScanoutDevice
import Synchronization
import Testing
import VfioUser

/// The suite's verdict on this package's own device.
@Suite struct OwnDeviceTests {
  @Test func `our device in this process passes all cases that can be observed`() throws {
    let report = ConformanceRun(InProcessTarget { try Self.device($0).function }).run()
    Self.expectNoFailure(report)
    #expect(report.profile?.kind == .gpu)
    #expect(report.profile?.generation == .modern)
  }

  @Test func `our device behind a socket passes all cases that can be observed`() throws {
    let memory = GuestMemory()
    let device = try Self.device(memory)
    let service = try Service(device, memory)
    defer { service.end() }
    Self.expectNoFailure(ConformanceRun(VfioUserTarget(path: service.path)).run())
  }

  private static func device(_ memory: GuestMemory) throws -> DisplayDevice {
    try DisplayDevice(outputs: [try #require(OutputMode(width: 640, height: 480))], memory: memory)
  }

  private static func expectNoFailure(
    _ report: ConformanceReport, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(report.loss == nil, sourceLocation: sourceLocation)
    #expect(report.results.count == ConformanceSuite.cases.count, sourceLocation: sourceLocation)
    for result in report.results {
      guard case .failed(let came) = result.verdict else { continue }
      Issue.record("\(result.conformanceCase.name): \(came)", sourceLocation: sourceLocation)
    }
  }
}

/// A vfio-user server of a device on a thread of its own.
private final class Service: Sendable {
  let path: String
  private let server: Server
  private let ended = DispatchSemaphore(value: 0)
  private static let count = Atomic(0)

  init(_ device: DisplayDevice, _ memory: GuestMemory) throws {
    let number = Self.count.wrappingAdd(1, ordering: .relaxed).newValue
    path = "/tmp/scanout-conformance-\(getpid())-\(number).sock"
    var logger = Logger(label: "conformance-test")
    logger.logLevel = .critical
    let server = try Server(path: path, function: device.function, memory: memory, logger: logger)
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
