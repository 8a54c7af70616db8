import DisplayModel
import FrontEndPNG
import Glibc
import GuestDriver
import HostThreads

extension DemoCommand {
  func run() throws {
    let directory = try TemporaryDirectory()
    let socket = directory.path + "/gpu.sock"
    let logger = ServeCommand.makeLogger(level: .notice)
    let front = PictureFrontEnd()
    defer { front.detach() }
    let output = OutputPreference(mode: OutputGeometry.standard.mode)
    let server = try ServedDevice.gpu(outputs: [output], shownBy: front, logger: logger)
      .listen(at: socket, logger: logger)
    let thread: HostThread
    do throws(HostThreadError) {
      thread = try HostThread(name: "server") {
        do { try server.run(once: true) } catch { logger.error("the server has ended: \(error)") }
      }
    } catch { throw CommandFailure("no thread can be started for the server: errno \(error.errno)") }
    defer {
      server.stop()
      thread.join()
    }

    let pictures: (plain: Picture, pointed: Picture)
    do {
      pictures = try Self.draw(on: socket, front)
    } catch let error as DriverError {
      throw CommandFailure("the driver simulator could not go on: \(error)")
    }
    try Self.compare(pictures.plain)
    try Output.save(try pictures.pointed.pngBytes(), as: png)
    try Output.print(
      "the \(pictures.plain.width)x\(pictures.plain.height) picture is what was drawn, to the last byte\n"
        + "saved with the cursor as \(png)")
  }

  /// Plays the VMM and the driver: attaches to the socket, brings the device up, draws and shows a cursor.
  private static func draw(on socket: String, _ front: PictureFrontEnd) throws -> (
    plain: Picture, pointed: Picture
  ) {
    let machine = try VfioUserMachine(path: socket)
    let memory = GuestRAMImage()
    let block = try RAMBlock(base: 0x1000_0000, size: 16 << 20)
    memory.add(block)
    try machine.mapRAM(block, access: .readWrite)

    let driver = GPUDriver(machine, ram: memory)
    try driver.bringUp()
    guard let output = try driver.send(.getDisplayInfo).displays?.first, output.isEnabled else {
      throw CommandFailure("the device has no output that is on: this is a bug")
    }
    let width = Int(output.rect.width)
    let height = Int(output.rect.height)
    try Output.print("the driver has brought the device up; output 0 has \(width)x\(height) pixels")

    let card = TestCard(width: width, height: height)
    let framebuffer = try driver.createFramebuffer(
      width: width, height: height, layout: .shuffledPages(seed: 1))
    driver.draw(framebuffer, card.pixel)
    try driver.show(framebuffer)
    try driver.present(framebuffer)

    let arrow = try driver.createFramebuffer(width: 64, height: 64, format: .bgra)
    driver.draw(arrow, TestCard.arrow)
    try driver.showCursor(arrow, x: UInt32(width / 2), y: UInt32(height / 3))
    return (
      try front.picture(ofOutput: 0, withCursor: false), try front.picture(ofOutput: 0, withCursor: true)
    )
  }

  /// Holds a picture against the card, pixel by pixel.
  private static func compare(_ picture: Picture) throws {
    let card = TestCard(width: picture.width, height: picture.height)
    for y in 0..<picture.height {
      for x in 0..<picture.width {
        let at = (y * picture.width + x) * 4
        let pixel = card.pixel(x, y)
        guard picture.pixels[at..<at + 3].elementsEqual([pixel.blue, pixel.green, pixel.red]) else {
          throw CommandFailure("the pixel at \(x), \(y) is not the one that was drawn: this is a bug")
        }
      }
    }
  }
}

/// A directory of its own below the system's for temporary files, empty again and removed at the end.
private struct TemporaryDirectory: ~Copyable {
  let path: String

  init() throws {
    let parent = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
    var template = Array("\(parent)/scanout-demo-XXXXXX".utf8CString)
    // The template ends with a zero byte and is rewritten in place.
    guard unsafe mkdtemp(&template) != nil else {
      throw CommandFailure("no directory can be made in \(parent): set TMPDIR to one that you may write to")
    }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { unsafe rmdir(path) }
}
