import CVirtioGPUABI
import DisplayModel
import Testing

@testable import VirtioGPU

private let ok = VIRTIO_GPU_RESP_OK_NODATA
private let unspecified = VIRTIO_GPU_RESP_ERR_UNSPEC
private let memory = VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY
private let scanout = VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID
private let resource = VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID
private let parameter = VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER
private let top = UInt32.max
private let page = UInt64(TestGuest.pictures)

@Suite struct BlobCheckTests {
  /// Two outputs. Resource 1: a picture of 100x50 with backing. Blob 2: 20,000 bytes. Blob 3: 20,000 bytes without
  /// pages. Blob 4: 16,384 bytes, shown as 64x64 on output 1.
  static func makeGuest() throws -> TestGuest {
    let guest = try TestGuest(
      outputs: [(640, 480), (640, 480)], limits: DisplayLimits(memory: 64 << 20),
      features: [VIRTIO_GPU_F_RESOURCE_BLOB])
    for request in [
      Request.create(1, 100, 50), Request.attach(1, [(page, 100 * 50 * 4)]),
      Request.createBlob(2, size: 20_000, [(page, 8192), (page + 16384, 12288)]),
      Request.createBlob(3, size: 20_000, []), Request.createBlob(4, size: 16384, [(page, 16384)]),
      Request.setScanoutBlob(1, 4, (0, 0, 64, 64), 64, 64),
    ] { #expect(guest.type(request) == ok.rawValue) }
    return guest
  }

  static let create: [CheckRow] =
    [
      CheckRow("blob", Request.createBlob(9, size: 4096, [(page, 4096)]), ok),
      CheckRow("blob smaller than its pages", Request.createBlob(9, size: 1, [(page, 4096)]), ok),
      CheckRow("blob of odd pieces", Request.createBlob(9, size: 8, [(page + 1, 3), (page + 99, 5)]), ok),
      CheckRow("blob without pages", Request.createBlob(9, size: 4096, []), ok),
      CheckRow("blob of 2^64-1 bytes without pages", Request.createBlob(9, size: .max, []), ok),
      CheckRow("blob with all flags", Request.createBlob(9, size: 4096, [(page, 4096)], flags: 7), ok),
      CheckRow("blob id 0", Request.createBlob(0, size: 4096, [(page, 4096)]), resource),
      CheckRow("blob id in use", Request.createBlob(1, size: 4096, [(page, 4096)]), resource),
      CheckRow("blob id in use by a blob", Request.createBlob(2, size: 4096, []), resource),
      CheckRow("a picture's id in use by a blob", Request.create(2, 1, 1), resource),
      CheckRow("blob of no bytes", Request.createBlob(9, size: 0, [(page, 4096)]), parameter),
      CheckRow("blob of an object", Request.createBlob(9, size: 1, [(page, 1)], object: 1), parameter),
      CheckRow("blob of object 2^64-1", Request.createBlob(9, size: 1, [(page, 1)], object: .max), parameter),
      CheckRow(
        "blob a byte larger than its pages", Request.createBlob(9, size: 4097, [(page, 4096)]), parameter),
      CheckRow("blob of 2^64-1 bytes", Request.createBlob(9, size: .max, [(page, 4096)]), parameter),
      CheckRow(
        "blob of 2^32 bytes more than there are", Request.createBlob(9, size: 1 << 32 + 4096, [(page, 4096)]),
        parameter),
      CheckRow(
        "blob of one entry announced, none there", Request.createBlob(9, size: 1, [], announced: 1),
        unspecified),
      CheckRow(
        "blob of two entries announced, one there",
        Request.createBlob(9, size: 1, [(page, 1)], announced: 2), unspecified),
      CheckRow(
        "blob of one entry announced, two there",
        Request.createBlob(9, size: 1, [(page, 1), (0, 0)], announced: 1), ok),
      CheckRow(
        "blob of 16385 entries announced", Request.createBlob(9, size: 1, [(page, 1)], announced: 16385),
        unspecified),
      CheckRow(
        "blob of 2^28 entries announced", Request.createBlob(9, size: 1, [(page, 1)], announced: 1 << 28),
        unspecified),
      CheckRow(
        "blob of 2^32-1 entries announced", Request.createBlob(9, size: 1, [(page, 1)], announced: top),
        unspecified),
      CheckRow(
        "blob of an entry without length", Request.createBlob(9, size: 1, [(page, 1), (page, 0)]),
        unspecified),
      CheckRow(
        "blob across the memory's end",
        Request.createBlob(9, size: 1, [(UInt64(TestGuest.pages) * 4096 - 1, 2)]), unspecified),
      CheckRow("blob of what wraps", Request.createBlob(9, size: 1, [(.max - 10, 100)]), unspecified),
    ]
    + ([0, 2, 3, 4, 1 << 16 | 1, top] as [UInt32]).map {
      CheckRow(
        "blob of memory \($0)", Request.createBlob(9, size: 4096, [(page, 4096)], memory: $0), parameter)
    }
    + ([8, 1 << 31, top] as [UInt32]).map {
      CheckRow("blob of flags \($0)", Request.createBlob(9, size: 4096, [(page, 4096)], flags: $0), parameter)
    }

  static let setScanout: [CheckRow] =
    [
      CheckRow("blob scanout", Request.setScanoutBlob(0, 2, (0, 0, 100, 50), 100, 50), ok),
      CheckRow("blob scanout of a part", Request.setScanoutBlob(0, 2, (99, 49, 1, 1), 100, 50), ok),
      CheckRow("blob scanout without pages", Request.setScanoutBlob(0, 3, (0, 0, 100, 50), 100, 50), ok),
      CheckRow(
        "blob scanout up to the last byte",
        Request.setScanoutBlob(0, 2, (0, 0, 10, 10), 10, 10, stride: 2217, offset: 7), ok),
      CheckRow(
        "blob scanout past the last byte",
        Request.setScanoutBlob(0, 2, (0, 0, 10, 10), 10, 10, stride: 2217, offset: 8), parameter),
      CheckRow(
        "blob scanout with other planes",
        Request.setScanoutBlob(0, 2, (0, 0, 10, 10), 10, 10, others: top), ok),
      CheckRow("blob scanout off", Request.setScanoutBlob(1, 0, (0, 0, 0, 0), 0, 0, format: 0), ok),
      CheckRow("blob scanout 2 of 2 off", Request.setScanoutBlob(2, 0, (0, 0, 0, 0), 0, 0), scanout),
      CheckRow("blob scanout 2 of 2", Request.setScanoutBlob(2, 2, (0, 0, 1, 1), 1, 1), scanout),
      CheckRow("blob scanout 2^32-1", Request.setScanoutBlob(top, 2, (0, 0, 1, 1), 1, 1), scanout),
      CheckRow("blob scanout of an unknown id", Request.setScanoutBlob(0, 99, (0, 0, 1, 1), 1, 1), resource),
      CheckRow(
        "blob scanout of a picture", Request.setScanoutBlob(0, 1, (0, 0, 100, 50), 100, 50), parameter),
      CheckRow("picture scanout of a blob", Request.setScanout(0, 2, (0, 0, 100, 50)), parameter),
      CheckRow("blob scanout width 0", Request.setScanoutBlob(0, 2, (0, 0, 1, 1), 0, 50), parameter),
      CheckRow("blob scanout height 0", Request.setScanoutBlob(0, 2, (0, 0, 1, 1), 100, 0), parameter),
      CheckRow(
        "blob scanout past the widest",
        Request.setScanoutBlob(0, 2, (0, 0, 1, 1), 16385, 1, stride: 65540), parameter),
      CheckRow(
        "blob scanout past the highest", Request.setScanoutBlob(0, 2, (0, 0, 1, 1), 1, 16385), parameter),
      CheckRow(
        "blob scanout 2^30 wide: 0 bytes in 32 bits",
        Request.setScanoutBlob(0, 2, (0, 0, 1, 1), 1 << 30, 1), parameter),
      CheckRow("blob scanout 2^32-1 square", Request.setScanoutBlob(0, 2, (0, 0, 1, 1), top, top), parameter),
      CheckRow(
        "blob scanout of overlapping rows",
        Request.setScanoutBlob(0, 2, (0, 0, 100, 50), 100, 50, stride: 399), parameter),
      CheckRow(
        "blob scanout of stride 0", Request.setScanoutBlob(0, 2, (0, 0, 100, 50), 100, 50, stride: 0),
        parameter),
      CheckRow(
        "blob scanout of stride 2^32-1", Request.setScanoutBlob(0, 2, (0, 0, 10, 10), 10, 10, stride: top),
        parameter),
      CheckRow(
        "blob scanout of one row of any stride",
        Request.setScanoutBlob(0, 2, (0, 0, 10, 1), 10, 1, stride: top), ok),
      CheckRow(
        "blob scanout of a row too many", Request.setScanoutBlob(0, 2, (0, 0, 100, 50), 100, 51), parameter),
      CheckRow(
        "blob scanout at the blob's end", Request.setScanoutBlob(0, 2, (0, 0, 1, 1), 1, 1, offset: 19996), ok),
      CheckRow(
        "blob scanout past the blob's end", Request.setScanoutBlob(0, 2, (0, 0, 1, 1), 1, 1, offset: 19997),
        parameter),
      CheckRow(
        "blob scanout at 2^32-1", Request.setScanoutBlob(0, 2, (0, 0, 1, 1), 1, 1, offset: top), parameter),
      CheckRow("blob scanout of nothing", Request.setScanoutBlob(0, 2, (0, 0, 0, 50), 100, 50), parameter),
      CheckRow(
        "blob scanout one too wide", Request.setScanoutBlob(0, 2, (1, 0, 100, 50), 100, 50), parameter),
      CheckRow(
        "blob scanout x + width wraps", Request.setScanoutBlob(0, 2, (top - 9, 0, 20, 10), 100, 50),
        parameter),
    ]
    + ([0, 5, 66, 69, 120, 122, 133, 135, top] as [UInt32]).map {
      CheckRow(
        "blob scanout format \($0)", Request.setScanoutBlob(0, 2, (0, 0, 9, 9), 9, 9, format: $0), parameter)
    }
    + ([1, 2, 3, 4, 67, 68, 121, 134] as [UInt32]).map {
      CheckRow("blob scanout format \($0)", Request.setScanoutBlob(0, 2, (0, 0, 9, 9), 9, 9, format: $0), ok)
    }

  static let others: [CheckRow] = [
    CheckRow("flush a blob that nobody sees", Request.flush(2, (5, 5, top, top)), ok),
    CheckRow("flush a blob", Request.flush(4, (0, 0, 64, 64)), ok),
    CheckRow("flush nothing of a blob", Request.flush(4, (64, 64, 0, 0)), ok),
    CheckRow("flush a blob one too wide", Request.flush(4, (0, 0, 65, 64)), parameter),
    CheckRow("flush a blob x + width wraps", Request.flush(4, (top, 0, 2, 1)), parameter),
    CheckRow("transfer a blob", Request.transfer(2, (0, 0, 100, 50), offset: 0), ok),
    CheckRow("transfer a blob from anywhere", Request.transfer(2, (top, top, top, top), offset: .max), ok),
    CheckRow("transfer a blob without pages", Request.transfer(3, (0, 0, 1, 1), offset: 0), unspecified),
    CheckRow("attach to a blob", Request.attach(3, [(page, 20_000)]), ok),
    CheckRow("attach too little to a blob", Request.attach(3, [(page, 19_999)]), parameter),
    CheckRow("attach to a blob twice", Request.attach(2, [(page, 20_480)]), unspecified),
    CheckRow("detach from a blob", Request.detach(2), ok),
    CheckRow("detach from a blob without pages", Request.detach(3), unspecified),
    CheckRow("unref a blob", Request.unref(4), ok),
    CheckRow("a blob as cursor", Request.updateCursor(0, 0, 0, id: 4, hot: (63, 63)), ok, queue: 1),
    CheckRow("a blob larger than a cursor", Request.updateCursor(0, 0, 0, id: 2), ok, queue: 1),
    CheckRow("a blob without pages as cursor", Request.updateCursor(0, 0, 0, id: 3), unspecified, queue: 1),
    CheckRow(
      "a blob beside its hot spot", Request.updateCursor(0, 0, 0, id: 4, hot: (0, 64)), parameter, queue: 1),
    // Without host memory there is nothing to map (virtio 1.4 §5.7.6.9).
    CheckRow("map a blob", Request.bare(0x0208) + little(2, 16), unspecified),
    CheckRow("unmap a blob", Request.bare(0x0209) + little(2, 8), unspecified),
    CheckRow("create blob on the cursor queue", Request.createBlob(9, size: 1, []), unspecified, queue: 1),
  ]

  @Test(arguments: create + setScanout + others)
  func `a request about blobs gets its answer and the next one still works`(_ row: CheckRow) throws {
    let guest = try Self.makeGuest()
    let before = guest.device.memoryInUse
    #expect(guest.type(row.request, on: row.queue) == row.expected)
    if row.expected != ok.rawValue {
      #expect(guest.device.memoryInUse == before, "a request that fails changes nothing")
    }
    #expect(guest.type(Request.displayInfo()) == VIRTIO_GPU_RESP_OK_DISPLAY_INFO.rawValue)
    #expect(guest.type(Request.create(2, 1, 1)) == resource.rawValue)
  }

  @Test func `a blob too small for a cursor is refused`() throws {
    let guest = try Self.makeGuest()
    #expect(guest.type(Request.createBlob(9, size: 16383, [(page, 16384)])) == ok.rawValue)
    #expect(guest.type(Request.updateCursor(0, 0, 0, id: 9), on: 1) == parameter.rawValue)
  }

  @Test(arguments: [
    Request.createBlob(9, size: 1, [], announced: 1), Request.setScanoutBlob(0, 2, (0, 0, 1, 1), 1, 1),
  ])
  func `a structure of blobs that is not complete is refused`(_ request: [UInt8]) throws {
    let guest = try Self.makeGuest()
    for count in 24..<request.count {
      #expect(guest.type(Array(request[..<count])) == parameter.rawValue)
    }
  }

  @Test func `the longest list is taken and counts, and what is beyond the budget is not`() throws {
    let guest = try TestGuest(
      limits: DisplayLimits(memory: 3 << 19), features: [VIRTIO_GPU_F_RESOURCE_BLOB])
    let entries = (0..<16384).map { (page + UInt64($0 % 256) * 8192, UInt32(256)) }
    #expect(guest.type(Request.createBlob(1, size: 1, entries + [(page, 256)])) == unspecified.rawValue)
    #expect(guest.type(Request.createBlob(1, size: 16384 * 256, entries)) == ok.rawValue)
    #expect(guest.device.memoryInUse > 16384 * 40)
    #expect(guest.type(Request.createBlob(2, size: 1, entries)) == memory.rawValue)
    // A finished surface of 4 MiB.
    #expect(guest.type(Request.setScanoutBlob(0, 1, (0, 0, 1024, 1024), 1024, 1024)) == memory.rawValue)
    #expect(guest.type(Request.unref(1)) == ok.rawValue)
    #expect(guest.device.memoryInUse < 600_000)  // the room for long requests
    guest.device.reset()
    #expect(guest.device.memoryInUse == 0)
  }

  @Test(arguments: [(4096, true), (8192, true), (1, false), (4095, false), (4097, false), (.max, false)])
  func `with the alignment negotiated a blob has whole pages`(_ size: UInt64, _ isFine: Bool) throws {
    let entries = [(page, UInt32(8192))]
    let guest = try TestGuest(features: [VIRTIO_GPU_F_RESOURCE_BLOB, 5])
    let answer = guest.type(Request.createBlob(1, size: size, entries))
    #expect(answer == (isFine ? ok : parameter).rawValue)
    #expect(guest.type(Request.createBlob(2, size: size, [])) == (isFine ? ok : parameter).rawValue)
  }

  @Test func `blobs count as resources`() throws {
    let guest = try TestGuest(
      limits: DisplayLimits(maxResources: 3), features: [VIRTIO_GPU_F_RESOURCE_BLOB])
    #expect(guest.type(Request.create(1, 1, 1)) == ok.rawValue)
    for id in 2...3 as ClosedRange<UInt32> {
      #expect(guest.type(Request.createBlob(id, size: 1, [])) == ok.rawValue)
    }
    #expect(guest.type(Request.createBlob(4, size: 1, [])) == memory.rawValue)
  }
}
