import GuestDriver
import Testing

/// GPU requests that are wrong in their fields, their length, their queue or their order.
@Suite struct CommandMaliceTests {
  func staged(_ path: DevicePath) throws -> Bench {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    for command in Stage.commands { try bench.driver.expectOK(command) }
    return bench
  }

  @Test(arguments: DevicePath.allCases, CommandRows.all)
  func `a request is answered as its fields deserve`(_ path: DevicePath, _ row: CommandRow) throws {
    let bench = try staged(path)
    for command in row.before { try bench.driver.expectOK(command) }
    let reply = try bench.driver.send(row.command, fence: 0xfeed_0000_0000_0001)
    #expect(row.answers.contains(reply.type), "0x\(String(reply.type, radix: 16))")
    #expect(reply.usedLength == UInt32(GPULayout.headerSize))
    #expect(reply.header?.isFenced == true && reply.header?.fenceID == 0xfeed_0000_0000_0001)
    #expect(reply.restIsUntouched)
    try bench.expectSane()
  }

  @Test(arguments: DevicePath.allCases)
  func `of all formats up to 300 the eight are accepted`(_ path: DevicePath) throws {
    let bench = try staged(path)
    let accepted = try (UInt32(0)...300).filter { format in
      try bench.driver.send(.createResource2D(id: 1000 + format, format: format, width: 2, height: 2)).isOK
    }
    #expect(accepted == [1, 2, 3, 4, 67, 68, 121, 134])
  }

  // MARK: Framing

