import CVirtioGPUABI
import FrontEndAPI
import GuestRAM
import Testing

@testable import VirtioGPU

private let ok = VIRTIO_GPU_RESP_OK_NODATA.rawValue
private let page = UInt64(TestGuest.pictures)

/// From a blob's pages to what a front-end sees, judged by arithmetic of the tests' own.
@Suite struct BlobDrawingTests {
  /// A guest whose memory from `pictures` on has `seed`'s bytes, with blob 1 of `count` of them in three pieces that
  /// continue each other out of order.
  private func makeGuest(
    _ count: Int, seed: Int = 1, outputs: Int = 1
  ) throws -> (TestGuest, any DisplayChannel, [UInt8]) {
    let guest = try TestGuest(
      outputs: Array(repeating: (640, 480), count: outputs), features: [VIRTIO_GPU_F_RESOURCE_BLOB])
    let channel = try guest.device.attach(Viewer())
    let bytes = (0..<count).map { DrawingTests.byte($0, seed) }
    let places = Self.pieces(count)
    var start = 0
    for (address, length) in places {
      guest.write(Array(bytes[start..<start + Int(length)]), at: Int(address))
      start += Int(length)
    }
    #expect(guest.type(Request.createBlob(1, size: UInt64(count), places)) == ok)
    return (guest, channel, bytes)
  }

  private static func pieces(_ count: Int) -> [(UInt64, UInt32)] {
    let third = UInt32(count / 3)
    return [
      (page + 0x40_0001, third), (page + 0x10, third), (page + 0x80_0000, UInt32(count) - 2 * third),
    ]
  }

  /// A picture in the bytes as B, G, R, 0.
  private func picture(
    _ bytes: [UInt8], _ width: Int, _ height: Int, stride: Int, offset: Int, order: String = "BGRX",
    x: Int = 0, y: Int = 0
  ) -> [UInt8] {
    let places = "BGR".map { channel in Array(order).firstIndex(of: channel)! }
    var picture: [UInt8] = []
    for row in 0..<height {
      for column in 0..<width {
        let start = offset + (y + row) * stride + (x + column) * 4
        for place in places { picture.append(bytes[start + place]) }
        picture.append(0)
      }
    }
    return picture
  }

