import ControlSocket
import Foundation
import FrontEndVNC
import GuestDriver
import Testing

@testable import scanout

/// Viewers as programs that nobody here wrote: gtk-vnc's `gvnccapture`, read with netpbm's `pngtopnm`.
@Suite(.timeLimit(.minutes(15))) struct ServedViewersTests {
  /// Runs a program to its end; what it wrote to standard output, nil unless it ended well.
  private static func run(_ path: String, _ arguments: String...) throws -> [UInt8]? {
    let process = Foundation.Process()
    let output = Pipe()
    process.executableURL = URL(filePath: path)
    process.arguments = arguments
    process.standardOutput = output
    try process.run()
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return process.terminationStatus == 0 ? [UInt8](bytes) : nil
  }

  /// A driver that shows a test card and a cursor on output 0.
  private static func draw(on socket: String, width: Int, height: Int) throws -> (VfioUserMachine, GPUDriver)
  {
    let machine = try VfioUserMachine(path: socket)
    let memory = GuestRAMImage()
    let block = try RAMBlock(base: 0x1000_0000, size: 16 << 20)
    memory.add(block)
    try machine.mapRAM(block, access: .readWrite)
    let driver = GPUDriver(machine, ram: memory)
    try driver.bringUp()
    let card = TestCard(width: width, height: height)
    let framebuffer = try driver.createFramebuffer(
      width: width, height: height, layout: .shuffledPages(seed: 1))
    driver.draw(framebuffer, card.pixel)
    try driver.show(framebuffer)
    try driver.present(framebuffer)
    let arrow = try driver.createFramebuffer(width: 64, height: 64, format: .bgra)
    driver.draw(arrow, TestCard.arrow)
    try driver.showCursor(arrow, x: 10, y: 20)
    return (machine, driver)
  }

  @Test(arguments: [(640, 480), (101, 57), (1920, 1080)])
  func `gvnccapture sees what a screenshot shows, to the last byte`(_ width: Int, _ height: Int) throws {
    let serve = try Process("serve", "--vfio-user", "@/gpu", "--control", "@/control", "--vnc", "127.0.0.1:0")
    let line = serve.line()
    #expect(line.hasPrefix("VNC viewers of scanout 0 connect at 127.0.0.1:"))
    #expect(serve.line() == "listening on \(serve.path("gpu"))")
    // It takes a display's number, which counts from port 5900.
    let port = try #require(line.split(separator: ":").last.flatMap { Int($0) })
    let guest = try Self.draw(on: serve.path("gpu"), width: width, height: height)
    let before = serve.openDescriptors()
    let file = FileManager.default.temporaryDirectory.appending(path: "scanout-\(UUID().uuidString).png").path
    defer { try? FileManager.default.removeItem(atPath: file) }  // a temporary file that stays harms nobody
    #expect(try Self.run("/usr/bin/gvnccapture", "-q", "127.0.0.1:\(port - 5900)", file) != nil)
    let seen = try #require(try Self.run("/usr/bin/pngtopnm", file))
    let screenshot = try ControlClient.ask(
      .screenshot(scanout: 0, withCursor: false, encoding: .ppm), at: serve.path("control"))
    // Compared apart, since a report of so many bytes helps nobody.
    let isEqual = seen == screenshot
    #expect(isEqual)
    let start = ContinuousClock.now
    while serve.openDescriptors() != before, ContinuousClock.now - start < .seconds(60) { usleep(5_000) }
    #expect(serve.openDescriptors() == before)
    withExtendedLifetime(guest) {}
    serve.signal(SIGTERM)
    #expect(serve.wait() == 0)
  }

  @Test func `serve shows each scanout where it was told and ends in order with its socket gone`() throws {
    let serve = try Process(
      "serve", "--vfio-user", "@/gpu", "--output", "640x480", "--output", "320x200", "--vnc", "1=unix:@/vnc",
      "--vnc", "localhost:0")
    #expect(serve.line() == "VNC viewers of scanout 1 connect at unix:\(serve.path("vnc"))")
    #expect(serve.line().hasPrefix("VNC viewers of scanout 0 connect at localhost:"))
    #expect(serve.line() == "listening on \(serve.path("gpu"))")
    #expect(serve.exists("vnc"))
    serve.signal(SIGTERM)
    #expect(serve.wait() == 0)
    #expect(!serve.exists("vnc") && !serve.exists("gpu"))
  }

  @Test(arguments: [
    (["--vnc", "0.0.0.0:0"], false), (["--vnc", "0.0.0.0:0", "--insecure"], true),
    (["--vnc", "0.0.0.0:0", "--vnc-password-file", "/dev/null"], false),
    (["--vnc", "nowhere.invalid:0"], false),
  ])
  func `viewers of other hosts need a password or leave`(_ arguments: [String], _ isServed: Bool) throws {
    let serve = try Process(["serve", "--vfio-user", "@/gpu"] + arguments)
    #expect(serve.line().hasPrefix("VNC viewers") == isServed)
    if isServed { serve.signal(SIGTERM) }
    #expect(serve.wait() == (isServed ? 0 : 1))
    #expect(!serve.exists("gpu"))
  }

  @Test(arguments: [
    ("secret\n", true), ("12345678", true), ("123456789\n", false), ("\nx", false), ("", false),
  ])
  func `a password file's first line is the password`(_ text: String, _ isTaken: Bool) throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "scanout-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: file) }  // a temporary file that stays harms nobody
    try Data(text.utf8).write(to: URL(filePath: file))
    let line = text.split(separator: "\n", omittingEmptySubsequences: false)[0]
    if isTaken {
      #expect(try VNCOptions.password(from: file) == VNCPassword(line.utf8))
    } else {
      #expect(throws: CommandFailure.self) { try VNCOptions.password(from: file) }
    }
  }
}