  @Test(arguments: DevicePath.allCases, CommandRows.valid)
  func `a request cut at any byte is refused`(_ path: DevicePath, _ command: GPUCommand) throws {
    let bench = try staged(path)
    let whole = command.encoded(fence: 3)
    for count in 1..<whole.count {
      let reply = try bench.driver.send(
        Array(whole.prefix(count)), on: command.queue, responseRoom: command.responseRoom)
      #expect((0x1200...0x1205).contains(reply.type), "\(count) bytes: \(reply.type)")
      if count >= GPULayout.headerSize { #expect(reply.header?.fenceID == 3, "\(count) bytes") }
    }
    let reply = try bench.driver.send(command, fence: 3)
    #expect(reply.isOK, "the whole request: \(reply.type)")
  }

  @Test(arguments: DevicePath.allCases, CommandRows.valid)
  func `bytes after a request are ignored`(_ path: DevicePath, _ command: GPUCommand) throws {
    for extra in [1, 4, 4096] {
      let bench = try staged(path)
      let reply = try bench.driver.send(
        command.encoded() + [UInt8](repeating: 0xff, count: extra), on: command.queue,
        responseRoom: command.responseRoom)
      #expect(reply.isOK, "\(extra) more: \(reply.type)")
    }
  }

  @Test(arguments: DevicePath.allCases, CommandRows.valid)
  func `a request on the other queue is refused`(_ path: DevicePath, _ command: GPUCommand) throws {
    let bench = try staged(path)
    let reply = try bench.driver.send(
      command.encoded(fence: 8), on: 1 - command.queue, responseRoom: command.responseRoom)
    #expect(reply.type == GPULayout.Response.unspecified)
    #expect(reply.header?.fenceID == 8)
    try bench.expectSane()
  }

  @Test(arguments: DevicePath.allCases, 0..<GPULayout.headerSize)
  func `an answer that has no room for its header is dropped`(_ path: DevicePath, _ room: Int) throws {
    let bench = try staged(path)
    for command in [GPUCommand.getDisplayInfo, .unref(id: 1234), .raw(type: 0, [])] {
      let reply = try bench.driver.send(command.encoded(fence: 1), responseRoom: room)
      #expect(Int(reply.usedLength) <= room)
      #expect(reply.restIsUntouched)
    }
    try bench.expectSane()
  }

  @Test(arguments: DevicePath.allCases, [24, 25, 48, 100, 400, 407])
  func `an answer that does not fit is an error or a header`(_ path: DevicePath, _ room: Int) throws {
    let bench = try staged(path)
    for command in [GPUCommand.getDisplayInfo, .getEDID(scanout: 0)] {
      let reply = try bench.driver.send(command.encoded(fence: 6), responseRoom: room)
      #expect(Int(reply.usedLength) <= room)
      #expect(!reply.isOK)
      #expect(reply.header?.fenceID == 6)
      #expect(reply.restIsUntouched)
    }
    try bench.expectSane()
  }

  static let layouts: [ChainLayout] = {
    var layouts: [ChainLayout] = []
    for cut in [ChainLayout.Cut.whole, .every(1), .every(5), .pieces(2), .sizes([23]), .sizes([24])] {
      for indirection in [ChainLayout.Indirection.none, .all, .after(1)] {
        layouts.append(ChainLayout(request: cut, response: cut, indirection: indirection, skew: 3))
      }
    }
    layouts.append(ChainLayout(request: .every(3), response: .every(7), indirection: .after(5)))
    var marked = ChainLayout(request: .pieces(3), indirection: .all)
    marked.marksIndirectWritable = true
    layouts.append(marked)
    marked.indirection = .after(2)
    layouts.append(marked)
    var scattered = ChainLayout(request: .every(2), response: .every(11), skew: 1)
    scattered.scatters = true
    layouts.append(scattered)
    return layouts
  }()

  @Test(arguments: DevicePath.allCases, layouts)
  func `a request may be cut into descriptors anywhere`(_ path: DevicePath, _ layout: ChainLayout) throws {
    let bench = try staged(path)
    let commands: [GPUCommand] = [
      .createResource2D(id: 60, format: 1, width: 9, height: 9),
      .attachBacking(
        id: 60, (0..<3).map { GPUMemoryEntry(address: Stage.memory + $0 * 4096, length: 108) }),
      .transferToHost2D(GPURect(0, 0, 9, 9), offset: 0, resource: 60),
      .flush(GPURect(0, 0, 9, 9), resource: 60), .unref(id: 60),
    ]
    for command in commands {
      let reply = try bench.driver.send(command, fence: 4, layout: layout)
      #expect(reply.type == GPULayout.Response.okNoData && reply.header?.fenceID == 4, "\(command)")
      #expect(reply.usedLength == UInt32(GPULayout.headerSize))
    }
    // One byte each would make a chain longer than the queue.
    guard layout.response != .every(1) else { return }
    let reply = try bench.driver.send(.getDisplayInfo, layout: layout)
    #expect(reply.displays?.first?.rect.width == 1024)
  }

  @Test(arguments: DevicePath.allCases)
  func `a request may cross from one memory region into the next`(_ path: DevicePath) throws {
    let bench = try staged(path)
    let request = GPUCommand.createResource2D(id: 61, format: 1, width: 9, height: 9).encoded(fence: 2)
    for before in [1, 16, 39] {
      let at = bench.neighbour.base - UInt64(before)
      bench.ram.write(request, at: at)
      let response = GuestExtent(address: bench.neighbour.base + 4096, count: 24)
      bench.ram.fill(response.address, count: 24, with: 0xa5)
      let chain = try bench.ram.describe(
        request: [GuestExtent(address: at, count: request.count)], response: [response])
      #expect(try bench.driver.send(chain).type == GPULayout.Response.okNoData)
      try bench.driver.expectOK(.unref(id: 61))
    }
    let at = bench.neighbour.base - 11
    bench.ram.write(GPUCommand.getDisplayInfo.encoded(), at: Stage.memory)
    let chain = try bench.ram.describe(
      request: [GuestExtent(address: Stage.memory, count: 24)],
      response: [GuestExtent(address: at, count: GPULayout.displayInfoSize)])
    #expect(try bench.driver.send(chain).displays?[0].rect.height == 768)
  }

  // MARK: Headers

  @Test(
    arguments: DevicePath.allCases,
    [
      GPUHeader(type: 0, contextID: .max), GPUHeader(type: 0, flags: 1, fenceID: 7, contextID: 5),
      GPUHeader(type: 0, flags: 2, ringIndex: 0), GPUHeader(type: 0, flags: 3, fenceID: 9, ringIndex: 63),
      GPUHeader(type: 0, flags: 3, fenceID: 9, ringIndex: 64),
      GPUHeader(type: 0, flags: 3, fenceID: 9, ringIndex: 255),
      GPUHeader(type: 0, flags: .max, fenceID: .max, contextID: .max, ringIndex: 255),
      GPUHeader(type: 0, flags: 0xffff_fffc, fenceID: 11),
    ])
  func `a header with anything in it is answered, with its fence`(_ path: DevicePath, _ header: GPUHeader)
    throws
  {
    let bench = try staged(path)
    for command in [GPUCommand.getDisplayInfo, .flush(GPURect(0, 0, 1, 1), resource: Stage.shown)] {
      let reply = try bench.driver.send(command.encoded(header), responseRoom: command.responseRoom)
      let answer = try #require(reply.header)
      #expect((0x1100...0x1205).contains(answer.type))
      #expect(answer.isFenced == header.isFenced)
      if header.isFenced { #expect(answer.fenceID == header.fenceID) }
    }
    try bench.expectSane()
  }

  // MARK: Sequences

  @Test(arguments: DevicePath.allCases)
  func `memory for resources ends, comes back whole, and ends at the same place`(_ path: DevicePath) throws {
    let bench = try staged(path)
    func fill() throws -> [UInt32] {
      var ids: [UInt32] = []
      while ids.count < 4096 {
        let id = UInt32(5000 + ids.count)
        let reply = try bench.driver.send(
          .createResource2D(id: id, format: 1, width: 2048, height: 2048))
        guard reply.isOK else {
          #expect(reply.type == GPULayout.Response.outOfMemory)
          return ids
        }
        ids.append(id)
      }
      Issue.record("64 GiB are more than a guest should be given")
      return ids
    }
    let first = try fill()
    #expect(!first.isEmpty)
    for id in first { try bench.driver.expectOK(.unref(id: id)) }
    let second = try fill()
    #expect(second.count == first.count)
    try bench.expectSaneAfterReset()
    #expect(try fill().count >= first.count)
  }

  @Test(arguments: DevicePath.allCases)
  func `ten thousand tiny resources are kept or refused for memory`(_ path: DevicePath) throws {
    let bench = try staged(path)
    for id: UInt32 in 10_000..<20_000 {
      let type = try bench.driver.send(.createResource2D(id: id, format: 1, width: 1, height: 1)).type
      guard type != GPULayout.Response.outOfMemory else { break }
      guard type == GPULayout.Response.okNoData else {
        Issue.record("\(type) for resource \(id)")
        return
      }
    }
    try bench.expectSaneAfterReset()
  }

  @Test(arguments: DevicePath.allCases)
  func `the same id is created and freed five thousand times`(_ path: DevicePath) throws {
    let bench = try staged(path)
    for _ in 0..<5000 {
      try bench.driver.expectOK(.createResource2D(id: 70, format: 1, width: 64, height: 64))
      try bench.driver.expectOK(.unref(id: 70))
    }
    try bench.expectSane()
  }

  @Test(arguments: DevicePath.allCases)
  func `an output switches between sizes a thousand times`(_ path: DevicePath) throws {
    let bench = try staged(path)
    try bench.driver.expectOK(.createResource2D(id: 71, format: 1, width: 1920, height: 1080))
    for turn in 0..<1000 {
      let rect = [GPURect(0, 0, 1, 1), GPURect(0, 0, 1920, 1080), GPURect(1919, 1079, 1, 1)][turn % 3]
      try bench.driver.expectOK(.setScanout(rect, scanout: 0, resource: 71))
    }
    let last = try #require(bench.picture())
    #expect(last.width == 1 && last.height == 1)
    try bench.expectSane()
  }

  @Test(arguments: DevicePath.allCases)
  func `all outputs on one resource go dark when it is freed`(_ path: DevicePath) throws {
    let bench = try Bench(path, outputs: Array(repeating: (640, 480), count: 16))
    try bench.driver.bringUp()
    try bench.driver.expectOK(.createResource2D(id: 1, format: 1, width: 32, height: 32))
    for scanout: UInt32 in 0..<16 {
      try bench.driver.expectOK(.setScanout(GPURect(0, 0, 32, 32), scanout: scanout, resource: 1))
    }
    try bench.driver.expectOK(.flush(GPURect(0, 0, 32, 32), resource: 1))
    for output in 0..<16 { #expect(bench.picture(output) != nil) }
    try bench.driver.expectOK(.unref(id: 1))
    for output in 0..<16 { #expect(bench.picture(output) == nil) }
    try bench.expectSane()
  }

  @Test(arguments: DevicePath.allCases)
  func `a resource re-created under a shown id is not shown`(_ path: DevicePath) throws {
    let bench = try staged(path)
    try bench.driver.expectOK(.unref(id: Stage.shown))
    try bench.driver.expectOK(.createResource2D(id: Stage.shown, format: 1, width: 16, height: 16))
    try bench.driver.expectOK(.flush(GPURect(0, 0, 16, 16), resource: Stage.shown))
    #expect(bench.picture() == nil)
  }

  @Test(arguments: DevicePath.allCases)
  func `EDID is refused where its feature was not accepted`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    var options = GPUDriver.Options()
    options.wantedFeatures &= ~(1 << UInt64(GPULayout.Feature.edid))
    try bench.driver.bringUp(options)
    let reply = try bench.driver.send(.getEDID(scanout: 0), fence: 1)
    #expect(reply.type == GPULayout.Response.unspecified || reply.type == GPULayout.Response.invalidParameter)
    try bench.expectSane()
  }

  @Test(arguments: DevicePath.allCases)
  func `a device answers nothing of another machine's memory`(_ path: DevicePath) throws {
    let bench = try staged(path)
    // A new resource shows black, not what was in that memory before.
    for turn in 0..<20 {
      let id = UInt32(200 + turn)
      try bench.driver.expectOK(.createResource2D(id: id, format: 1, width: 100, height: 100))
      try bench.driver.expectOK(.setScanout(GPURect(0, 0, 100, 100), scanout: 0, resource: id))
      try bench.driver.expectOK(.flush(GPURect(0, 0, 100, 100), resource: id))
      #expect(try #require(bench.picture()).bytes.allSatisfy { $0 == 0 })
      let entry = GPUMemoryEntry(address: Stage.memory, length: 40_000)
      bench.ram.fill(Stage.memory, count: 40_000, with: 0x77)
      try bench.driver.expectOK(.attachBacking(id: id, [entry]))
      try bench.driver.expectOK(.transferToHost2D(GPURect(0, 0, 100, 100), offset: 0, resource: id))
      try bench.driver.expectOK(.unref(id: id))
    }
  }
}
