import FrontEndPNG
import Foundation
import FrontEndVNC
import GuestDriver
import HostLoop
import HostThreads
import ScanoutDevice
import Testing

/// The embedding page: what stands on it is what was compiled and run.
@Suite struct PageTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  private static func text(_ path: String) throws -> String {
    try String(contentsOf: root.appending(path: path), encoding: .utf8)
  }

  private static let page = "Sources/ScanoutDevice/ScanoutDevice.docc/A-display-for-your-VMM.md"

  /// The blocks of Swift on the page, in order.
  private static func blocks() throws -> [String] {
    try text(page).components(separatedBy: "```swift\n").dropFirst().map {
      $0.components(separatedBy: "```")[0]
    }
  }

  /// What stands between `// page: NAME` and `// end` of the pieces, without their indentation.
  private static func part(_ name: String) throws -> String {
    let lines = try text("Tests/EmbeddingTests/PageParts.swift").components(separatedBy: "\n")
    let start = try #require(lines.firstIndex { $0.hasSuffix("// page: \(name)") })
    let indentation = lines[start].prefix { $0 == " " }.count
    return lines[(start + 1)...].prefix { !$0.hasSuffix("// end") }
      .map { $0.dropFirst(indentation) + "\n" }.joined()
  }

  @Test("every block of code on the page is a file or a part of one that is compiled here, to the last byte")
  func blocks() throws {
    let program = "Tests/FirstPicture/"
    let files =
      ["Package.swift"] + ["Slot", "Interrupts", "Guest", "main"].map { "Sources/first-picture/\($0).swift" }
    let expected =
      try files.map { try Self.text(program + $0) }
      + ["memory", "doorbells", "vnc", "window", "resize"].map { try Self.part($0) }
    let found = try Self.blocks()
    #expect(found.count == expected.count)
    for (block, source) in zip(found, expected) { #expect(block == source) }
    // No file of the program is missing from the page, and the page names each.
    let folder = Self.root.appending(path: program + "Sources/first-picture").path(percentEncoded: false)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == files.count - 1)
    let page = try Self.text(Self.page)
    for file in files { #expect(page.contains("`\(file)`")) }
  }

  @Test("the program of the page writes the picture that the page shows")
  func picture() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "first-picture-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }  // a leftover of a test's own harms nobody
    // Built beside the tests.
    let program = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
      .appending(path: "first-picture")
    #expect(try Self.run(program, in: folder) == Data("picture.png: 640x480\n".utf8))
    let shown = Self.root.appending(
      path: "Sources/ScanoutDevice/ScanoutDevice.docc/Resources/first-picture.png")
    // By their pixels: another libpng may pack them another way. Compared apart, since a report of so many helps nobody.
    let isEqual = try Self.pixels(folder.appending(path: "picture.png")) == Self.pixels(shown)
    #expect(isEqual)
  }

  private static func pixels(_ png: URL) throws -> Data {
    try run(URL(filePath: "/usr/bin/pngtopnm"), png.path(percentEncoded: false), in: root)
  }

  /// Runs a program to its good end; what it wrote to standard output.
  private static func run(_ path: URL, _ arguments: String..., in folder: URL) throws -> Data {
    let program = Process(), output = Pipe()
    program.executableURL = path
    program.arguments = arguments
    program.currentDirectoryURL = folder
    program.standardOutput = output
    try program.run()
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    program.waitUntilExit()
    try #require(program.terminationStatus == 0)
    return bytes
  }

  // MARK: The pieces

  @Test("memory that is plugged in is used, and unplugged it is not")
  func memory() throws {
    let vmm = try ExampleVMM()
    let parts = PageParts(memory: vmm.memory, device: vmm.device)
    let block = try RAMBlock(base: 0x1000, size: 1 << 20)
    try parts.plugIn(fileDescriptor: block.descriptor, byteCount: UInt64(block.size), at: 0x8000_0000)
    #expect(vmm.memory.ranges.map(\.start.value) == [0x8000_0000])
    try parts.unplug(byteCount: UInt64(block.size), at: 0x8000_0000)
    #expect(vmm.memory.ranges.isEmpty)
    try parts.unplug(byteCount: .max, at: 1)  // no range
  }

  @Test(
    "doorbells are watched where the guest has put them, and ringing one lets the guest's buffers be seen")
  func doorbells() throws {
    let vmm = try ExampleVMM()
    let parts = PageParts(memory: vmm.memory, device: vmm.device)
    let watched = Lock<[(UInt64, Bool, UInt16?)]>([])
    let watch = { (address: UInt64, isPort: Bool, match: UInt16?, _: @escaping @Sendable () -> Void) in
      watched.withLock { $0.append((address, isPort, match)) }
    }
    parts.watchDoorbells(watch)
    #expect(watched.withLock { $0.isEmpty })
    vmm.device.function.write(.configuration, at: 0x20, width: 8, 0xc_0000_0000)
    vmm.device.function.write(.configuration, at: 0x04, width: 2, 2)
    parts.watchDoorbells(watch)
    #expect(watched.withLock { $0.map(\.0) } == [0xc_0000_4000, 0xc_0000_4004])
    #expect(watched.withLock { $0.allSatisfy { !$0.1 && $0.2 == nil } })
    parts.watchDoorbells { $3() }
  }

  @Test("a window is woken, sees what the guest has drawn, and its size reaches the guest")
  func window() throws {
    let vmm = try ExampleVMM()
    let parts = PageParts(memory: vmm.memory, device: vmm.device)
    let window = Window()
    let channel = try vmm.device.attach(window)
    try vmm.run(blue: 1, green: 2, red: 3)
    var seen: UInt32?
    while seen == nil { window.turn(channel) { area, surface in seen = surface.pixel(x: Int(area.x), y: 0) } }
    #expect(seen == 0x030201)
    parts.resized(width: 800, height: 600)
    parts.resized(width: 1, height: 1)  // no size of a monitor
    #expect(vmm.device.outputPreferences.map(\.mode) == [OutputMode(width: 800, height: 600)])
  }

  @Test("VNC viewers are served")
  func vnc() throws {
    let vmm = try ExampleVMM()
    let path = FileManager.default.temporaryDirectory.appending(path: "page-\(UUID().uuidString).sock")
      .path(percentEncoded: false)
    let address = try #require(VNCAddress("unix:\(path)"))
    let loop = try HostLoop()
    let server = try PageParts(memory: vmm.memory, device: vmm.device).serve(at: address, on: loop)
    defer {
      server.stop()
      loop.stop()
    }
    let viewer = try StreamSocket(path: path)
    let greeting = try viewer.receive(12, timeoutInMilliseconds: 60_000).bytes
    #expect(greeting.starts(with: Array("RFB 003.".utf8)))
  }
}
