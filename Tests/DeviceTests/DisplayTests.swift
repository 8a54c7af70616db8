import FrontEndAPI
import GuestDriver
import Testing

/// What a well-behaved driver draws, against pictures painted without the device.
@Suite struct DisplayTests {
  @Test(arguments: DevicePath.allCases, [1, 2, 3, 16])
  func `display information has the outputs' sizes, and nothing for the others`(
    _ path: DevicePath, _ count: Int
  ) throws {
    let outputs = (0..<count).map { (width: 640 + 16 * $0, height: 480 + 8 * $0) }
    let bench = try Bench(path, outputs: outputs)
    try bench.driver.bringUp()
    let reply = try bench.driver.send(.getDisplayInfo)
    #expect(reply.usedLength == UInt32(GPULayout.displayInfoSize))
    let displays = try #require(reply.displays)
    for (index, display) in displays.enumerated() {
      guard index < count else {
        #expect(display == .init(rect: GPURect(0, 0, 0, 0), isEnabled: false, flags: 0))
        continue
      }
      #expect(display.isEnabled)
      #expect(Int(display.rect.width) == outputs[index].width)
      #expect(Int(display.rect.height) == outputs[index].height)
    }
  }

  @Test(arguments: DevicePath.allCases, [(640, 480), (1024, 768), (1280, 800), (1920, 1080), (3840, 2160)])
  func `an output's EDID is valid and prefers the output's size`(_ path: DevicePath, _ size: (Int, Int))
    throws
  {
    let bench = try Bench(path, outputs: [(800, 600), (size.0, size.1)])
    try bench.driver.bringUp()
    let reply = try bench.driver.send(.getEDID(scanout: 1))
    #expect(reply.usedLength == UInt32(GPULayout.edidSize))
    let edid = try #require(reply.edid)
    #expect(edid.count >= 128 && edid.count % 128 == 0)
    #expect(Array(edid.prefix(8)) == [0, 255, 255, 255, 255, 255, 255, 0])
    #expect(edid[18] == 1, "EDID version 1")
    #expect(Int(edid[126]) == edid.count / 128 - 1, "the number of extensions")
    for block in stride(from: 0, to: edid.count, by: 128) {
      #expect(edid[block..<block + 128].reduce(0, &+) == 0, "checksum of the block at \(block)")
    }
    // VESA E-EDID 1.4 §3.10.2: the first detailed timing is the preferred one.
    let timing = Array(edid[54..<72])
    let clock = timing.field16(at: 0)
    #expect(clock != 0)
    #expect(Int(timing[2]) | Int(timing[4] >> 4) << 8 == size.0)
    #expect(Int(timing[5]) | Int(timing[7] >> 4) << 8 == size.1)
    // §3.10.3: among the other descriptors, one with tag 0xfc names the display.
    let tags = [72, 90, 108].map { Array(edid[$0..<$0 + 5]) }
    #expect(tags.contains([0, 0, 0, 0xfc, 0]))
    #expect(edid[21] > 0 && edid[22] > 0, "a physical size")
  }

