import FrontEndAPI
import GuestDriver
import GuestRAM
import Testing

/// Blobs of guest memory, from a driver's requests to what a front-end sees.
@Suite struct BlobTests {
  /// A device whose driver has accepted blobs, and a blob that holds a framebuffer at an offset.
  struct Stand {
    let bench: Bench
    let picture: Framebuffer
    let stride = 1000
    let offset = 36

    init(_ path: DevicePath, format: GPUFormat = .rgbx, outputs: Int = 2) throws {
      bench = try Bench(path, outputs: Array(repeating: (640, 480), count: outputs))
      var options = GPUDriver.Options()
      options.wantedFeatures |= 1 << UInt64(GPULayout.Feature.resourceBlob)
      try bench.driver.bringUp(options)
      picture = Framebuffer(
        resource: bench.driver.makeResourceID(), format: format, width: 200, height: 150,
        backing: try bench.driver.allocateBacking(stride * 150 + 4096, .shuffledPages(seed: 5)))
      try bench.driver.expectOK(create())
    }

    func create() -> GPUCommand {
      .createBlob(
        id: picture.resource, memory: 1, flags: 2, blobID: 0, size: UInt64(stride * 150 + 4096),
        picture.backing.map(GPUMemoryEntry.init))
    }

    /// Paints by the blob's own stride and offset.
    func draw(_ seed: Int, rows: Range<Int> = 0..<150) {
      for y in rows {
        let line = (0..<200).flatMap { picture.format.bytes(pattern(seed)($0, y)) }
        bench.driver.write(line, at: offset + y * stride, of: picture)
      }
    }

    func show(_ rect: GPURect? = nil, on scanout: UInt32 = 0) throws {
      try bench.driver.expectOK(
        .setScanoutBlob(
          rect ?? picture.bounds, scanout: scanout, resource: picture.resource, width: 200, height: 150,
          format: picture.format.rawValue, stride: UInt32(stride), offset: UInt32(offset)))
    }
  }

