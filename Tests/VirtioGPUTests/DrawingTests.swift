import CVirtioGPUABI
import DisplayModel
import FrontEndAPI
import GuestRAM
import Testing

@testable import VirtioGPU

private let ok = VIRTIO_GPU_RESP_OK_NODATA.rawValue
private let picture = UInt64(TestGuest.pictures)

/// From a guest's pages to what a front-end sees, judged by arithmetic of the tests' own.
@Suite struct DrawingTests {
  /// A byte that tells picture and place.
  static func byte(_ place: Int, _ seed: Int) -> UInt8 {
    UInt8(truncatingIfNeeded: (place &* 2_654_435_761 &+ seed &* 40_503) >> 13)
  }

  /// A guest with resource 1 of `width` x `height` backed by `seed`'s bytes at `pictures`, shown on output 0.
  private func makeGuest(
    _ width: Int, _ height: Int, format: UInt32 = 2, seed: Int = 1
  ) throws -> (TestGuest, any DisplayChannel, [UInt8]) {
    let guest = try TestGuest()
    let channel = try guest.device.attach(Viewer())
    let bytes = (0..<(width * height * 4)).map { Self.byte($0, seed) }
    guest.write(bytes, at: TestGuest.pictures)
    let w = UInt32(width), h = UInt32(height)
    for request in [
      Request.create(1, w, h, format: format), Request.attach(1, [(picture, w * h * 4)]),
      Request.setScanout(0, 1, (0, 0, w, h)),
    ] { #expect(guest.type(request) == ok) }
    return (guest, channel, bytes)
  }

  /// Pixels of the guest as B, G, R, 0; `order` names the bytes of a pixel in memory.
  private func finished(_ bytes: [UInt8], order: String = "BGRX") -> [UInt8] {
    let places = "BGR".map { channel in Array(order).firstIndex(of: channel)! }
    return stride(from: 0, to: bytes.count, by: 4).flatMap { start in
      places.map { bytes[start + $0] } + [0]
    }
  }

  @Test(
    arguments: [
      (1, "BGRA"), (2, "BGRX"), (3, "ARGB"), (4, "XRGB"), (67, "RGBA"), (68, "XBGR"), (121, "ABGR"),
      (134, "RGBX"),
    ] as [(UInt32, String)])
  func `every format is shown in its colours`(_ format: UInt32, _ order: String) throws {
    let (guest, channel, bytes) = try makeGuest(33, 17, format: format)
    #expect(guest.type(Request.transfer(1, (0, 0, 33, 17), offset: 0)) == ok)
    #expect(guest.type(Request.flush(1, (0, 0, 33, 17))) == ok)
    let changes = try #require(channel.takeChanges(ofOutput: 0))
    #expect(changes.output == OutputDescription(index: 0, width: 33, height: 17))
    #expect(changes.isReplaced)
    #expect(channel.pixels(ofOutput: 0) == finished(bytes, order: order))
  }

  @Test func `a new resource is black`() throws {
    let (_, channel, _) = try makeGuest(9, 9)
    _ = channel.takeChanges(ofOutput: 0)
    #expect(channel.pixels(ofOutput: 0) == [UInt8](repeating: 0, count: 9 * 9 * 4))
  }

  /// `offset` names the first byte of the rectangle's first row; rows follow at the picture's stride.
  @Test(
    arguments: [
      (3, 5, 7, 11, (5 * 50 + 3) * 4), (0, 5, 50, 11, 5 * 200), (0, 29, 50, 1, 29 * 200),
      (49, 0, 1, 30, 49 * 4),
      (3, 5, 7, 11, 0), (0, 0, 50, 30, 0), (13, 2, 21, 20, 999), (0, 10, 50, 10, 3),
    ] as [(Int, Int, Int, Int, Int)])
  func `a rectangle comes from its offset and goes to its place`(
    _ x: Int, _ y: Int, _ width: Int, _ height: Int, _ offset: Int
  ) throws {
    let (guest, channel, bytes) = try makeGuest(50, 30)
    let r = (UInt32(x), UInt32(y), UInt32(width), UInt32(height))
    #expect(guest.type(Request.transfer(1, r, offset: UInt64(offset))) == ok)
    #expect(guest.type(Request.flush(1, r)) == ok)
    var expected = [UInt8](repeating: 0, count: 50 * 30 * 4)
    for row in 0..<height {
      for column in 0..<(width * 4) {
        expected[(y + row) * 200 + x * 4 + column] = bytes[offset + row * 200 + column]
      }
    }
    _ = channel.takeChanges(ofOutput: 0)
    #expect(channel.pixels(ofOutput: 0) == finished(expected))
  }

  @Test func `rows are gathered from scattered pieces in their order`() throws {
    let guest = try TestGuest()
    let channel = try guest.device.attach(Viewer())
    // 16 x 16 pixels, 1024 bytes, in pieces of odd lengths that lie backwards and apart.
    var entries: [(UInt64, UInt32)] = []
    var bytes: [UInt8] = []
    for (index, count) in [1, 2, 3, 61, 128, 5, 300, 64, 17, 443].enumerated() {
      let address = TestGuest.pictures + (20 - index) * 4096 + 33
      let piece = (0..<count).map { Self.byte($0, index) }
      guest.write(piece, at: address)
      bytes += piece
      entries.append((UInt64(address), UInt32(count)))
    }
    for request in [
      Request.create(1, 16, 16), Request.attach(1, entries), Request.setScanout(0, 1, (0, 0, 16, 16)),
      Request.transfer(1, (0, 0, 16, 16), offset: 0),
    ] { #expect(guest.type(request) == ok) }
    _ = channel.takeChanges(ofOutput: 0)
    #expect(channel.pixels(ofOutput: 0) == finished(bytes))
  }

  @Test func `damage is what was flushed, in the output's coordinates`() throws {
    let (guest, channel, bytes) = try makeGuest(64, 48)
    #expect(guest.type(Request.setScanout(0, 1, (10, 8, 40, 30))) == ok)
    let first = try #require(channel.takeChanges(ofOutput: 0))
    #expect(first.output.width == 40 && first.output.height == 30)
    #expect(guest.type(Request.transfer(1, (0, 0, 64, 48), offset: 0)) == ok)
    #expect(channel.takeChanges(ofOutput: 0)?.isEmpty == true)  // not flushed, not shown

    #expect(guest.type(Request.flush(1, (0, 0, 15, 12))) == ok)
    #expect(guest.type(Request.flush(1, (48, 36, 16, 12))) == ok)
    #expect(guest.type(Request.flush(1, (0, 0, 10, 48))) == ok)  // beside the scanout
    let second = try #require(channel.takeChanges(ofOutput: 0))
    #expect(!second.isReplaced)
    #expect(
      second.damage == [
        Rectangle(x: 0, y: 0, width: 5, height: 4), Rectangle(x: 38, y: 28, width: 2, height: 2),
      ])
    var expected = [UInt8](repeating: 0, count: 40 * 30 * 4)
    let all = finished(bytes)
    for (x, y) in (0..<30).flatMap({ y in (0..<40).map { ($0, y) } })
    where (x < 5 && y < 4) || (x >= 38 && y >= 28) {
      for channel in 0..<4 {
        expected[(y * 40 + x) * 4 + channel] = all[((y + 8) * 64 + x + 10) * 4 + channel]
      }
    }
    #expect(channel.pixels(ofOutput: 0) == expected)
  }

  @Test func `one resource on two outputs damages both`() throws {
    let guest = try TestGuest(outputs: [(640, 480), (640, 480)])
    let viewer = Viewer()
    let channel = try guest.device.attach(viewer)
    for request in [
      Request.create(1, 20, 20), Request.setScanout(0, 1, (0, 0, 10, 20)),
      Request.setScanout(1, 1, (10, 0, 10, 20)),
    ] { #expect(guest.type(request) == ok) }
    #expect(viewer.told == [0, 1])
    for output in 0..<2 { _ = channel.takeChanges(ofOutput: output) }
    #expect(guest.type(Request.flush(1, (5, 5, 10, 3))) == ok)
    #expect(channel.takeChanges(ofOutput: 0)?.damage == [Rectangle(x: 5, y: 5, width: 5, height: 3)])
    #expect(channel.takeChanges(ofOutput: 1)?.damage == [Rectangle(x: 0, y: 5, width: 5, height: 3)])
    #expect(viewer.told == [0, 1, 0, 1])
  }

  @Test func `unref of what is shown turns the output off, and only that`() throws {
    let guest = try TestGuest(outputs: [(640, 480), (640, 480)])
    let channel = try guest.device.attach(Viewer())
    for request in [
      Request.create(1, 8, 8), Request.create(2, 8, 8), Request.setScanout(0, 1, (0, 0, 8, 8)),
      Request.setScanout(1, 2, (0, 0, 8, 8)),
    ] { #expect(guest.type(request) == ok) }
    for output in 0..<2 { #expect(channel.takeChanges(ofOutput: output)?.output.isEnabled == true) }
    #expect(guest.type(Request.unref(1)) == ok)
    let changes = try #require(channel.takeChanges(ofOutput: 0))
    #expect(changes.isReplaced && !changes.output.isEnabled && changes.damage == [])
    #expect(channel.pixels(ofOutput: 0) == nil)
    #expect(channel.takeChanges(ofOutput: 1)?.isEmpty == true)
    #expect(channel.pixels(ofOutput: 1) != nil)
    // The same name again is another resource, and nothing shows it.
    #expect(guest.type(Request.create(1, 8, 8)) == ok)
    #expect(guest.type(Request.flush(1, (0, 0, 8, 8))) == ok)
    #expect(channel.takeChanges(ofOutput: 0)?.isEmpty == true)
  }

  @Test func `a page flip shows the other page whole`() throws {
    let (guest, channel, first) = try makeGuest(12, 10, seed: 1)
    let second = (0..<(12 * 10 * 4)).map { Self.byte($0, 2) }
    guest.write(second, at: TestGuest.pictures + 0x10000)
    for request in [
      Request.transfer(1, (0, 0, 12, 10), offset: 0), Request.create(2, 12, 10),
      Request.attach(2, [(picture + 0x10000, 480)]), Request.transfer(2, (0, 0, 12, 10), offset: 0),
    ] { #expect(guest.type(request) == ok) }
    for (id, bytes) in [(2, second), (1, first), (2, second)] as [(UInt32, [UInt8])] {
      #expect(guest.type(Request.setScanout(0, id, (0, 0, 12, 10))) == ok)
      let changes = try #require(channel.takeChanges(ofOutput: 0))
      #expect(changes.isReplaced)
      #expect(changes.damage == [Rectangle(x: 0, y: 0, width: 12, height: 10)])
      #expect(channel.pixels(ofOutput: 0) == finished(bytes))
    }
  }

  @Test func `setting the same scanout again shows it as it is now`() throws {
    let (guest, channel, bytes) = try makeGuest(12, 10)
    _ = channel.takeChanges(ofOutput: 0)
    #expect(guest.type(Request.transfer(1, (0, 0, 12, 10), offset: 0)) == ok)
    #expect(guest.type(Request.setScanout(0, 1, (0, 0, 12, 10))) == ok)
    let changes = try #require(channel.takeChanges(ofOutput: 0))
    #expect(!changes.isReplaced && changes.damage == [Rectangle(x: 0, y: 0, width: 12, height: 10)])
    #expect(channel.pixels(ofOutput: 0) == finished(bytes))
  }

  @Test func `a backing whose memory was removed fails, and works when memory is there again`() throws {
    let (guest, channel, bytes) = try makeGuest(12, 10)
    let transfer = Request.transfer(1, (0, 0, 12, 10), offset: 0)
    #expect(guest.type(transfer) == ok)
    let all = GuestRange(start: GuestAddress(0), count: UInt64(TestGuest.pages * 4096))!
    try guest.memory.remove(all)
    try guest.map()
    // The list has become unusable, but its ranges are memory again.
    #expect(guest.type(transfer) == ok)
    try guest.memory.remove(all)
    try guest.mapBelow(TestGuest.pictures)
    #expect(guest.type(transfer) == VIRTIO_GPU_RESP_ERR_UNSPEC.rawValue)
    #expect(guest.device.refusals(.backingNotMapped) == 1)
    try guest.memory.remove(GuestRange(start: GuestAddress(0), count: UInt64(TestGuest.pictures))!)
    try guest.map()
    #expect(guest.type(transfer) == ok)
    _ = channel.takeChanges(ofOutput: 0)
    #expect(channel.pixels(ofOutput: 0) == finished(bytes))
  }

  @Test func `a detached backing cannot be transferred from and another can be attached`() throws {
    let (guest, channel, _) = try makeGuest(12, 10)
    let other = (0..<480).map { Self.byte($0, 9) }
    guest.write(other, at: TestGuest.pictures + 0x8000)
    #expect(guest.type(Request.detach(1)) == ok)
    let transfer = Request.transfer(1, (0, 0, 12, 10), offset: 0)
    #expect(guest.type(transfer) == VIRTIO_GPU_RESP_ERR_UNSPEC.rawValue)
    #expect(guest.type(Request.attach(1, [(picture + 0x8000, 480)])) == ok)
    #expect(guest.type(transfer) == ok)
    _ = channel.takeChanges(ofOutput: 0)
    #expect(channel.pixels(ofOutput: 0) == finished(other))
  }

  @Test func `a reset drops resources, scanouts and cursors and returns all memory`() throws {
    let (guest, channel, _) = try makeGuest(64, 64)
    #expect(guest.type(Request.updateCursor(0, 5, 6, id: 1), on: 1) == ok)
    _ = channel.takeChanges(ofOutput: 0)
    #expect(channel.cursor(ofOutput: 0)?.image != nil)
    guest.device.reset()
    let changes = try #require(channel.takeChanges(ofOutput: 0))
    #expect(changes.isReplaced && changes.cursorChanged && !changes.output.isEnabled)
    #expect(channel.cursor(ofOutput: 0) == CursorState(x: 0, y: 0, image: nil))
    #expect(guest.device.memoryInUse == 0)
    #expect(guest.type(Request.unref(1)) == VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID.rawValue)
    #expect(guest.type(Request.create(1, 64, 64)) == ok)
  }
}