  @Test(arguments: DevicePath.allCases)
  func `an EDID for an output that does not exist is refused`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    for scanout: UInt32 in [1, 15, 16, 0xffff_ffff] {
      #expect(try bench.driver.send(.getEDID(scanout: scanout)).type == GPULayout.Response.invalidScanoutID)
    }
  }

  @Test(arguments: DevicePath.allCases, GPUFormat.allCases)
  func `every format shows the colours that were drawn`(_ path: DevicePath, _ format: GPUFormat) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    let framebuffer = try bench.driver.createFramebuffer(width: 37, height: 11, format: format)
    bench.driver.draw(framebuffer, pattern(1))
    try bench.driver.show(framebuffer)
    try bench.driver.present(framebuffer)
    let picture = try #require(bench.picture())
    #expect(picture.firstDifference(from: Picture(width: 37, height: 11, pattern(1))) == nil)
  }

  @Test(
    arguments: DevicePath.allCases,
    [
      BackingLayout.contiguous, .shuffledPages(seed: 7), .pieces(1), .pieces(3), .pieces(4), .pieces(100),
      .pieces(4095), .pieces(8192),
    ])
  func `backing may lie in any pieces`(_ path: DevicePath, _ layout: BackingLayout) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    // At most 16384 pieces, the smallest of one byte.
    let (width, height) = layout == .pieces(1) ? (61, 67) : (150, 33)
    let framebuffer = try bench.driver.createFramebuffer(width: width, height: height, layout: layout)
    bench.driver.draw(framebuffer, pattern(2))
    try bench.driver.show(framebuffer)
    try bench.driver.present(framebuffer)
    let picture = try #require(bench.picture())
    #expect(picture.firstDifference(from: Picture(width: width, height: height, pattern(2))) == nil)
  }

  static let rectangles: [GPURect] = [
    GPURect(0, 0, 1, 1), GPURect(1, 1, 1, 1), GPURect(99, 69, 1, 1), GPURect(3, 5, 7, 11),
    GPURect(0, 5, 100, 1), GPURect(17, 0, 1, 70), GPURect(1, 0, 99, 70), GPURect(0, 1, 100, 69),
    GPURect(33, 13, 31, 29), GPURect(0, 0, 100, 70), GPURect(98, 0, 2, 70), GPURect(50, 69, 50, 1),
  ]

  @Test(arguments: DevicePath.allCases, rectangles)
  func `a transferred rectangle changes its own pixels and no others`(
    _ path: DevicePath, _ rect: GPURect
  ) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    let framebuffer = try bench.driver.createFramebuffer(
      width: 100, height: 70, layout: .shuffledPages(seed: 3))
    bench.driver.draw(framebuffer, pattern(1))
    try bench.driver.show(framebuffer)
    try bench.driver.present(framebuffer)
    bench.driver.draw(framebuffer, pattern(2))
    try bench.driver.present(framebuffer, rect)
    let inside = (x: Int(rect.x)..<Int(rect.x + rect.width), y: Int(rect.y)..<Int(rect.y + rect.height))
    let expected = Picture(width: 100, height: 70) { x, y in
      pattern(inside.x.contains(x) && inside.y.contains(y) ? 2 : 1)(x, y)
    }
    #expect(try #require(bench.picture()).firstDifference(from: expected) == nil)
  }

  @Test(arguments: DevicePath.allCases)
  func `the transfer offset names the rectangle's first byte in the backing`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    let framebuffer = try bench.driver.createFramebuffer(width: 40, height: 30)
    bench.driver.draw(framebuffer, pattern(1))
    try bench.driver.show(framebuffer)
    try bench.driver.present(framebuffer)
    // The rectangle at 20,10 takes its lines from those at 3,4, one stride apart.
    let offset = UInt64(4 * framebuffer.stride + 3 * 4)
    let rect = GPURect(20, 10, 9, 6)
    try bench.driver.expectOK(
      .transferToHost2D(rect, offset: offset, resource: framebuffer.resource))
    try bench.driver.flush(framebuffer)
    let expected = Picture(width: 40, height: 30) { x, y in
      (20..<29).contains(x) && (10..<16).contains(y) ? pattern(1)(x - 17, y - 6) : pattern(1)(x, y)
    }
    #expect(try #require(bench.picture()).firstDifference(from: expected) == nil)
  }

  @Test(arguments: DevicePath.allCases)
  func `the last line of a transfer need not fill its stride`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    let framebuffer = try bench.driver.createFramebuffer(width: 64, height: 64)
    let last = UInt64(framebuffer.byteCount)
    func transfer(_ rect: GPURect, endingAt end: UInt64) throws -> UInt32 {
      let span = UInt64(rect.height - 1) * UInt64(framebuffer.stride) + UInt64(rect.width) * 4
      return try bench.driver.send(
        .transferToHost2D(rect, offset: end - span, resource: framebuffer.resource)
      ).type
    }
    #expect(try transfer(GPURect(3, 2, 5, 4), endingAt: last) == GPULayout.Response.okNoData)
    #expect(try transfer(GPURect(3, 2, 5, 4), endingAt: last + 1) == GPULayout.Response.invalidParameter)
    #expect(try transfer(GPURect(0, 0, 64, 64), endingAt: last) == GPULayout.Response.okNoData)
  }

  @Test(arguments: DevicePath.allCases)
  func `nothing is shown before the flush`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    let framebuffer = try bench.driver.createFramebuffer(width: 32, height: 16)
    bench.driver.draw(framebuffer, pattern(1))
    try bench.driver.show(framebuffer)
    try bench.driver.present(framebuffer)
    #expect(bench.picture() == Picture(width: 32, height: 16, pattern(1)))
    // Drawn but not transferred: the resource keeps its pixels.
    bench.driver.draw(framebuffer, pattern(2))
    try bench.driver.flush(framebuffer)
    #expect(bench.picture() == Picture(width: 32, height: 16, pattern(1)))
  }

  @Test(arguments: DevicePath.allCases)
  func `damage is what was flushed, and an idle output has none`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    let framebuffer = try bench.driver.createFramebuffer(width: 200, height: 100)
    try bench.driver.show(framebuffer)
    try bench.driver.present(framebuffer)
    _ = bench.device.channel.takeChanges(ofOutput: 0)
    #expect(try #require(bench.device.channel.takeChanges(ofOutput: 0)).isEmpty)
    try bench.driver.present(framebuffer, GPURect(10, 20, 30, 40))
    let changes = try #require(bench.device.channel.takeChanges(ofOutput: 0))
    #expect(!changes.isReplaced)
    #expect(changes.damage == [Rectangle(x: 10, y: 20, width: 30, height: 40)])
    #expect(try #require(bench.device.channel.takeChanges(ofOutput: 0)).isEmpty)
  }

  @Test(arguments: DevicePath.allCases)
  func `a page flip shows the other framebuffer`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    let pages = try (0..<2).map { _ in try bench.driver.createFramebuffer(width: 65, height: 33) }
    for turn in 0..<6 {
      let page = pages[turn % 2]
      bench.driver.draw(page, pattern(turn))
      try bench.driver.transfer(page)
      try bench.driver.show(page)
      try bench.driver.flush(page)
      let expected = Picture(width: 65, height: 33, pattern(turn))
      #expect(try #require(bench.picture()).firstDifference(from: expected) == nil)
    }
  }

  @Test(arguments: DevicePath.allCases)
  func `outputs show rectangles of one framebuffer, or the same one`(_ path: DevicePath) throws {
    let bench = try Bench(path, outputs: [(64, 64), (64, 64), (64, 64)])
    try bench.driver.bringUp()
    let framebuffer = try bench.driver.createFramebuffer(width: 150, height: 80)
    bench.driver.draw(framebuffer, pattern(5))
    let views = [GPURect(0, 0, 64, 64), GPURect(61, 13, 79, 51), GPURect(0, 0, 64, 64)]
    for (index, view) in views.enumerated() {
      try bench.driver.show(framebuffer, view, on: UInt32(index))
    }
    try bench.driver.present(framebuffer)
    for (index, view) in views.enumerated() {
      let expected = Picture(width: Int(view.width), height: Int(view.height)) { x, y in
        pattern(5)(x + Int(view.x), y + Int(view.y))
      }
      #expect(try #require(bench.picture(index)).firstDifference(from: expected) == nil)
    }
    // A rectangle that only the second output shows.
    bench.driver.draw(framebuffer, pattern(6))
    for index in 0..<3 { _ = bench.device.channel.takeChanges(ofOutput: index) }
    try bench.driver.present(framebuffer, GPURect(100, 20, 10, 10))
    #expect(try #require(bench.device.channel.takeChanges(ofOutput: 0)).damage.isEmpty)
    #expect(
      try #require(bench.device.channel.takeChanges(ofOutput: 1)).damage
        == [Rectangle(x: 39, y: 7, width: 10, height: 10)])
  }

  @Test(arguments: DevicePath.allCases)
  func `outputs have framebuffers of their own and are turned off one by one`(_ path: DevicePath) throws {
    let bench = try Bench(path, outputs: [(64, 64), (80, 60)])
    try bench.driver.bringUp()
    var framebuffers: [Framebuffer] = []
    for (index, size) in [(64, 64), (80, 60)].enumerated() {
      let framebuffer = try bench.driver.createFramebuffer(width: size.0, height: size.1)
      bench.driver.draw(framebuffer, pattern(10 + index))
      try bench.driver.show(framebuffer, on: UInt32(index))
      try bench.driver.present(framebuffer)
      framebuffers.append(framebuffer)
    }
    #expect(bench.picture(0) == Picture(width: 64, height: 64, pattern(10)))
    #expect(bench.picture(1) == Picture(width: 80, height: 60, pattern(11)))
    try bench.driver.expectOK(.setScanout(GPURect(0, 0, 0, 0), scanout: 0, resource: 0))
    #expect(bench.picture(0) == nil)
    #expect(bench.picture(1) == Picture(width: 80, height: 60, pattern(11)))
    try bench.driver.expectOK(.unref(id: framebuffers[1].resource))
    #expect(bench.picture(1) == nil)
  }

  @Test(arguments: DevicePath.allCases)
  func `a reset turns every output off and forgets every resource`(_ path: DevicePath) throws {
    let bench = try Bench(path, outputs: [(64, 64), (64, 64)])
    try bench.driver.bringUp()
    let framebuffer = try bench.driver.createFramebuffer(width: 64, height: 64)
    try bench.driver.show(framebuffer, on: 0)
    try bench.driver.show(framebuffer, on: 1)
    try bench.driver.present(framebuffer)
    try bench.driver.bringUp()
    #expect(bench.picture(0) == nil && bench.picture(1) == nil)
    let reply = try bench.driver.send(.flush(framebuffer.bounds, resource: framebuffer.resource))
    #expect(reply.type == GPULayout.Response.invalidResourceID)
    try bench.expectSane()
  }

  @Test(arguments: DevicePath.allCases)
  func `detached backing leaves the pixels, and new backing replaces them`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    var framebuffer = try bench.driver.createFramebuffer(width: 48, height: 20)
    bench.driver.draw(framebuffer, pattern(1))
    try bench.driver.show(framebuffer)
    try bench.driver.present(framebuffer)
    try bench.driver.expectOK(.detachBacking(id: framebuffer.resource))
    try bench.driver.flush(framebuffer)
    #expect(bench.picture() == Picture(width: 48, height: 20, pattern(1)))
    framebuffer.backing = try bench.driver.allocateBacking(framebuffer.byteCount, .pieces(333))
    try bench.driver.expectOK(
      .attachBacking(id: framebuffer.resource, framebuffer.backing.map(GPUMemoryEntry.init)))
    bench.driver.draw(framebuffer, pattern(2))
    try bench.driver.present(framebuffer)
    #expect(bench.picture() == Picture(width: 48, height: 20, pattern(2)))
  }

  @Test(arguments: DevicePath.allCases)
  func `backing may cross from one memory region into the next`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    let framebuffer = Framebuffer(
      resource: 77, format: .rgbx, width: 100, height: 100,
      backing: [GuestExtent(address: bench.neighbour.base - 20_002, count: 40_000)])
    try bench.driver.expectOK(
      .createResource2D(id: 77, format: GPUFormat.rgbx.rawValue, width: 100, height: 100))
    try bench.driver.expectOK(.attachBacking(id: 77, framebuffer.backing.map(GPUMemoryEntry.init)))
    bench.driver.draw(framebuffer, pattern(9))
    try bench.driver.show(framebuffer)
    try bench.driver.present(framebuffer)
    let expected = Picture(width: 100, height: 100, pattern(9))
    #expect(try #require(bench.picture()).firstDifference(from: expected) == nil)
  }

  @Test(arguments: DevicePath.allCases)
  func `backing in memory that the device may only read is enough for a transfer`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    let framebuffer = Framebuffer(
      resource: 78, format: .bgrx, width: 10, height: 10,
      backing: [GuestExtent(address: bench.readOnly.base, count: 400)])
    try bench.driver.expectOK(
      .createResource2D(id: 78, format: GPUFormat.bgrx.rawValue, width: 10, height: 10))
    try bench.driver.expectOK(.attachBacking(id: 78, framebuffer.backing.map(GPUMemoryEntry.init)))
    bench.driver.draw(framebuffer, pattern(4))
    try bench.driver.show(framebuffer)
    try bench.driver.present(framebuffer)
    #expect(bench.picture() == Picture(width: 10, height: 10, pattern(4)))
  }

  @Test(arguments: DevicePath.allCases, [(640, 480), (1280, 800), (1920, 1080), (3840, 2160)])
  func `a frame of a usual size is right to the last byte`(_ path: DevicePath, _ size: (Int, Int)) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    let framebuffer = try bench.driver.createFramebuffer(
      width: size.0, height: size.1, layout: .shuffledPages(seed: 11))
    // Every line is a piece of the same noise from another place, which is quick to make.
    let noise = (0..<size.0 * 4 + 4096).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 / 253 &* 7) }
    let shown = noise.indices.map { $0 % 4 == 3 ? 0 : noise[$0] }
    func frame(of source: [UInt8]) -> [UInt8] {
      var frame: [UInt8] = []
      for y in 0..<size.1 { frame += source[y * 52 % 4096..<y * 52 % 4096 + size.0 * 4] }
      return frame
    }
    bench.driver.write(frame(of: noise), at: 0, of: framebuffer)
    try bench.driver.show(framebuffer)
    try bench.driver.present(framebuffer)
    let picture = try #require(bench.picture())
    let whole = Picture(width: size.0, height: size.1, bytes: frame(of: shown))
    #expect(picture.firstDifference(from: whole) == nil)
  }

  // MARK: Fences

  @Test(arguments: DevicePath.allCases, [UInt64(0), 1, 0x8000_0000_0000_0000, .max])
  func `a fence comes back with every answer, refusals included`(_ path: DevicePath, _ fence: UInt64) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    let commands: [GPUCommand] = [
      .getDisplayInfo, .getEDID(scanout: 0), .getEDID(scanout: 99),
      .createResource2D(id: 5, format: 1, width: 8, height: 8),
      .createResource2D(id: 5, format: 1, width: 8, height: 8), .unref(id: 1234), .unref(id: 5),
      .raw(type: 0xffff_ffff, []), .raw(type: 0x0101, [1]), .moveCursor(scanout: 0, x: 1, y: 1),
      .moveCursor(scanout: 99, x: 1, y: 1),
    ]
    for command in commands {
      let reply = try bench.driver.send(command, fence: fence)
      let header = try #require(reply.header, "\(command)")
      #expect(header.isFenced && header.fenceID == fence, "\(command)")
    }
    let plain = try #require(try bench.driver.send(.getDisplayInfo).header)
    #expect(!plain.isFenced)
  }

  @Test(arguments: DevicePath.allCases)
  func `many requests in flight are all answered, each with its own fence`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    for round in 0..<20 {
      var chains: [UInt16: (LaidOutChain, UInt64)] = [:]
      let ring = bench.driver.ring(0), old = ring.availableIndex
      for index in 0..<ring.size / 2 {
        let fence = UInt64(round * 1000 + index)
        let chain = try bench.ram.layOut(
          request: GPUCommand.getDisplayInfo.encoded(fence: fence), responseRoom: GPULayout.displayInfoSize)
        chains[try ring.offer(chain.descriptors)] = (chain, fence)
      }
      if ring.wantsKick(since: old) { try bench.driver.kick(0) }
      while !chains.isEmpty {
        let element = try bench.driver.awaitUsed()
        let head = try #require(UInt16(exactly: element.head))
        let removed = chains.removeValue(forKey: head)
        let (chain, fence) = try #require(removed)
        let reply = GPUReply(usedLength: element.length, room: bench.driver.answer(in: chain))
        #expect(reply.header?.fenceID == fence && reply.displays != nil)
      }
    }
  }

  @Test(arguments: DevicePath.allCases)
  func `a fenced transfer has read its backing when it is answered`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    let framebuffer = try bench.driver.createFramebuffer(width: 160, height: 120)
    try bench.driver.show(framebuffer)
    for turn in 0..<10 {
      let colour = GPUPixel(red: UInt8(turn), green: 200, blue: UInt8(255 - turn))
      bench.driver.draw(framebuffer) { _, _ in colour }
      let reply = try bench.driver.send(
        .transferToHost2D(framebuffer.bounds, offset: 0, resource: framebuffer.resource), fence: 9)
      #expect(reply.isOK)
      // The guest reuses its pages at once.
      bench.driver.draw(framebuffer, in: GPURect(0, 0, 160, 4)) { _, _ in GPUPixel(red: 1, green: 1, blue: 1)
      }
      try bench.driver.flush(framebuffer)
      let expected = Picture(width: 160, height: 120) { _, _ in colour }
      #expect(try #require(bench.picture()).firstDifference(from: expected) == nil)
    }
  }
}
