import ControlSocket
import FrontEndPNG
import Glibc
import GuestDriver
import Testing

@testable import scanout

/// The command as a process of its own, in a directory of its own.
final class Process {
  let directory: String
  private var pid: pid_t = 0
  private var output: CInt = -1

  /// Starts `scanout`, which is beside the tests' own program; `@` in an argument stands for the directory.
  convenience init(_ arguments: String...) throws { try self.init(arguments) }

  init(_ arguments: [String]) throws {
    var template = Array("/tmp/scanout-serve-XXXXXX".utf8CString)
    // The template ends with a zero byte and is rewritten in place.
    try #require(unsafe mkdtemp(&template) != nil)
    directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let program = Self.program()
    let arguments = arguments.map { argument in
      argument.split(separator: "@", omittingEmptySubsequences: false).joined(separator: directory)
    }
    var ends: [CInt] = [-1, -1]
    // The system writes two descriptors. No process that another test starts keeps an end.
    try #require(
      unsafe socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0)
    output = ends[0]

    var actions = unsafe posix_spawn_file_actions_t()
    // The actions and the strings outlive the call that uses them.
    unsafe posix_spawn_file_actions_init(&actions)
    unsafe posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
    // What other tests have just opened and not marked yet: it would keep their connections open. What is not open is
    // passed over.
    for number in STDERR_FILENO + 1..<1024 {
      unsafe posix_spawn_file_actions_addclose(&actions, number)
    }
    let strings = unsafe ([program] + arguments).map { unsafe strdup($0) }
    let result = unsafe posix_spawn(&pid, program, &actions, nil, strings + [nil], environ)
    unsafe strings.forEach { unsafe free($0) }
    unsafe posix_spawn_file_actions_destroy(&actions)
    close(ends[1])
    try #require(result == 0)
  }

  deinit {
    if pid > 0 {
      kill(pid, SIGKILL)
      waitpid(pid, nil, 0)
    }
    close(output)
    for name in ["gpu", "keyboard", "tablet", "control", "vnc"] { unsafe unlink(directory + "/" + name) }
    unsafe rmdir(directory)
  }

  private static func program() -> String {
    var bytes = [UInt8](repeating: 0, count: 4096)
    // The system writes at most the array's size.
    let count = unsafe bytes.withUnsafeMutableBytes {
      unsafe readlink("/proc/self/exe", $0.baseAddress!, 4096)
    }
    let path = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    return path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
      + "/scanout"
  }

  /// The next line of standard output; what there is when it ends.
  func line() -> String {
    var bytes: [UInt8] = []
    var byte: UInt8 = 0
    while unsafe read(output, &byte, 1) == 1, byte != 10 { bytes.append(byte) }
    return String(decoding: bytes, as: UTF8.self)
  }

  func signal(_ number: CInt) { kill(pid, number) }

  /// Waits for the end; the exit status, or nil when a signal ended it.
  func wait() -> CInt? {
    var status: CInt = 0
    unsafe waitpid(pid, &status, 0)
    pid = 0
    return status & 0x7f == 0 ? status >> 8 & 0xff : nil
  }

  /// How many descriptors it has open.
  func openDescriptors() -> Int {
    guard let entries = unsafe opendir("/proc/\(pid)/fd") else { return 0 }
    defer { unsafe closedir(entries) }
    var count = 0
    while unsafe readdir(entries) != nil { count += 1 }
    return count
  }

  func exists(_ name: String) -> Bool { unsafe access(directory + "/" + name, F_OK) == 0 }
  func path(_ name: String) -> String { directory + "/" + name }
}

