import ControlSocket
import DeviceControl
import Foundation
import ScanoutDevice
import Testing

@Suite(.timeLimit(.minutes(15))) struct ControlServiceTests {
  private let path = "/tmp/scanout-service-\(getpid())-\(UUID().uuidString.prefix(8))"
  private let memory = GuestMemory()

  @Test func `a VMM's own devices are looked at and operated as served ones are`() throws {
    let mode = try #require(OutputMode(width: 640, height: 480))
    var devices = ControlService.Devices()
    let display = try DisplayDevice(outputs: [mode], memory: memory)
    devices.display = display
    devices.keyboard = try KeyboardDevice(memory: memory)
    devices.tablet = try PointerDevice(.tablet, memory: memory)
    devices.mouse = try PointerDevice(.mouse, memory: memory)
    devices.touch = try TouchDevice(memory: memory)
    devices.random = try RandomDevice(memory: memory)
    let service = try ControlService(at: path, devices)
    let report = try JSONSerialization.jsonObject(
      with: Data(try ControlClient.ask(.inspect(asJSON: true), at: path)))
    let told = try #require((report as? [String: Any])?["devices"] as? [[String: Any]])
    #expect(
      told.map { $0["device"] as? String } == ["gpu", "keyboard", "tablet", "mouse", "touch", "entropy"])
    #expect(told.allSatisfy { $0["socket"] is NSNull && $0["vmm"] is NSNull }, "nobody serves them")
    #expect(try ControlClient.ask(.keys([[30]]), at: path).isEmpty)
    _ = try ControlClient.ask(.outputs([.set(scanout: 0, width: 800, height: 600, at: nil)]), at: path)
    #expect(display.outputPreferences.first?.mode.width == 800)
    #expect(throws: ControlSocketError.self) {
      try ControlClient.ask(.screenshot(scanout: 0, withCursor: false, encoding: .png), at: path)
    }
    let controls = devices.viewerControls
    #expect(controls.keyboard != nil && controls.pointer != nil && controls.desk?.setOutputs != nil)
    service.stop()
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test func `devices that are not there are missed, and do not keep the others from answering`() throws {
    let service = try ControlService(at: path, ControlService.Devices())
    defer { service.stop() }
    #expect(throws: ControlSocketError.self) { try ControlClient.ask(.lights, at: path) }
    #expect(ControlService.Devices().viewerControls.keyboard == nil)
    let report = try ControlClient.ask(.inspect(asJSON: false), at: path)
    #expect(report.isEmpty)
  }
}
