import GuestDriver

/// A driver of the GPU that keeps every rule and judges every answer.
///
/// It takes no optional ring feature, so that its cases say something of the GPU alone.
package final class GPUProbe {
  package let bench: ConformanceBench
  package let driver: GPUDriver
  /// `num_scanouts`, as far as scanouts can be numbered (virtio 1.4 §5.7.4.1).
  package let scanoutCount: UInt32
  private var lastFence: UInt64 = 0x1122_3344_0000_0000

  /// Brings the device up; EDID is accepted if it is offered, and so are `features`, bit numbers.
  package init(_ bench: ConformanceBench, accepting features: [Int] = []) throws {
    self.bench = bench
    driver = bench.gpuDriver()
    driver.timeoutInMilliseconds = bench.patience.answerInMilliseconds
    var options = GPUDriver.Options()
    options.wantedFeatures = ([GPULayout.Feature.edid] + features)
      .reduce(bench.plainFeatures) { $0 | 1 << UInt64($1) }
    options.usesVectors = bench.shows(.interrupts)
    try driver.bringUp(options)
    let count = try driver.function.readDevice(GPULayout.Config.scanoutCount, width: 4)
    scanoutCount = UInt32(clamping: min(count, UInt64(GPULayout.maximumScanouts)))
  }

  /// Numbers that no scanout has.
  package var absentScanouts: [UInt32] {
    [scanoutCount, UInt32(GPULayout.maximumScanouts), 0x7fff_ffff, 0xffff_ffff].filter { $0 >= scanoutCount }
  }

  // MARK: Requests

  /// Sends a request and hands out the answer's header, which has to be whole and of a response type.
  ///
  /// - Parameter header: flags, fence, context and ring; its type is the command's own.
  package func send(
    _ command: GPUCommand, _ header: GPUHeader = GPUHeader(type: 0), layout: ChainLayout = ChainLayout()
  ) throws -> GPUReply {
    let reply: GPUReply
    do {
      reply = try driver.send(
        command.encoded(header), on: command.queue, responseRoom: command.responseRoom, layout: layout)
    } catch let error as DriverError {
      throw Unanswered(command: command, error: error)
    }
    _ = try Self.header(reply, command)
    return reply
  }

  /// Sends a cursor command without room for a response, as drivers do.
  package func point(_ command: GPUCommand) throws {
    let reply = try driver.send(command.encoded(), on: GPULayout.cursorQueue, responseRoom: 0)
    try expect(reply.usedLength == 0, came: "\(command.name): len \(reply.usedLength) without room")
  }

  /// The header of an answer, if it is that of a response.
  package static func header(_ reply: GPUReply, _ command: GPUCommand) throws -> GPUHeader {
    guard let header = reply.header else {
      throw Deviation("\(command.name) is answered with \(reply.usedLength) bytes, which is no header")
    }
    guard header.isSuccess || header.isError else {
      throw Deviation("\(command.name) is answered with the type \(hex(header.type)), no response")
    }
    return header
  }

  /// Sends a request that has to succeed with its own kind of answer, all of it.
  @discardableResult
  package func succeed(
    _ command: GPUCommand, _ header: GPUHeader = GPUHeader(type: 0), layout: ChainLayout = ChainLayout()
  ) throws -> GPUReply {
    let reply = try send(command, header, layout: layout)
    let wanted = command.successType
    guard reply.type == wanted else {
      throw Deviation("\(command.name) is answered with \(hex(reply.type)), not \(hex(wanted))")
    }
    guard Int(reply.usedLength) >= command.responseRoom else {
      throw Deviation("\(command.name): \(reply.usedLength) bytes of \(command.responseRoom) are there")
    }
    return reply
  }

  /// Sends a request that cannot succeed; any of the error responses will do, since nothing says which error is
  /// whose.
  @discardableResult
  package func fail(
    _ command: GPUCommand, _ why: String, _ header: GPUHeader = GPUHeader(type: 0)
  ) throws -> GPUHeader {
    let answer = try Self.header(try send(command, header), command)
    guard answer.isError else {
      throw Deviation("\(command.name) \(why) is answered with \(hex(answer.type)), no error")
    }
    return answer
  }

  /// Whether the queue still gives answers.
  package func goesOn() throws { try succeed(.getDisplayInfo) }

  /// A header with a fence that was not used before.
  package func fence() -> GPUHeader {
    lastFence += 1
    return GPUHeader(type: 0, flags: GPULayout.fenceFlag, fenceID: lastFence)
  }

  /// Fails the case unless an answer carries the fence of its request.
  package static func expectFence(_ answer: GPUHeader?, of header: GPUHeader, _ name: String) throws {
    guard let answer else { throw Deviation("\(name): no response with the fence") }
    guard answer.isFenced else {
      throw Deviation("\(name): the response's flags are \(hex(answer.flags)), without the fence")
    }
    try expect("\(name): fence_id", answer.fenceID, is: header.fenceID)
  }

  // MARK: Framebuffers

  /// Backing, a resource, and the one attached to the other.
  package func framebuffer(
    _ width: Int, _ height: Int, _ format: GPUFormat = .bgrx, layout: BackingLayout = .contiguous
  ) throws -> Framebuffer {
    let new = Framebuffer(
      resource: driver.makeResourceID(), format: format, width: width, height: height,
      backing: try driver.allocateBacking(width * height * 4, layout))
    try succeed(.create(new))
    try succeed(.attach(new))
    return new
  }

  /// Fills the backing with a pattern of this seed, and the resource from it.
  package func fill(_ framebuffer: Framebuffer, _ seed: Int, in rect: GPURect? = nil) throws {
    driver.draw(framebuffer, in: rect, TestPattern.pixel(seed))
    try transfer(framebuffer, rect)
  }

  /// Copies a rectangle of the backing into the resource, with a fence.
  package func transfer(_ framebuffer: Framebuffer, _ rect: GPURect? = nil) throws {
    try succeed(.transfer(framebuffer, rect), fence())
  }

  /// Flushes a rectangle, with a fence.
  package func flush(_ framebuffer: Framebuffer, _ rect: GPURect? = nil) throws {
    try succeed(.flush(rect ?? framebuffer.bounds, resource: framebuffer.resource), fence())
  }

  /// Shows a framebuffer, or a rectangle of it, and flushes it.
  package func show(_ framebuffer: Framebuffer, _ rect: GPURect? = nil, on scanout: UInt32 = 0) throws {
    try succeed(
      .setScanout(rect ?? framebuffer.bounds, scanout: scanout, resource: framebuffer.resource), fence())
    try flush(framebuffer)
  }

  /// Fails the case unless a scanout shows this.
  package func expectPicture(
    _ width: Int, _ height: Int, on scanout: Int = 0, _ what: String,
    _ pixel: (_ x: Int, _ y: Int) -> GPUPixel
  ) throws {
    guard let picture = try bench.picture(scanout: scanout) else {
      throw Deviation("\(what): scanout \(scanout) is off")
    }
    let wanted = TestPattern.picture(width, height, pixel)
    if let difference = picture.firstDifference(from: wanted) { throw Deviation("\(what): \(difference)") }
  }
}

