import ControlSocket
import Foundation
import GuestDriver
import GuestRAM
import ScanoutDevice
import Testing

@testable import DeviceControl
@testable import scanout

/// `scanout inspect`: what it prints, and that text and JSON say the same.
@Suite(.timeLimit(.minutes(15))) struct InspectionTests {
  private static let fields: ReportNode.Fields = [
    ("count", .number(.max)), ("way", .signed(-3)), ("register", .hex(0xfe, digits: 4)),
    ("wide", .hex(.max)), ("is_set", .flag(true)), ("word", .text("a\"b\\c\u{1}é\u{1f600}")),
    ("bits", .names(["A", "B"])), ("no_bits", .names([])), ("counts", .counts([("X", 1), ("Y", 2)])),
    ("none", .absent), ("inner", .object([("deep", .flag(false))])),
    ("rows", .rows([[("a", .number(1)), ("b", .text("xyz"))], [("a", .number(100)), ("b", .absent)]])),
    ("no_rows", .rows([])),
  ]

  @Test func `JSON is what a parser takes it for`() throws {
    let data = Data(ReportNode.object(Self.fields).json.utf8)
    let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    #expect((object["count"] as? NSNumber)?.uint64Value == .max)
    #expect(object["way"] as? Int == -3 && object["is_set"] as? Bool == true)
    #expect(object["register"] as? String == "0x00fe" && object["wide"] as? String == "0xffffffffffffffff")
    #expect(object["word"] as? String == "a\"b\\c\u{1}é\u{1f600}")
    #expect(object["bits"] as? [String] == ["A", "B"] && object["no_bits"] as? [String] == [])
    #expect(object["counts"] as? [String: Int] == ["X": 1, "Y": 2] && object["none"] is NSNull)
    #expect((object["inner"] as? [String: Bool]) == ["deep": false])
    let rows = try #require(object["rows"] as? [[String: Any]])
    #expect(rows.count == 2 && rows[1]["a"] as? Int == 100 && rows[1]["b"] is NSNull)
    #expect((object["no_rows"] as? [Any])?.isEmpty == true)
  }

  @Test func `text has values under each other and tables under their names`() {
    let expected = """
      count     18446744073709551615
      way       -3
      register  0x00fe
      wide      0xffffffffffffffff
      is_set    yes
      word      a"b\\c\u{1}é\u{1f600}
      bits      A  B
      no_bits   none
      counts    X 1  Y 2
      none      -
      inner
        deep  no
      rows
        a    b
        1    xyz
        100  -
      no_rows   none

      """
    #expect(ReportNode.text(Self.fields) == expected)
  }

  @Test func `a long list is broken between its words`() {
    let names = (0..<40).map { "NAME_\($0)" }
    let lines = ReportNode.text([("bits", .names(names))]).split(separator: "\n")
    #expect(lines.count > 1 && lines.allSatisfy { $0.count <= 110 })
    #expect(lines.dropFirst().allSatisfy { $0.hasPrefix("      NAME_") })
    #expect(
      lines.joined(separator: " ").split(separator: " ").dropFirst().elementsEqual(names.map { $0[...] }))
  }

  @Test func `every device that is served is told, busy or not, without waiting longer for more of them`()
    throws
  {
    let keyboard = try KeyboardDevice(memory: GuestMemory())
    let logger = ServeCommand.makeLogger(level: .critical)
    let server = try ServedDevice.entropy(bus: VirtioPCIOptions()).listen(
      at: "/tmp/scanout-inspect-\(getpid())", logger: logger)
    defer { unsafe unlink(server.path) }
    // Each device takes 30 ms, whatever it is given.
    func report(withinMilliseconds limit: Int) -> (bytes: [UInt8], limits: [Int], elapsed: Int) {
      let limits = Limits(), start = ContinuousClock.now
      let inspected = InspectedDevice(
        kind: "keyboard",
        device: {
          limits.add($0)
          usleep(30_000)
          return keyboard.inspect(withinMilliseconds: $0)
        }, server: { server.inspect() })
      let bytes = InspectedDevice.report(
        on: [inspected, inspected, inspected], asJSON: true, withinMilliseconds: limit)
      return (bytes, limits.all, Int((ContinuousClock.now - start) / .milliseconds(1)) + 1)
    }
    let (bytes, limits, elapsed) = report(withinMilliseconds: 60_000)
    let object = try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
    let devices = try #require(object["devices"] as? [[String: Any]])
    #expect(devices.map { $0["device"] as? String } == ["keyboard", "keyboard", "keyboard"])
    // Whatever the machine did meanwhile, each has what those before it have left of the minute.
    #expect(limits.count == 3 && limits.allSatisfy { (60_000 - elapsed...60_000).contains($0) })
    #expect(zip(limits, limits.dropFirst()).allSatisfy { $1 <= $0 - 30 })
    #expect(report(withinMilliseconds: 50).limits.last == 0)
  }

  private final class Limits: @unchecked Sendable {
    // Sendable: called on the test's thread alone.
    private(set) var all: [Int] = []
    func add(_ limit: Int) { all.append(limit) }
  }

  @Test func `a running server tells of a guest that drives its device, and a stranger to the protocol`()
    throws
  {
    let process = try Process(
      "serve", "--vfio-user", "gpu=@/gpu", "--vfio-user", "keyboard=@/keyboard", "--control", "@/control")
    for name in ["gpu", "keyboard"] {
      #expect(process.line() == "listening on \(process.directory)/\(name)")
    }
    let control = process.directory + "/control"
    /// The devices when none is busy, as one is whose thread a loaded machine has not given its turn.
    func ask() throws -> [[String: Any]] {
      while true {
        let data = Data(try ControlClient.ask(.inspect(asJSON: true), at: control))
        let object = try JSONSerialization.jsonObject(with: data) as? [String: Any]
        let devices = try #require(object?["devices"] as? [[String: Any]])
        if try devices.allSatisfy({ try !#require($0["busy"] as? Bool) }) { return devices }
      }
    }
    #expect(try ask().map { ($0["vmm"] as? [String: Any])?["attached"] as? Bool } == [false, false])

    let machine = try VfioUserMachine(path: process.directory + "/gpu")
    let ram = GuestRAMImage(), block = try RAMBlock(base: 0x1000_0000, size: 4 << 20)
    ram.add(block)
    try machine.mapRAM(block, access: .readWrite)
    let driver = GPUDriver(machine, ram: ram)
    try driver.bringUp()
    let framebuffer = try driver.createFramebuffer(width: 10, height: 10)
    try driver.show(framebuffer)

    let gpu = try #require(try ask().first)
    let vmm = try #require(gpu["vmm"] as? [String: Any])
    #expect(vmm["attached"] as? Bool == true && vmm["clients"] as? Int == 1)
    #expect((vmm["dma"] as? [[String: Any]])?.map { $0["address"] as? String } == ["0x10000000"])
    let virtio = try #require(gpu["virtio"] as? [String: Any])
    #expect(virtio["device_status"] as? String == "0x0f")
    #expect((virtio["driver_feature"] as? [String])?.contains("VIRTIO_F_VERSION_1") == true)
    let resources = try #require((gpu["gpu"] as? [String: Any])?["resources"] as? [[String: Any]])
    #expect(resources.map { $0["size"] as? String } == ["10x10"])
    let text = String(decoding: try ControlClient.ask(.inspect(asJSON: false), at: control), as: UTF8.self)
    #expect(text.hasPrefix("device  gpu\n") && text.contains("\n\ndevice   keyboard\n"))
    #expect(text.contains("device_status_bits  ACKNOWLEDGE  DRIVER  DRIVER_OK  FEATURES_OK\n"))
    process.signal(SIGTERM)
    #expect(process.wait() == 0)
  }
}
