import CVirtioGPUABI
import DisplayModel
import HostThreads
import Testing

@testable import VirtioGPU

private let ok = VIRTIO_GPU_RESP_OK_NODATA.rawValue

@Suite struct ResponseTests {
  static let requests: [CheckRow] = [
    CheckRow("display information", Request.displayInfo(), VIRTIO_GPU_RESP_OK_DISPLAY_INFO),
    CheckRow("EDID", Request.edid(0), VIRTIO_GPU_RESP_OK_EDID),
    CheckRow("create", Request.create(9, 4, 4), VIRTIO_GPU_RESP_OK_NODATA),
    CheckRow("a refused create", Request.create(9, 0, 4), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER),
    CheckRow("a refused decode", Request.create(0, 4, 4), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID),
    CheckRow(
      "an incomplete structure", Array(Request.create(9, 4, 4)[..<39]), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER),
    CheckRow("an unknown type", Request.bare(0x7777), VIRTIO_GPU_RESP_ERR_UNSPEC),
    CheckRow("the wrong queue", Request.moveCursor(0, 0, 0), VIRTIO_GPU_RESP_ERR_UNSPEC),
    CheckRow("move cursor", Request.moveCursor(0, 0, 0), VIRTIO_GPU_RESP_OK_NODATA, queue: 1),
    CheckRow(
      "a refused cursor", Request.moveCursor(9, 0, 0), VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID, queue: 1),
  ]

  @Test(arguments: requests)
  func `a fence comes back with every answer`(_ row: CheckRow) throws {
    for fence in [0, 1, 0x0123_4567_89ab_cdef, .max] as [UInt64] {
      let guest = try TestGuest()
      let response = try #require(
        guest.send(Request.fenced(row.request, fence, context: 0xfeed_0001), on: row.queue))
      #expect(word(response, 0) == row.expected)
      #expect(word(response, 4) == 1)  // VIRTIO_GPU_FLAG_FENCE and nothing else
      #expect(long(response, 8) == fence)
      #expect(word(response, 16) == 0xfeed_0001)
      #expect(word(response, 20) == 0)
    }
  }

  @Test(arguments: requests)
  func `without a fence nothing of the header comes back`(_ row: CheckRow) throws {
    var request = row.request
    request.replaceSubrange(8..<24, with: [UInt8](repeating: 0xcc, count: 16))
    let guest = try TestGuest()
    let response = try #require(guest.send(request, on: row.queue))
    #expect(word(response, 0) == row.expected)
    #expect(response[4..<24].allSatisfy { $0 == 0 })
  }

  @Test func `an answer carries nothing of the one before`() throws {
    let guest = try TestGuest()
    _ = guest.send(Request.fenced(Request.edid(0), .max, context: .max))
    let response = try #require(guest.send(Request.displayInfo()))
    #expect(response[4..<24].allSatisfy { $0 == 0 })
    #expect(response[(24 + 24)...].allSatisfy { $0 == 0 })
  }

  @Test(arguments: [nil, 0, 1, 23] as [Int?])
  func `a control request without room for an answer is dropped`(_ room: Int?) throws {
    let guest = try TestGuest()
    // A writable descriptor of length 0 is no descriptor worth having; leave it out.
    #expect(guest.send(Request.create(1, 4, 4), room: room == 0 ? nil : room) == [])
    #expect(guest.device.refusals(.noRoom) == 1)
    #expect(guest.type(Request.create(1, 4, 4)) == ok)  // it was not made before
  }

  @Test func `a buffer with nothing to read is answered as unspecified`() throws {
    let guest = try TestGuest()
    for queue in 0..<2 {
      let response = try #require(guest.send([], on: queue, room: 100))
      #expect(response.count == 24)
      #expect(word(response, 0) == VIRTIO_GPU_RESP_ERR_UNSPEC.rawValue)
      #expect(response[4...].allSatisfy { $0 == 0 })
    }
    #expect(guest.device.refusals(.noHeader) == 2)
  }

  @Test func `an answer that does not fit becomes an error of 24 bytes`() throws {
    let guest = try TestGuest()
    for (request, size) in [(Request.displayInfo(), 408), (Request.edid(0), 1056)] {
      for room in [24, 25, size - 1] {
        let response = try #require(guest.send(Request.fenced(request, 7), room: room))
        #expect(response.count == 24)
        #expect(word(response, 0) == VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER.rawValue)
        #expect(long(response, 8) == 7)
      }
      #expect(guest.send(request, room: size)?.count == size)
    }
    #expect(guest.send(Request.create(1, 4, 4), room: 24)?.count == 24)
  }

  @Test(arguments: [nil, 1, 23] as [Int?])
  func `a cursor request needs no room for an answer`(_ room: Int?) throws {
    let guest = try TestGuest()
    let viewer = Viewer()
    let channel = try guest.device.attach(viewer)
    #expect(guest.send(Request.moveCursor(0, 11, 22), on: 1, room: room) == [])
    #expect(channel.cursor(ofOutput: 0)?.x == 11)
    #expect(guest.send(Request.moveCursor(9, 0, 0), on: 1, room: room) == [])
    #expect(guest.device.refusals(.noSuchScanout) == 1)
    #expect(guest.send(Request.moveCursor(0, 1, 2), on: 1, room: 24)?.count == 24)
  }

  @Test func `refused requests are counted by kind and logged at a bounded rate`() throws {
    let box = LogBox()
    let guest = try TestGuest(log: { box.add($0) })
    for _ in 0..<100 { _ = guest.send(Request.flush(77, (0, 0, 1, 1))) }
    _ = guest.send(Request.bare(0xabcd))
    #expect(guest.device.refusals(.noSuchResource) == 100)
    #expect(guest.device.refusals(.unknownType) == 1)
    #expect(guest.device.refusals(.badRectangle) == 0)
    let entries = box.all
    #expect((10...13).contains(entries.count))
    #expect(entries[0] == RefusedRequest(kind: .noSuchResource, type: 0x0104, queue: 0, suppressed: 0))
  }

  @Test func `the log says how many it left out`() {
    let box = LogBox()
    let start = ContinuousClock.now
    var log = RefusalLog(now: start) { box.add($0) }
    for _ in 0..<25 { log.add(.truncated, type: 1, queue: 0, now: start) }
    #expect(box.all.count == 10)
    log.add(.truncated, type: 2, queue: 1, now: start + .seconds(1))
    #expect(box.all.count == 11)
    #expect(box.all.last == RefusedRequest(kind: .truncated, type: 2, queue: 1, suppressed: 15))
    log.add(.truncated, type: 3, queue: 1, now: start + .seconds(1))
    #expect(box.all.count == 11)
    for _ in 0..<25 { log.add(.truncated, type: 4, queue: 1, now: start + .seconds(1_000_000)) }
    #expect(box.all.count == 21)
  }
}

/// What was logged, from any thread.
final class LogBox: Sendable {
  private let entries = Lock<[RefusedRequest]>([])
  var all: [RefusedRequest] { entries.withLock { $0 } }
  func add(_ entry: RefusedRequest) { entries.withLock { $0.append(entry) } }
}