@Suite(.timeLimit(.minutes(15))) struct ServeTests {
  @Test(arguments: [SIGTERM, SIGINT])
  func `serve says where it listens and ends in order with its sockets gone`(_ signal: CInt) throws {
    let serve = try Process("serve", "--vfio-user", "@/gpu", "--control", "@/control")
    #expect(serve.line() == "listening on \(serve.path("gpu"))")
    #expect(serve.exists("gpu") && serve.exists("control"))
    serve.signal(signal)
    #expect(serve.wait() == 0)
    #expect(!serve.exists("gpu") && !serve.exists("control"))
  }

  @Test func `what one client drew is seen by the control socket and gone for the next client`() throws {
    let serve = try Process(
      "serve", "--vfio-user", "@/gpu", "--control", "@/control", "--output", "640x480", "--output", "320x200")
    #expect(serve.line() == "listening on \(serve.path("gpu"))")
    let card = TestCard(width: 101, height: 57)
    let path = serve.path("control")
    let before = serve.openDescriptors()
    #expect(before > 6)
    for _ in 0..<3 {
      let machine = try VfioUserMachine(path: serve.path("gpu"))
      // Served now, so what its predecessor drew has gone.
      #expect(refusal(.screenshot(scanout: 1, withCursor: false, encoding: .ppm), path) == .off)
      let memory = GuestRAMImage()
      let block = try RAMBlock(base: 0x10_0000, size: 1 << 20)
      memory.add(block)
      try machine.mapRAM(block, access: .readWrite)
      let driver = GPUDriver(machine, ram: memory)
      try driver.bringUp()
      let displays = try #require(try driver.send(.getDisplayInfo).displays)
      #expect(
        displays.filter(\.isEnabled).map(\.rect) == [GPURect(0, 0, 640, 480), GPURect(640, 0, 320, 200)])

      let framebuffer = try driver.createFramebuffer(width: 101, height: 57, layout: .shuffledPages(seed: 3))
      driver.draw(framebuffer, card.pixel)
      try driver.show(framebuffer, on: 1)
      try driver.present(framebuffer)
      let arrow = try driver.createFramebuffer(width: 64, height: 64, format: .bgra)
      driver.draw(arrow, TestCard.arrow)
      try driver.showCursor(arrow, on: 1, x: UInt32(bitPattern: -9), y: 40, hotX: 1, hotY: 2)

      let picture = try ControlClient.ask(
        .screenshot(scanout: 1, withCursor: false, encoding: .ppm), at: path)
      var expected = Array("P6\n101 57\n255\n".utf8)
      for y in 0..<57 {
        for x in 0..<101 {
          let pixel = card.pixel(x, y)
          expected += [pixel.red, pixel.green, pixel.blue]
        }
      }
      // Compared apart, since a report of 17,000 bytes helps nobody.
      let isEqual = picture == expected
      #expect(isEqual)
      var image: [UInt8] = []
      for y in 0..<64 {
        for x in 0..<64 {
          let pixel = TestCard.arrow(x, y)
          image += [pixel.blue, pixel.green, pixel.red, pixel.alpha]
        }
      }
      let report = CursorReport(
        isVisible: true, x: -9, y: 40, hotX: 1, hotY: 2, width: 64, height: 64, crc: CRC32.checksum(image))
      #expect(CursorReport(bytes: try ControlClient.ask(.cursor(scanout: 1), at: path)) == report)
      withExtendedLifetime(machine) {}
    }
    let start = ContinuousClock.now
    while serve.openDescriptors() != before, ContinuousClock.now - start < .seconds(60) { usleep(5_000) }
    #expect(serve.openDescriptors() == before)
    serve.signal(SIGTERM)
    #expect(serve.wait() == 0)
  }

  @Test(arguments: [("modern", 0x1044), ("transitional", 0x1005), ("legacy", 0x1005)])
  func `serve with an entropy device is one and ends in order`(_ row: (transport: String, id: UInt16)) throws
  {
    let serve = try Process(
      "serve", "--vfio-user", "@/gpu", "--device", "entropy", "--transport", row.transport)
    #expect(serve.line() == "listening on \(serve.path("gpu"))")
    do {
      let inventory = try PCIInventory(probing: try VfioUserMachine(path: serve.path("gpu")))
      #expect(inventory.vendorID == 0x1af4 && inventory.deviceID == row.id)
      #expect((inventory.revisionID == 0) == (row.transport != "modern"))
      #expect(inventory.virtioStructures.isEmpty == (row.transport == "legacy"))
      #expect(inventory.baseClass == 0 && inventory.subclass == 0xff)
    }
    serve.signal(SIGTERM)
    #expect(serve.wait() == 0)
    #expect(!serve.exists("gpu"))
  }

  @Test func `serve with several devices gives each its socket, its guest and its end`() throws {
    let serve = try Process(
      "serve", "--vfio-user", "gpu=@/gpu", "--vfio-user", "keyboard=@/keyboard", "--vfio-user",
      "tablet=@/tablet", "--control", "@/control")
    let kinds: [(name: String, id: UInt16, base: UInt8, sub: UInt8)] = [
      ("gpu", 0x1050, 3, 0x80), ("keyboard", 0x1052, 9, 0), ("tablet", 0x1052, 9, 0x80),
    ]
    for kind in kinds { #expect(serve.line() == "listening on \(serve.path(kind.name))") }
    // All at once, and one after the other again.
    for _ in 0..<2 {
      let machines = try kinds.map { try VfioUserMachine(path: serve.path($0.name)) }
      for (kind, machine) in zip(kinds, machines) {
        let inventory = try PCIInventory(probing: machine)
        #expect(inventory.vendorID == 0x1af4 && inventory.deviceID == kind.id)
        #expect(inventory.baseClass == kind.base && inventory.subclass == kind.sub)
      }
    }
    let gpu = try VfioUserMachine(path: serve.path("gpu"))
    do { _ = try PCIInventory(probing: try VfioUserMachine(path: serve.path("keyboard"))) }
    #expect(try PCIInventory(probing: gpu).deviceID == 0x1050)  // its session goes on
    let path = serve.path("control")
    #expect(try ControlClient.ask(.keys([[30]]), at: path) == [])
    #expect(try ControlClient.ask(.lights, at: path) == [0])
    #expect(try ControlClient.ask(.click(.place(x: 1, y: 2), .left), at: path) == [])
    #expect(refusal(.click(.way(x: 1, y: 2), .left), path) == .noSuchDevice)
    serve.signal(SIGTERM)
    #expect(serve.wait() == 0)
    for name in ["gpu", "keyboard", "tablet", "control"] { #expect(!serve.exists(name)) }
  }

  @Test func `serve with once and several devices ends when each has had its client`() throws {
    let serve = try Process(
      "serve", "--vfio-user", "keyboard=@/keyboard", "--vfio-user", "tablet=@/tablet", "--once")
    for name in ["keyboard", "tablet"] { #expect(serve.line() == "listening on \(serve.path(name))") }
    for name in ["tablet", "keyboard"] { _ = try VfioUserMachine(path: serve.path(name)) }
    #expect(serve.wait() == 0)
    #expect(!serve.exists("keyboard") && !serve.exists("tablet"))
  }

  @Test func `one of several sockets that cannot be made ends serve and leaves nothing`() throws {
    let serve = try Process(
      "serve", "--vfio-user", "keyboard=@/keyboard", "--vfio-user", "tablet=/nowhere/at/all/tablet")
    #expect(serve.line() == "")
    #expect(serve.wait() == 1)
    #expect(!serve.exists("keyboard"))
  }

  /// Why a request is refused; nil when it is not.
  private func refusal(_ request: ControlRequest, _ path: String) -> ControlFailure.Code? {
    do {
      _ = try ControlClient.ask(request, at: path)
    } catch {
      if case .refused(let failure) = error { return failure.code }
    }
    return nil
  }

  @Test func `serve with once ends when its client has left`() throws {
    let serve = try Process("serve", "--vfio-user", "@/gpu", "--once")
    #expect(serve.line() == "listening on \(serve.path("gpu"))")
    do { _ = try VfioUserMachine(path: serve.path("gpu")) }
    #expect(serve.wait() == 0)
    #expect(!serve.exists("gpu"))
  }

  @Test func `a socket that cannot be made ends serve with a failure and leaves nothing`() throws {
    let serve = try Process("serve", "--vfio-user", "@/gpu", "--control", "/nowhere/at/all/control")
    #expect(serve.line() == "")
    #expect(serve.wait() == 1)
    #expect(!serve.exists("gpu"))
  }
}