/// Colours for pictures that show each pixel out of place.
package enum TestPattern {
  /// A colour that no two neighbours share, another one for each seed, and opaque: what a scanout does with opacity
  /// is nowhere said.
  package static func pixel(_ seed: Int) -> (_ x: Int, _ y: Int) -> GPUPixel {
    { x, y in
      var state = UInt32(truncatingIfNeeded: x &* 0x1_0193 &+ y &* 0x27d4_eb2f &+ seed &* 0x1656_67b1)
      state ^= state >> 14
      state = state &* 0x5bd1_e995
      state ^= state >> 13
      return GPUPixel(
        red: UInt8(truncatingIfNeeded: state), green: UInt8(truncatingIfNeeded: state >> 8),
        blue: UInt8(truncatingIfNeeded: state >> 16))
    }
  }

  /// A picture painted here, without the device.
  package static func picture(
    _ width: Int, _ height: Int, _ pixel: (_ x: Int, _ y: Int) -> GPUPixel
  ) -> ScreenPicture {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(width * height * 4)
    for y in 0..<height {
      for x in 0..<width {
        let pixel = pixel(x, y)
        bytes += [pixel.blue, pixel.green, pixel.red, 0]
      }
    }
    return ScreenPicture(width: width, height: height, bytes: bytes)
  }
}