  @Test(
    arguments: [
      (1, "BGRA"), (2, "BGRX"), (3, "ARGB"), (4, "XRGB"), (67, "RGBA"), (68, "XBGR"), (121, "ABGR"),
      (134, "RGBX"),
    ] as [(UInt32, String)], [(33 * 4, 0), (33 * 4 + 13, 0), (333, 1), (4096, 4099)])
  func `every format is shown in its colours from any place`(
    _ format: (UInt32, String), _ layout: (Int, Int)
  ) throws {
    let (stride, offset) = layout
    let (guest, channel, bytes) = try makeGuest(offset + 16 * stride + 33 * 4)
    #expect(
      guest.type(
        Request.setScanoutBlob(
          0, 1, (0, 0, 33, 17), 33, 17, format: format.0, stride: UInt32(stride), offset: UInt32(offset)))
        == ok)
    let changes = try #require(channel.takeChanges(ofOutput: 0))
    #expect(changes.output == OutputDescription(index: 0, width: 33, height: 17))
    #expect(changes.isReplaced)
    #expect(
      channel.pixels(ofOutput: 0)
        == picture(bytes, 33, 17, stride: stride, offset: offset, order: format.1))
  }

  @Test func `a picture of several bands is right to the last byte`() throws {
    // 300 KiB, and rows that end in the middle of a band.
    let (guest, channel, bytes) = try makeGuest(320 * 240 * 4)
    #expect(guest.type(Request.setScanoutBlob(0, 1, (0, 0, 320, 240), 320, 240)) == ok)
    _ = channel.takeChanges(ofOutput: 0)
    #expect(channel.pixels(ofOutput: 0) == picture(bytes, 320, 240, stride: 1280, offset: 0))
  }

  @Test func `only flushed rectangles are read again, clipped by what each output shows`() throws {
    let (guest, channel, bytes) = try makeGuest(64 * 48 * 4, outputs: 2)
    #expect(guest.type(Request.setScanoutBlob(0, 1, (0, 0, 64, 48), 64, 48)) == ok)
    #expect(guest.type(Request.setScanoutBlob(1, 1, (10, 8, 20, 20), 64, 48)) == ok)
    for output in 0..<2 { _ = channel.takeChanges(ofOutput: output) }
    #expect(
      channel.pixels(ofOutput: 1) == picture(bytes, 20, 20, stride: 256, offset: 0, x: 10, y: 8))
    // Everything changes, and a rectangle is flushed.
    let new = [UInt8](repeating: 0x77, count: bytes.count)
    var start = 0
    for (address, length) in Self.pieces(bytes.count) {
      guest.write(Array(new[start..<start + Int(length)]), at: Int(address))
      start += Int(length)
    }
    #expect(channel.takeChanges(ofOutput: 0)?.isEmpty == true)
    #expect(guest.type(Request.flush(1, (5, 4, 10, 6))) == ok)
    #expect(
      channel.takeChanges(ofOutput: 0)?.damage == [Rectangle(x: 5, y: 4, width: 10, height: 6)])
    #expect(
      channel.takeChanges(ofOutput: 1)?.damage == [Rectangle(x: 0, y: 0, width: 5, height: 2)])
    let old = picture(bytes, 64, 48, stride: 256, offset: 0)
    let expected = old.indices.map { place in
      let inside = (5..<15).contains(place / 4 % 64) && (4..<10).contains(place / 256)
      return inside ? (place % 4 == 3 ? 0 : 0x77) : old[place]
    }
    #expect(channel.pixels(ofOutput: 0) == expected)
  }

  @Test func `the same blob in two layouts is two pictures, and a flush is held against either`() throws {
    let (guest, channel, bytes) = try makeGuest(4096, outputs: 2)
    #expect(guest.type(Request.setScanoutBlob(0, 1, (0, 0, 32, 32), 32, 32)) == ok)
    #expect(guest.type(Request.setScanoutBlob(1, 1, (0, 0, 16, 64), 16, 64, format: 67)) == ok)
    for output in 0..<2 { _ = channel.takeChanges(ofOutput: output) }
    #expect(channel.pixels(ofOutput: 0) == picture(bytes, 32, 32, stride: 128, offset: 0))
    #expect(channel.pixels(ofOutput: 1) == picture(bytes, 16, 64, stride: 64, offset: 0, order: "RGBX"))
    #expect(guest.type(Request.flush(1, (0, 0, 32, 32))) == ok)
    #expect(guest.type(Request.flush(1, (0, 0, 16, 64))) == ok)
    #expect(guest.type(Request.flush(1, (0, 0, 32, 64))) == VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER.rawValue)
    // The same layout again shows it as it is now, another one is another picture.
    for output in 0..<2 { _ = channel.takeChanges(ofOutput: output) }
    #expect(guest.type(Request.setScanoutBlob(0, 1, (0, 0, 32, 32), 32, 32)) == ok)
    #expect(channel.takeChanges(ofOutput: 0)?.isReplaced == false)
    #expect(guest.type(Request.setScanoutBlob(0, 1, (0, 0, 32, 32), 32, 32, format: 67)) == ok)
    #expect(channel.takeChanges(ofOutput: 0)?.isReplaced == true)
    #expect(channel.pixels(ofOutput: 0) == picture(bytes, 32, 32, stride: 128, offset: 0, order: "RGBX"))
  }

  @Test func `detached pages are black after a flush, and new pages are seen`() throws {
    let (guest, channel, bytes) = try makeGuest(32 * 32 * 4)
    #expect(guest.type(Request.setScanoutBlob(0, 1, (0, 0, 32, 32), 32, 32)) == ok)
    #expect(guest.type(Request.detach(1)) == ok)
    _ = channel.takeChanges(ofOutput: 0)
    #expect(channel.pixels(ofOutput: 0)?.allSatisfy { $0 == 0 } == true)
    #expect(guest.type(Request.attach(1, Self.pieces(4096))) == ok)
    #expect(guest.type(Request.flush(1, (0, 0, 32, 32))) == ok)
    _ = channel.takeChanges(ofOutput: 0)
    #expect(channel.pixels(ofOutput: 0) == picture(bytes, 32, 32, stride: 128, offset: 0))
  }

  @Test func `a blob that is released while it is shown turns its outputs off and gives everything back`()
    throws
  {
    let (guest, channel, _) = try makeGuest(32 * 32 * 4, outputs: 2)
    for output in 0..<2 as Range<UInt32> {
      #expect(guest.type(Request.setScanoutBlob(output, 1, (0, 0, 32, 32), 32, 32)) == ok)
      _ = channel.takeChanges(ofOutput: Int(output))
    }
    #expect(guest.type(Request.unref(1)) == ok)
    for output in 0..<2 {
      #expect(channel.takeChanges(ofOutput: output)?.output.isEnabled == false)
    }
    #expect(guest.device.memoryInUse == 0)
    #expect(guest.type(Request.createBlob(1, size: 4096, [(page, 4096)])) == ok)
    #expect(guest.type(Request.setScanoutBlob(1, 1, (0, 0, 32, 32), 32, 32)) == ok)
    guest.device.reset()
    #expect(channel.takeChanges(ofOutput: 1)?.output.isEnabled == false)
    #expect(guest.device.memoryInUse == 0)
  }

  @Test func `memory that the VMM takes away is black, and the picture is back with the memory`() throws {
    let (guest, channel, bytes) = try makeGuest(64 * 64 * 4)
    #expect(guest.type(Request.setScanoutBlob(0, 1, (0, 0, 64, 64), 64, 64)) == ok)
    _ = channel.takeChanges(ofOutput: 0)
    let expected = picture(bytes, 64, 64, stride: 256, offset: 0)
    for _ in 0..<2 {
      #expect(channel.pixels(ofOutput: 0) == expected)
      // The last of the three pieces goes.
      try guest.memory.remove(GuestRange(start: GuestAddress(0), count: UInt64(TestGuest.pages * 4096))!)
      try guest.mapBelow(TestGuest.pictures + 0x80_0000)
      #expect(guest.type(Request.flush(1, (0, 0, 64, 64))) == ok)
      _ = channel.takeChanges(ofOutput: 0)
      #expect(channel.pixels(ofOutput: 0)?.allSatisfy { $0 == 0 } == true)
      try guest.memory.remove(
        GuestRange(start: GuestAddress(0), count: UInt64(TestGuest.pictures + 0x80_0000))!)
      try guest.map()
      #expect(guest.type(Request.flush(1, (0, 0, 64, 64))) == ok)
      _ = channel.takeChanges(ofOutput: 0)
    }
    #expect(channel.pixels(ofOutput: 0) == expected)
  }

  @Test func `a blob's first 16 KiB are a cursor of 64x64`() throws {
    let (guest, channel, bytes) = try makeGuest(20_000)
    #expect(guest.type(Request.updateCursor(0, 5, 6, id: 1, hot: (7, 8)), on: 1) == ok)
    let cursor = try #require(channel.cursor(ofOutput: 0))
    let expected = CursorImage(width: 64, height: 64, hotX: 7, hotY: 8, pixels: Array(bytes[..<16384]))
    #expect(cursor == CursorState(x: 5, y: 6, image: expected))
  }
}
