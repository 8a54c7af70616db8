import ControlSocket
import FakeDisplays
import FrontEndAPI
import FrontEndPNG
import Glibc
import ScanoutDevice
import Testing

@testable import DeviceControl
@testable import scanout

@Suite struct ControlResponderTests {
  private let frontEnd = PictureFrontEnd()
  private let display: FakeDisplay
  private let respond: ControlResponder
  private let image = CursorImage(width: 1, height: 2, hotX: 3, hotY: 4, pixels: [1, 2, 3, 255, 0, 0, 0, 0])

  init() throws {
    display = try FakeDisplay(attaching: frontEnd, outputs: 2)
    respond = ControlResponder(frontEnd: frontEnd)
    display.draw(width: 3, height: 2) { x, y in [UInt8(x), UInt8(y), 9, 0] }
    let image = image
    display.state.withLock { $0.cursor = CursorState(x: -1, y: 7, image: image) }
  }

  @Test func `a pixmap comes without and with the cursor`() {
    display.state.withLock {
      $0.cursor.x = 2; $0.cursor.y = 0
    }
    let header = Array("P6\n3 2\n255\n".utf8)
    let plain: [UInt8] = [9, 0, 0, 9, 0, 1, 9, 0, 2, 9, 1, 0, 9, 1, 1, 9, 1, 2]
    #expect(
      respond.answer(.screenshot(scanout: 0, withCursor: false, encoding: .ppm)) == .content(header + plain))
    var pointed = plain
    pointed.replaceSubrange(6..<9, with: [3, 2, 1])
    #expect(
      respond.answer(.screenshot(scanout: 0, withCursor: true, encoding: .ppm)) == .content(header + pointed))
  }

  @Test func `a PNG is the front-end's`() throws {
    let picture = try frontEnd.picture(ofOutput: 0, withCursor: false)
    #expect(
      respond.answer(.screenshot(scanout: 0, withCursor: false, encoding: .png))
        == .content(try picture.pngBytes()))
  }

  @Test func `a cursor is told with the checksum of its image`() {
    let report = CursorReport(
      isVisible: true, x: -1, y: 7, hotX: 3, hotY: 4, width: 1, height: 2, crc: CRC32.checksum(image.pixels))
    #expect(respond.answer(.cursor(scanout: 0)) == .content(report.bytes))
    display.state.withLock { $0.cursor.image = nil }
    #expect(
      respond.answer(.cursor(scanout: 0)) == .content(CursorReport(isVisible: false, x: -1, y: 7).bytes))
  }

  @Test func `what cannot be shown is told apart`() {
    #expect(code(.screenshot(scanout: 2, withCursor: true, encoding: .png)) == .noSuchScanout)
    #expect(code(.cursor(scanout: 9_999_999_999)) == .noSuchScanout)
    #expect(code(.screenshot(scanout: 1, withCursor: true, encoding: .png)) == .off)
    frontEnd.detach()
    #expect(code(.cursor(scanout: 0)) == .failed)
  }

  @Test func `a device that is not served is missed by name`() {
    #expect(code(.keys([[30]])) == .noSuchDevice)
    #expect(code(.lights) == .noSuchDevice)
    for target in [PointerTarget.pixel(scanout: 0, x: 0, y: 0), .place(x: 0, y: 0), .way(x: 1, y: 1)] {
      #expect(code(.click(target, .left)) == .noSuchDevice)
    }
    let none = ControlResponder()
    guard case .failure(let failure) = none.answer(.cursor(scanout: 0)) else {
      Issue.record("a server without a display tells of its cursor")
      return
    }
    #expect(failure.code == .noSuchDevice && failure.message == "the server has no display")
  }

  @Test func `a click needs a pixel that there is`() throws {
    var respond = respond
    respond.tablet = try PointerDevice(.tablet, memory: GuestMemory())
    #expect(respond.answer(.click(.pixel(scanout: 0, x: 2, y: 1), .left)) == .content([]))
    for (target, code) in [
      (PointerTarget.pixel(scanout: 0, x: 3, y: 1), ControlFailure.Code.badRequest),
      (.pixel(scanout: 0, x: 2, y: 2), .badRequest), (.pixel(scanout: 0, x: .max, y: .max), .badRequest),
      (.pixel(scanout: 1, x: 0, y: 0), .off), (.pixel(scanout: 2, x: 0, y: 0), .noSuchScanout),
    ] {
      guard case .failure(let failure) = respond.answer(.click(target, .left)) else {
        Issue.record("\(target) is clicked on")
        continue
      }
      #expect(failure.code == code)
    }
    #expect(respond.answer(.click(.place(x: 9_999_999_999, y: 1), .none)) == .content([]))
  }

  @Test func `a guest that takes no input is told of until there is no room, whole requests alone`() throws {
    var respond = respond
    respond.keyboard = try KeyboardDevice(memory: GuestMemory())
    respond.mouse = try PointerDevice(.mouse, memory: GuestMemory())
    respond.touch = try TouchDevice(memory: GuestMemory())
    for request in [
      ControlRequest.keys([[42, 30], [48]]), .click(.way(x: 1, y: -1), .right),
      .click(.place(x: 5, y: 5), .left),
    ] {
      var count = 0
      while respond.answer(request) == .content([]) { count += 1 }
      #expect((50...200).contains(count))
      guard case .failure(let failure) = respond.answer(request) else {
        Issue.record("\(request) is taken")
        continue
      }
      #expect(failure.code == .busy)
    }
    // Numbers that no keyboard has are no strokes.
    #expect(respond.answer(.keys([[0], [65535, 300]])) == .content([]))
    #expect(respond.answer(.lights) == .content([0]))
  }

  @Test func `outputs are told of, and changed all or not at all`() throws {
    let gpu = try DisplayDevice(
      outputs: try OutputPlan([.standard], count: 3).outputs, memory: GuestMemory())
    var respond = respond
    respond.gpu = gpu
    let first = OutputReport(isEnabled: true, width: 1280, height: 800, x: 0, y: 0)
    let off = OutputReport(isEnabled: false, width: 1280, height: 800, x: 0, y: 0)
    #expect(respond.answer(.outputs([])) == .content([first, off, off].flatMap(\.bytes)))
    let second = OutputReport(isEnabled: true, isAdded: true, width: 640, height: 480, x: 1280, y: 0)
    #expect(
      respond.answer(.outputs([.remove(scanout: 2), .add(width: 640, height: 480, at: nil)]))
        == .content([first, second, off].flatMap(\.bytes)))
    let before = gpu.outputPreferences
    for wrong in [OutputAction.remove(scanout: 3), .add(width: 1, height: 1, at: nil)] {
      guard case .failure = respond.answer(.outputs([.remove(scanout: 0), wrong])) else {
        Issue.record("\(wrong) is done")
        continue
      }
      #expect(gpu.outputPreferences == before)
    }
    #expect(code(.outputs([])) == .noSuchDevice)
  }

  @Test func `a size is reported as the guest is told of it`() throws {
    var respond = respond
    respond.gpu = try DisplayDevice(
      outputs: try OutputPlan([.standard], count: 1).outputs, memory: GuestMemory(),
      limits: DisplayLimits(largestMode: OutputMode(width: 1024, height: 768)))
    let lowered = OutputReport(isEnabled: true, width: 1024, height: 500, x: 0, y: 0)
    #expect(
      respond.answer(.outputs([.set(scanout: 0, width: 2000, height: 500, at: nil)]))
        == .content(lowered.bytes))
  }

  private func code(_ request: ControlRequest) -> ControlFailure.Code? {
    if case .failure(let failure) = respond.answer(request) { failure.code } else { nil }
  }

  @Test func `a picture goes over the socket into a file, whole or not at all`() throws {
    let directory = "/tmp/scanout-test-\(getpid())"
    #expect(unsafe mkdir(directory, 0o700) == 0)
    let socket = directory + "/control", file = directory + "/screen.ppm"
    defer {
      for path in [socket, file] { unsafe unlink(path) }
      #expect(unsafe rmdir(directory) == 0, "something was left behind")
    }
    let respond = respond
    let server = try ControlServer(path: socket) { respond.answer($0) }
    let arguments = ["screenshot", "--control", socket, "--no-cursor", file]
    for _ in 0..<2 {
      var command = try ScanoutCommand.parseAsRoot(arguments)
      try command.run()
    }
    let saved = try #require(Self.contents(file))
    #expect(.content(saved) == respond.answer(.screenshot(scanout: 0, withCursor: false, encoding: .ppm)))

    var off = try ScanoutCommand.parseAsRoot(["screenshot", "--control", socket, "--scanout", "1", file])
    let error = #expect(throws: ControlSocketError.self) { try off.run() }
    #expect(error?.description == "scanout 1 is off: the guest shows nothing there yet")
    #expect(Self.contents(file) == saved)
    server.stop()
    var late = try ScanoutCommand.parseAsRoot(arguments)
    #expect(throws: ControlSocketError.nobodyListens(socket)) { try late.run() }
  }

  @Test func `a file that cannot be made is named`() {
    let error = #expect(throws: CommandFailure.self) {
      try Output.save([1], as: "/nowhere/at/all/screen.png")
    }
    #expect(error?.description.contains("/nowhere/at/all/screen.png cannot be made") == true)
  }

  private static func contents(_ path: String) -> [UInt8]? {
    let descriptor = unsafe open(path, O_RDONLY)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    // The system writes at most the array's size.
    let count = unsafe read(descriptor, &bytes, 4096)
    return count >= 0 ? Array(bytes.prefix(count)) : nil
  }
}
