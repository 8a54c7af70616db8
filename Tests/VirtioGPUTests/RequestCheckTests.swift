import CVirtioGPUABI
import DisplayModel
import Testing

@testable import VirtioGPU

/// One request and the answer it must get, in a guest where some resources exist (`makeGuest`).
struct CheckRow: Sendable, CustomTestStringConvertible {
  let name: String
  let request: [UInt8]
  let expected: UInt32
  var queue = 0

  init(_ name: String, _ request: [UInt8], _ expected: virtio_gpu_ctrl_type, queue: Int = 0) {
    self.name = name
    self.request = request
    self.expected = expected.rawValue
    self.queue = queue
  }

  var testDescription: String { name }
}

private let ok = VIRTIO_GPU_RESP_OK_NODATA
private let unspecified = VIRTIO_GPU_RESP_ERR_UNSPEC
private let memory = VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY
private let scanout = VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID
private let resource = VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID
private let parameter = VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER
private let top = UInt32.max
private let picture = UInt64(TestGuest.pictures)

@Suite struct RequestCheckTests {
  /// Two outputs. Resource 1: 100x50 with backing. 2: 64x64 without. 3: 100x50 with a backing of one row and
  /// a half.
  static func makeGuest() throws -> TestGuest {
    let guest = try TestGuest(outputs: [(640, 480), (640, 480)], limits: DisplayLimits(memory: 64 << 20))
    for request in [
      Request.create(1, 100, 50), Request.attach(1, [(picture, 100 * 50 * 4)]), Request.create(2, 64, 64),
      Request.create(3, 100, 50), Request.attach(3, [(picture, 600)]),
    ] { #expect(guest.type(request) == ok.rawValue) }
    return guest
  }

  static let general: [CheckRow] = [
    CheckRow("type 0", Request.bare(0), unspecified),
    CheckRow("type 0x00ff", Request.bare(0xff), unspecified),
    CheckRow("type 0x0400", Request.bare(0x400), unspecified),
    CheckRow("type 2^32-1", Request.bare(top), unspecified),
    CheckRow("a response's type", Request.bare(0x1100), unspecified),
    CheckRow("capset info", Request.bare(0x0108) + little(0, 8), unspecified),
    CheckRow("capset", Request.bare(0x0109) + little(0, 8), unspecified),
    CheckRow("assign UUID", Request.bare(0x010b) + little(1, 8), unspecified),
    CheckRow("create blob", Request.bare(0x010c) + little(9, 32), unspecified),
    CheckRow("set scanout blob", Request.bare(0x010d) + little(0, 72), unspecified),
    CheckRow("create context", Request.bare(0x0200) + little(0, 72), unspecified),
    CheckRow("submit 3D", Request.bare(0x0207) + little(0, 8), unspecified),
    CheckRow("map blob", Request.bare(0x0208) + little(1, 16), unspecified),
    CheckRow("no byte of a header", [0], unspecified),
    CheckRow("23 bytes of a header", Array(Request.displayInfo()[..<23]), unspecified),
    CheckRow("update cursor on the control queue", Request.updateCursor(0, 0, 0, id: 2), unspecified),
    CheckRow("move cursor on the control queue", Request.moveCursor(0, 0, 0), unspecified),
    CheckRow("display information on the cursor queue", Request.displayInfo(), unspecified, queue: 1),
    CheckRow("flush on the cursor queue", Request.flush(1, (0, 0, 1, 1)), unspecified, queue: 1),
    CheckRow("a ring index without contexts", Request.bare(0x0100, flags: 2), parameter),
    CheckRow(
      "flags that mean nothing", Request.bare(0x0100, flags: 0xffff_fffc), VIRTIO_GPU_RESP_OK_DISPLAY_INFO),
    CheckRow(
      "display information with more behind it", Request.displayInfo() + little(0, 4096 - 24),
      VIRTIO_GPU_RESP_OK_DISPLAY_INFO),
    CheckRow("create with more behind it", Request.create(9, 1, 1) + little(0, 1000), ok),
  ]

  static let edid: [CheckRow] = [
    CheckRow("EDID of the last output", Request.edid(1), VIRTIO_GPU_RESP_OK_EDID),
    CheckRow("EDID past the last output", Request.edid(2), scanout),
    CheckRow("EDID of output 16", Request.edid(16), scanout),
    CheckRow("EDID of output 2^32-1", Request.edid(top), scanout),
  ]

  static let create: [CheckRow] =
    [
      CheckRow("create id 0", Request.create(0, 8, 8), resource),
      CheckRow("create an id in use", Request.create(1, 8, 8), resource),
      CheckRow("create id 2^32-1", Request.create(top, 8, 8), ok),
      CheckRow("create width 0", Request.create(9, 0, 8), parameter),
      CheckRow("create height 0", Request.create(9, 8, 0), parameter),
      CheckRow("create past the widest", Request.create(9, 16385, 1), parameter),
      CheckRow("create past the highest", Request.create(9, 1, 16385), parameter),
      CheckRow("create the widest", Request.create(9, 16384, 1), ok),
      CheckRow("create the highest", Request.create(9, 1, 16384), ok),
      CheckRow("create 65536x65536: 0 bytes in 32 bits", Request.create(9, 65536, 65536), parameter),
      CheckRow("create 2^31", Request.create(9, 1 << 31, 2), parameter),
      CheckRow("create 2^32-1", Request.create(9, top, top), parameter),
      CheckRow("create beyond the budget", Request.create(9, 16384, 1024), memory),
      CheckRow("create 2^30 bytes", Request.create(9, 16384, 16384), memory),
    ]
    + ([0, 5, 66, 69, 120, 122, 133, 135, 300, top] as [UInt32]).map {
      CheckRow("create format \($0)", Request.create(9, 8, 8, format: $0), parameter)
    }
    + ([1, 2, 3, 4, 67, 68, 121, 134] as [UInt32]).map {
      CheckRow("create format \($0)", Request.create(9, 8, 8, format: $0), ok)
    }

  static let unref: [CheckRow] = [
    CheckRow("unref", Request.unref(1), ok),
    CheckRow("unref id 0", Request.unref(0), resource),
    CheckRow("unref an unknown id", Request.unref(99), resource),
    CheckRow("unref id 2^32-1", Request.unref(top), resource),
  ]

  static let setScanout: [CheckRow] = [
    CheckRow("scanout the whole", Request.setScanout(0, 1, (0, 0, 100, 50)), ok),
    CheckRow("scanout a part", Request.setScanout(1, 1, (99, 49, 1, 1)), ok),
    CheckRow("scanout without backing", Request.setScanout(0, 2, (0, 0, 64, 64)), ok),
    CheckRow("scanout 2 of 2", Request.setScanout(2, 1, (0, 0, 100, 50)), scanout),
    CheckRow("scanout 16", Request.setScanout(16, 1, (0, 0, 100, 50)), scanout),
    CheckRow("scanout 2^32-1", Request.setScanout(top, 1, (0, 0, 100, 50)), scanout),
    CheckRow("scanout 2 off", Request.setScanout(2, 0, (0, 0, 0, 0)), scanout),
    CheckRow("scanout off", Request.setScanout(0, 0, (0, 0, 0, 0)), ok),
    CheckRow("scanout off with a rectangle", Request.setScanout(0, 0, (top, top, top, top)), ok),
    CheckRow("scanout an unknown id", Request.setScanout(0, 99, (0, 0, 1, 1)), resource),
    CheckRow("scanout width 0", Request.setScanout(0, 1, (0, 0, 0, 50)), parameter),
    CheckRow("scanout height 0", Request.setScanout(0, 1, (0, 0, 100, 0)), parameter),
    CheckRow("scanout one too wide", Request.setScanout(0, 1, (1, 0, 100, 50)), parameter),
    CheckRow("scanout one too high", Request.setScanout(0, 1, (0, 1, 100, 50)), parameter),
    CheckRow("scanout x + width wraps", Request.setScanout(0, 1, (top - 9, 0, 20, 10)), parameter),
    CheckRow("scanout y + height wraps", Request.setScanout(0, 1, (0, top - 9, 10, 20)), parameter),
    CheckRow("scanout 2^32-1", Request.setScanout(0, 1, (top, top, top, top)), parameter),
  ]

  static let flush: [CheckRow] = [
    CheckRow("flush what nobody sees", Request.flush(1, (0, 0, 100, 50)), ok),
    CheckRow("flush nothing", Request.flush(1, (100, 50, 0, 0)), ok),
    CheckRow("flush id 0", Request.flush(0, (0, 0, 1, 1)), resource),
    CheckRow("flush an unknown id", Request.flush(99, (0, 0, 1, 1)), resource),
    CheckRow("flush one too wide", Request.flush(1, (0, 0, 101, 50)), parameter),
    CheckRow("flush one too high", Request.flush(1, (0, 1, 100, 50)), parameter),
    CheckRow("flush x + width wraps", Request.flush(1, (top, 0, 2, 1)), parameter),
    CheckRow("flush y + height wraps", Request.flush(1, (0, 2, 1, top - 1)), parameter),
  ]

  static let transfer: [CheckRow] = [
    CheckRow("transfer the whole", Request.transfer(1, (0, 0, 100, 50), offset: 0), ok),
    CheckRow("transfer the last pixel", Request.transfer(1, (99, 49, 1, 1), offset: 19996), ok),
    CheckRow("transfer a part from the start", Request.transfer(1, (3, 7, 91, 43), offset: 0), ok),
    CheckRow("transfer no width", Request.transfer(1, (0, 0, 0, 50), offset: .max), ok),
    CheckRow("transfer no height", Request.transfer(1, (0, 0, 100, 0), offset: .max), ok),
    CheckRow("transfer id 0", Request.transfer(0, (0, 0, 1, 1), offset: 0), resource),
    CheckRow("transfer an unknown id", Request.transfer(99, (0, 0, 1, 1), offset: 0), resource),
    CheckRow("transfer without backing", Request.transfer(2, (0, 0, 1, 1), offset: 0), unspecified),
    CheckRow("transfer one too wide", Request.transfer(1, (1, 0, 100, 50), offset: 0), parameter),
    CheckRow("transfer one too high", Request.transfer(1, (0, 1, 100, 50), offset: 0), parameter),
    CheckRow("transfer x + width wraps", Request.transfer(1, (top, 0, 2, 1), offset: 0), parameter),
    CheckRow("transfer y + height wraps", Request.transfer(1, (0, top, 1, 2), offset: 0), parameter),
    CheckRow("transfer one byte past the end", Request.transfer(1, (0, 0, 100, 50), offset: 1), parameter),
    CheckRow("transfer an odd offset that fits", Request.transfer(1, (0, 0, 100, 49), offset: 3), ok),
    CheckRow("transfer from the end", Request.transfer(1, (0, 0, 1, 1), offset: 20000), parameter),
    CheckRow("transfer from 2^32", Request.transfer(1, (0, 0, 1, 1), offset: 1 << 32), parameter),
    CheckRow("transfer from 2^64-1", Request.transfer(1, (0, 0, 1, 1), offset: .max), parameter),
    CheckRow(
      "transfer a sum that wraps", Request.transfer(1, (0, 0, 100, 50), offset: .max - 19999), parameter),
    CheckRow("transfer what a short backing has", Request.transfer(3, (0, 0, 50, 2), offset: 0), ok),
    CheckRow(
      "transfer more than a short backing has", Request.transfer(3, (0, 0, 51, 2), offset: 0), parameter),
  ]

  static let backing: [CheckRow] = [
    CheckRow("attach", Request.attach(2, [(picture, 4096), (picture + 8192, 1)]), ok),
    CheckRow(
      "attach one page again and again", Request.attach(2, Array(repeating: (picture, 4096), count: 200)), ok),
    CheckRow("attach id 0", Request.attach(0, [(picture, 4096)]), resource),
    CheckRow("attach an unknown id", Request.attach(99, [(picture, 4096)]), resource),
    CheckRow("attach twice", Request.attach(1, [(picture, 4096)]), unspecified),
    CheckRow("attach no entries", Request.attach(2, []), unspecified),
    CheckRow("attach one announced, none there", Request.attach(2, [], announced: 1), unspecified),
    CheckRow(
      "attach two announced, one there", Request.attach(2, [(picture, 4096)], announced: 2), unspecified),
    CheckRow("attach one announced, two there", Request.attach(2, [(picture, 1), (0, 0)], announced: 1), ok),
    CheckRow("attach past the limit", Request.attach(2, [(picture, 4096)], announced: 16385), unspecified),
    CheckRow(
      "attach 2^28 announced: 2^32 bytes", Request.attach(2, [(picture, 1)], announced: 1 << 28), unspecified),
    CheckRow("attach 2^32-1 announced", Request.attach(2, [(picture, 4096)], announced: top), unspecified),
    CheckRow(
      "attach an entry without length", Request.attach(2, [(picture, 4096), (picture, 0)]), unspecified),
    CheckRow("attach past the memory", Request.attach(2, [(UInt64(TestGuest.pages) * 4096, 1)]), unspecified),
    CheckRow(
      "attach across the memory's end", Request.attach(2, [(UInt64(TestGuest.pages) * 4096 - 1, 2)]),
      unspecified),
    CheckRow("attach 4 GiB", Request.attach(2, [(0, top)]), unspecified),
    CheckRow("attach what wraps", Request.attach(2, [(.max - 10, 100)]), unspecified),
    CheckRow("attach the last address", Request.attach(2, [(.max, 1)]), unspecified),
    CheckRow("detach", Request.detach(1), ok),
    CheckRow("detach id 0", Request.detach(0), resource),
    CheckRow("detach an unknown id", Request.detach(99), resource),
    CheckRow("detach what has none", Request.detach(2), unspecified),
  ]

  static let cursor: [CheckRow] = [
    CheckRow("update", Request.updateCursor(1, 5, 6, id: 2, hot: (63, 63)), ok, queue: 1),
    CheckRow("update to hide", Request.updateCursor(0, 5, 6, id: 0, hot: (99, 99)), ok, queue: 1),
    CheckRow("update scanout 2 of 2", Request.updateCursor(2, 0, 0, id: 2), scanout, queue: 1),
    CheckRow("update scanout 2^32-1", Request.updateCursor(top, 0, 0, id: 0), scanout, queue: 1),
    CheckRow("update an unknown id", Request.updateCursor(0, 0, 0, id: 99), resource, queue: 1),
    CheckRow("update another size", Request.updateCursor(0, 0, 0, id: 1, hot: (99, 49)), ok, queue: 1),
    CheckRow(
      "update hot spot right of it", Request.updateCursor(0, 0, 0, id: 2, hot: (64, 0)), parameter, queue: 1),
    CheckRow(
      "update hot spot below it", Request.updateCursor(0, 0, 0, id: 2, hot: (0, top)), parameter, queue: 1),
    CheckRow("move", Request.moveCursor(1, top, top), ok, queue: 1),
    CheckRow("move with an id that means nothing", Request.moveCursor(0, 1, 1, id: 99), ok, queue: 1),
    CheckRow("move scanout 2 of 2", Request.moveCursor(2, 0, 0), scanout, queue: 1),
    CheckRow("move scanout 16", Request.moveCursor(16, 0, 0), scanout, queue: 1),
    CheckRow(
      "an unknown type on the cursor queue", Request.bare(0x0302) + little(0, 32), unspecified, queue: 1),
  ]

  @Test(arguments: general + edid + create + unref + setScanout + flush + transfer + backing + cursor)
  func `a request gets its answer and the next one still works`(_ row: CheckRow) throws {
    let guest = try Self.makeGuest()
    #expect(guest.type(row.request, on: row.queue) == row.expected)
    // Sane after: the device still answers, and still has its resources.
    #expect(guest.type(Request.displayInfo()) == VIRTIO_GPU_RESP_OK_DISPLAY_INFO.rawValue)
    #expect(guest.type(Request.create(2, 1, 1)) == resource.rawValue)
  }

  /// Every structure, cut at every byte behind the header.
  static let complete: [CheckRow] = [
    CheckRow("EDID", Request.edid(0), ok), CheckRow("create", Request.create(9, 1, 1), ok),
    CheckRow("unref", Request.unref(2), ok), CheckRow("scanout", Request.setScanout(0, 1, (0, 0, 1, 1)), ok),
    CheckRow("flush", Request.flush(1, (0, 0, 1, 1)), ok),
    CheckRow("transfer", Request.transfer(1, (0, 0, 1, 1), offset: 0), ok),
    CheckRow("attach", Request.attach(2, [], announced: 1), ok), CheckRow("detach", Request.detach(1), ok),
    CheckRow("update", Request.updateCursor(0, 0, 0, id: 0), ok, queue: 1),
    CheckRow("move", Request.moveCursor(0, 0, 0), ok, queue: 1),
  ]

  @Test(arguments: complete)
  func `a structure that is not complete is refused`(_ row: CheckRow) throws {
    let guest = try Self.makeGuest()
    for count in 24..<row.request.count {
      #expect(guest.type(Array(row.request[..<count]), on: row.queue) == parameter.rawValue)
    }
    for count in 1..<24 {
      #expect(guest.type(Array(row.request[..<count]), on: row.queue) == unspecified.rawValue)
    }
  }

  @Test(arguments: [1, 2, 5, 7, 13, 23])
  func `a request in pieces is the same request`(_ piece: Int) throws {
    let guest = try Self.makeGuest()
    let request = Request.bare(0x0107) + little(1, 8)
    #expect(guest.send(request, piece: piece).map { word($0, 0) } == ok.rawValue)
    #expect(guest.type(Request.detach(1)) == unspecified.rawValue)
  }

  @Test func `the longest backing list is taken and one entry more is not`() throws {
    let guest = try TestGuest(limits: DisplayLimits())
    #expect(guest.type(Request.create(1, 1024, 1024)) == ok.rawValue)
    // Every other page, so that nothing is merged; 16384 entries name the same 256 pages.
    let entries = (0..<16384).map { (picture + UInt64($0 % 256) * 8192, UInt32(256)) }
    #expect(guest.type(Request.attach(1, entries + [(picture, 256)])) == unspecified.rawValue)
    let before = guest.device.memoryInUse
    #expect(guest.type(Request.attach(1, entries)) == ok.rawValue)
    #expect(guest.device.memoryInUse > before + 16384 * 16)
    guest.write((0..<(512 * 4096)).map { UInt8(truncatingIfNeeded: $0 / 256 &* 7) }, at: TestGuest.pictures)
    #expect(guest.type(Request.transfer(1, (0, 0, 1024, 1024), offset: 0)) == ok.rawValue)
    #expect(guest.type(Request.transfer(1, (0, 0, 1, 1), offset: 16384 * 256)) == parameter.rawValue)
    #expect(guest.type(Request.unref(1)) == ok.rawValue)
    guest.device.reset()
    #expect(guest.device.memoryInUse == 0)
  }
}