  @Test(arguments: DevicePath.allCases, GPUFormat.allCases)
  func `a blob is shown from the guest's pages`(_ path: DevicePath, _ format: GPUFormat) throws {
    let stand = try Stand(path, format: format)
    stand.draw(1)
    try stand.show()
    #expect(
      try #require(stand.bench.picture())
        .firstDifference(from: Picture(width: 200, height: 150, pattern(1))) == nil)
    // No transfer: what is flushed is what the pages have now, and nothing else.
    stand.draw(2)
    #expect(stand.bench.picture() == Picture(width: 200, height: 150, pattern(1)))
    try stand.bench.driver.flush(stand.picture, GPURect(0, 20, 200, 30))
    let expected = Picture(width: 200, height: 150) { x, y in
      pattern((20..<50).contains(y) ? 2 : 1)(x, y)
    }
    #expect(try #require(stand.bench.picture()).firstDifference(from: expected) == nil)
  }

  @Test(arguments: DevicePath.allCases)
  func `outputs show rectangles of one blob, and are off without it`(_ path: DevicePath) throws {
    let stand = try Stand(path)
    stand.draw(3)
    try stand.show()
    try stand.show(GPURect(31, 17, 64, 48), on: 1)
    #expect(stand.bench.picture(0) == Picture(width: 200, height: 150, pattern(3)))
    #expect(stand.bench.picture(1) == Picture(width: 64, height: 48) { pattern(3)($0 + 31, $1 + 17) })
    try stand.bench.driver.expectOK(.unref(id: stand.picture.resource))
    #expect(stand.bench.picture(0) == nil && stand.bench.picture(1) == nil)
    try stand.bench.driver.expectOK(stand.create())
    try stand.show()
    #expect(stand.bench.picture(0) == Picture(width: 200, height: 150, pattern(3)))
    try stand.bench.driver.bringUp()
    #expect(stand.bench.picture(0) == nil)
    try stand.bench.expectSaneAfterReset()
  }

  @Test(arguments: DevicePath.allCases)
  func `a blob whose memory is unmapped while it is shown turns black`(_ path: DevicePath) throws {
    let stand = try Stand(path)
    let bench = stand.bench, id = stand.picture.resource
    let whole = GPURect(0, 0, 32, 32)
    try bench.driver.expectOK(.detachBacking(id: id))
    let other = Framebuffer(
      resource: 70, format: .bgrx, width: 32, height: 32,
      backing: [GuestExtent(address: bench.neighbour.base, count: 4096)])
    try bench.driver.expectOK(
      .createBlob(id: 70, memory: 1, flags: 0, blobID: 0, size: 4096, other.backing.map(GPUMemoryEntry.init)))
    bench.driver.draw(other, pattern(5))
    try bench.driver.expectOK(
      .setScanoutBlob(
        whole, scanout: 0, resource: 70, width: 32, height: 32, format: GPUFormat.bgrx.rawValue, stride: 128,
        offset: 0))
    #expect(bench.picture() == Picture(width: 32, height: 32, pattern(5)))
    try bench.machine.unmapRAM(bench.neighbour)
    try bench.driver.flush(other)
    #expect(bench.picture()?.bytes.allSatisfy { $0 == 0 } == true)
    try bench.machine.mapRAM(bench.neighbour, access: .readWrite)
    try bench.driver.flush(other)
    #expect(bench.picture() == Picture(width: 32, height: 32, pattern(5)))
    try bench.expectSane()
  }

  @Test(arguments: DevicePath.allCases)
  func `a fenced flush and a fenced cursor of a blob are answered`(_ path: DevicePath) throws {
    let stand = try Stand(path)
    try stand.show()
    let flush = try stand.bench.driver.send(
      .flush(stand.picture.bounds, resource: stand.picture.resource), fence: 77)
    #expect(flush.isOK && flush.header?.fenceID == 77)
    let image = (0..<16384).map { UInt8(truncatingIfNeeded: $0 &* 13) }
    stand.bench.driver.write(image, at: 0, of: stand.picture)
    try stand.bench.driver.expectOK(
      .updateCursor(scanout: 0, x: 3, y: 4, resource: stand.picture.resource, hotX: 1, hotY: 2))
    let cursor = try #require(stand.bench.device.channel.cursor(ofOutput: 0))
    #expect(cursor.image == CursorImage(width: 64, height: 64, hotX: 1, hotY: 2, pixels: image))
  }

  @Test(arguments: DevicePath.allCases)
  func `the alignment stands in the configuration and holds once it is accepted`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    typealias Feature = GPULayout.Feature
    for isAccepted in [false, true] {
      var options = GPUDriver.Options()
      options.wantedFeatures |= 1 << UInt64(Feature.resourceBlob)
      if isAccepted { options.wantedFeatures |= 1 << UInt64(Feature.blobAlignment) }
      try bench.driver.bringUp(options)
      #expect(try bench.driver.function.readDevice(GPULayout.Config.blobAlignment, width: 4) == 4096)
      let page = [GPUMemoryEntry(address: Bench.ramBase, length: 4096)]
      let odd = try bench.driver.send(
        .createBlob(id: 5, memory: 1, flags: 0, blobID: 0, size: 4000, page))
      #expect(odd.isOK == !isAccepted)
      try bench.driver.expectOK(.createBlob(id: 6, memory: 1, flags: 0, blobID: 0, size: 4096, page))
    }
  }

  @Test(arguments: DevicePath.allCases)
  func `each resource answers with a UUID of its own`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    var options = GPUDriver.Options()
    options.wantedFeatures |= 1 << UInt64(GPULayout.Feature.resourceUUID)
    try bench.driver.bringUp(options)
    for id in 1...2 as ClosedRange<UInt32> {
      try bench.driver.expectOK(.createResource2D(id: id, format: 1, width: 8, height: 8))
    }
    func uuid(_ id: UInt32) throws -> [UInt8] {
      try #require(try bench.driver.send(.assignUUID(id: id)).uuid)
    }
    let names = [try uuid(1), try uuid(2)]
    #expect(names[0] != names[1])
    #expect(try uuid(1) == names[0] && uuid(2) == names[1])
    #expect(try bench.driver.send(.assignUUID(id: 3)).type == GPULayout.Response.invalidResourceID)
  }

  /// What is refused of blobs over the whole way; each field has rows in the tests of the module.
  @Test(arguments: DevicePath.allCases)
  func `what is wrong with a blob is refused and the device goes on`(_ path: DevicePath) throws {
    let stand = try Stand(path)
    typealias Response = GPULayout.Response
    let id = stand.picture.resource, page = [GPUMemoryEntry(address: Bench.ramBase, length: 4096)]
    func blob(_ memory: UInt32, _ size: UInt64, id: UInt32 = 50, flags: UInt32 = 0) -> GPUCommand {
      .createBlob(id: id, memory: memory, flags: flags, blobID: 0, size: size, page)
    }
    func scanout(_ stride: UInt32, _ offset: UInt32, _ id: UInt32, on output: UInt32 = 0) -> GPUCommand {
      .setScanoutBlob(
        GPURect(0, 0, 16, 16), scanout: output, resource: id, width: 16, height: 16, format: 1,
        stride: stride,
        offset: offset)
    }
    let rows: [(GPUCommand, UInt32)] = [
      (blob(0, 4096), Response.invalidParameter), (blob(2, 4096), Response.invalidParameter),
      (blob(3, 4096), Response.invalidParameter), (blob(1, 4097), Response.invalidParameter),
      (blob(1, 0), Response.invalidParameter), (blob(1, 4096, flags: 8), Response.invalidParameter),
      (blob(1, 4096, id: 0), Response.invalidResourceID), (blob(1, 4096, id: id), Response.invalidResourceID),
      (scanout(63, 0, id), Response.invalidParameter), (scanout(.max, 0, id), Response.invalidParameter),
      (scanout(64, .max, id), Response.invalidParameter), (scanout(64, 0, 51), Response.invalidResourceID),
      (scanout(64, 0, id, on: 2), Response.invalidScanoutID),
      (.setScanout(GPURect(0, 0, 16, 16), scanout: 0, resource: id), Response.invalidParameter),
      (.raw(type: 0x0208, [UInt8](repeating: 1, count: 16)), Response.unspecified),
      (.raw(type: 0x0209, [UInt8](repeating: 1, count: 8)), Response.unspecified),
      (.transferToHost2D(GPURect(0, 0, 9, 9), offset: 0, resource: id), Response.okNoData),
    ]
    for (command, expected) in rows {
      let reply = try stand.bench.driver.send(command, fence: 5)
      #expect(reply.type == expected, "\(command)")
      #expect(reply.header?.fenceID == 5)
    }
    try stand.bench.expectSane()
  }
}