/// A request that the machine did not bring an answer to.
private struct Unanswered: Error, CustomStringConvertible {
  let command: GPUCommand
  let error: DriverError

  var description: String { "\(command): \(ConformanceRun.text(error))" }
}

extension GPUHeader {
  /// One of the VIRTIO_GPU_RESP_OK_ types (virtio 1.4 §5.7.6.7).
  package var isSuccess: Bool { (0x1100...0x1106).contains(type) }
  /// One of the VIRTIO_GPU_RESP_ERR_ types.
  package var isError: Bool { (0x1200...0x1205).contains(type) }
}

extension GPUCommand {
  /// RESOURCE_CREATE_2D for a framebuffer.
  static func create(_ framebuffer: Framebuffer) -> GPUCommand {
    .createResource2D(
      id: framebuffer.resource, format: framebuffer.format.rawValue, width: UInt32(framebuffer.width),
      height: UInt32(framebuffer.height))
  }

  /// RESOURCE_ATTACH_BACKING with all of a framebuffer's pieces.
  static func attach(_ framebuffer: Framebuffer) -> GPUCommand {
    .attachBacking(id: framebuffer.resource, framebuffer.backing.map(GPUMemoryEntry.init))
  }

  /// TRANSFER_TO_HOST_2D of a rectangle, whose first byte in the backing the offset names.
  static func transfer(_ framebuffer: Framebuffer, _ rect: GPURect? = nil) -> GPUCommand {
    let rect = rect ?? framebuffer.bounds
    return .transferToHost2D(rect, offset: framebuffer.offset(of: rect), resource: framebuffer.resource)
  }

  /// What a success is answered with.
  var successType: UInt32 {
    switch self {
    case .getDisplayInfo: GPULayout.Response.okDisplayInfo
    case .getEDID: GPULayout.Response.okEDID
    case .assignUUID: GPULayout.Response.okResourceUUID
    default: GPULayout.Response.okNoData
    }
  }

  /// The specification's name without its prefix.
  var name: String {
    switch self {
    case .getDisplayInfo: "GET_DISPLAY_INFO"
    case .getEDID: "GET_EDID"
    case .createResource2D: "RESOURCE_CREATE_2D"
    case .unref: "RESOURCE_UNREF"
    case .setScanout: "SET_SCANOUT"
    case .flush: "RESOURCE_FLUSH"
    case .transferToHost2D: "TRANSFER_TO_HOST_2D"
    case .attachBacking, .attachBackingClaiming: "RESOURCE_ATTACH_BACKING"
    case .detachBacking: "RESOURCE_DETACH_BACKING"
    case .getCapsetInfo: "GET_CAPSET_INFO"
    case .getCapset: "GET_CAPSET"
    case .assignUUID: "RESOURCE_ASSIGN_UUID"
    case .createBlob: "RESOURCE_CREATE_BLOB"
    case .setScanoutBlob: "SET_SCANOUT_BLOB"
    case .mapBlob: "RESOURCE_MAP_BLOB"
    case .unmapBlob: "RESOURCE_UNMAP_BLOB"
    case .updateCursor: "UPDATE_CURSOR"
    case .moveCursor: "MOVE_CURSOR"
    case .raw(let type, _): "type \(hex(type))"
    }
  }
}
