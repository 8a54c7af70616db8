import CVirtioGPUABI
import FrontEndAPI
import Testing

@testable import VirtioGPU

private let ok = VIRTIO_GPU_RESP_OK_NODATA.rawValue

@Suite struct CursorTests {
  let guest: TestGuest
  let viewer = Viewer()
  let channel: any DisplayChannel
  let image = (0..<(64 * 64 * 4)).map { UInt8(truncatingIfNeeded: $0 * 31 / 7) }

  /// Two outputs; resource 1 holds `image`, in a format that calls the fourth byte unused.
  init() throws {
    guest = try TestGuest(outputs: [(640, 480), (640, 480)])
    channel = try guest.device.attach(viewer)
    guest.write(image, at: TestGuest.pictures)
    for request in [
      Request.create(1, 64, 64, format: 2), Request.attach(1, [(UInt64(TestGuest.pictures), 16384)]),
      Request.transfer(1, (0, 0, 64, 64), offset: 0),
    ] { #expect(guest.type(request) == ok) }
    for output in 0..<2 { _ = channel.takeChanges(ofOutput: output) }
  }

  @Test func `an update takes image, hot spot and place, on its output alone`() throws {
    #expect(guest.type(Request.updateCursor(1, 100, 80, id: 1, hot: (7, 11)), on: 1) == ok)
    let expected = CursorImage(width: 64, height: 64, hotX: 7, hotY: 11, pixels: image)
    #expect(channel.cursor(ofOutput: 1) == CursorState(x: 100, y: 80, image: expected))
    #expect(channel.cursor(ofOutput: 0) == CursorState(x: 0, y: 0, image: nil))
    #expect(channel.takeChanges(ofOutput: 0)?.isEmpty == true)
    let changes = try #require(channel.takeChanges(ofOutput: 1))
    #expect(changes.cursorChanged && !changes.isReplaced && changes.damage == [])
    #expect(channel.takeChanges(ofOutput: 1)?.isEmpty == true)
    #expect(viewer.told == [1])
  }

  @Test func `the fourth byte counts in every format, and channels are put in order`() throws {
    let orders: [(UInt32, String)] = [
      (1, "BGRA"), (3, "ARGB"), (4, "ARGB"), (67, "RGBA"), (68, "ABGR"), (134, "RGBA"),
    ]
    for (index, row) in orders.enumerated() {
      let id = UInt32(10 + index)
      for request in [
        Request.create(id, 64, 64, format: row.0), Request.attach(id, [(UInt64(TestGuest.pictures), 16384)]),
        Request.transfer(id, (0, 0, 64, 64), offset: 0),
      ] { #expect(guest.type(request) == ok) }
      #expect(guest.type(Request.updateCursor(0, 0, 0, id: id), on: 1) == ok)
      let places = "BGRA".map { channel in Array(row.1).firstIndex(of: channel)! }
      let expected = stride(from: 0, to: image.count, by: 4).flatMap { start in
        places.map { image[start + $0] }
      }
      #expect(channel.cursor(ofOutput: 0)?.image?.pixels == expected)
    }
  }

  @Test func `a move keeps the image and takes places beyond the edge`() {
    #expect(guest.type(Request.updateCursor(0, 1, 2, id: 1), on: 1) == ok)
    // Minus 20 and minus 3, as drivers send them; the resource means nothing here.
    #expect(guest.type(Request.moveCursor(0, .max - 19, .max - 2, id: 0), on: 1) == ok)
    let cursor = channel.cursor(ofOutput: 0)
    #expect(cursor?.x == -20 && cursor?.y == -3)
    #expect(cursor?.image?.pixels == image)
  }

  @Test func `a move of a hidden cursor leaves it hidden`() {
    #expect(guest.type(Request.updateCursor(0, 1, 2, id: 1), on: 1) == ok)
    #expect(guest.type(Request.updateCursor(0, 3, 4, id: 0), on: 1) == ok)
    #expect(channel.cursor(ofOutput: 0) == CursorState(x: 3, y: 4, image: nil))
    #expect(guest.type(Request.moveCursor(0, 5, 6, id: 1), on: 1) == ok)
    #expect(channel.cursor(ofOutput: 0) == CursorState(x: 5, y: 6, image: nil))
  }

  @Test func `the image is what it was at the update, whatever becomes of the resource`() {
    #expect(guest.type(Request.updateCursor(0, 1, 2, id: 1), on: 1) == ok)
    guest.write([UInt8](repeating: 9, count: 16384), at: TestGuest.pictures)
    #expect(guest.type(Request.transfer(1, (0, 0, 64, 64), offset: 0)) == ok)
    #expect(channel.cursor(ofOutput: 0)?.image?.pixels == image)
    #expect(guest.type(Request.unref(1)) == ok)
    #expect(channel.cursor(ofOutput: 0)?.image?.pixels == image)
  }

  @Test func `a refused update changes nothing`() {
    #expect(guest.type(Request.updateCursor(0, 1, 2, id: 1), on: 1) == ok)
    let before = channel.cursor(ofOutput: 0)
    #expect(guest.type(Request.create(2, 513, 64)) == ok)
    for request in [
      Request.updateCursor(0, 9, 9, id: 2), Request.updateCursor(0, 9, 9, id: 3),
      Request.updateCursor(0, 9, 9, id: 1, hot: (64, 64)),
    ] { #expect(guest.type(request, on: 1) != ok) }
    #expect(channel.cursor(ofOutput: 0) == before)
  }

  /// Both sides of an image, and hot spots in its corners.
  @Test(arguments: [(1, 1), (1, 512), (512, 1), (17, 31), (63, 65), (128, 128), (512, 512)])
  func `an image may have any size up to 512x512, and its hot spot may be any corner`(_ size: (Int, Int))
    throws
  {
    let (width, height) = size
    let bytes = (0..<(width * height * 4)).map { UInt8(truncatingIfNeeded: $0 * 13 / 3) }
    guest.write(bytes, at: TestGuest.pictures)
    let sides = (UInt32(width), UInt32(height))
    for request in [
      Request.create(2, sides.0, sides.1, format: 1),
      Request.attach(2, [(UInt64(TestGuest.pictures), UInt32(bytes.count))]),
      Request.transfer(2, (0, 0, sides.0, sides.1), offset: 0),
    ] { #expect(guest.type(request) == ok) }
    for hot in [(0, 0), (sides.0 - 1, 0), (0, sides.1 - 1), (sides.0 - 1, sides.1 - 1)] {
      #expect(guest.type(Request.updateCursor(0, 3, 4, id: 2, hot: hot), on: 1) == ok)
      let expected = CursorImage(
        width: width, height: height, hotX: Int(hot.0), hotY: Int(hot.1), pixels: bytes)
      #expect(channel.cursor(ofOutput: 0) == CursorState(x: 3, y: 4, image: expected))
    }
    for hot in [(sides.0, 0), (0, sides.1)] {
      #expect(
        guest.type(Request.updateCursor(0, 3, 4, id: 2, hot: hot), on: 1)
          == VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER.rawValue)
    }
  }

  @Test func `an image is charged by its size until it is hidden`() {
    let before = guest.device.memoryInUse
    #expect(guest.type(Request.create(2, 512, 512)) == ok)
    let resource = guest.device.memoryInUse
    #expect(guest.type(Request.updateCursor(0, 0, 0, id: 2), on: 1) == ok)
    #expect(guest.device.memoryInUse >= resource + 512 * 512 * 4)
    #expect(guest.type(Request.unref(2)) == ok)
    #expect(guest.device.memoryInUse >= before + 512 * 512 * 4)
    #expect(guest.type(Request.updateCursor(0, 0, 0, id: 0), on: 1) == ok)
    #expect(guest.device.memoryInUse == before)
  }

  @Test func `images are given back when they are replaced`() {
    _ = guest.type(Request.updateCursor(0, 0, 0, id: 1), on: 1)
    let one = guest.device.memoryInUse
    for place in 0..<100 as Range<UInt32> { _ = guest.type(Request.updateCursor(0, place, 0, id: 1), on: 1) }
    #expect(guest.device.memoryInUse == one)
    _ = guest.type(Request.updateCursor(0, 0, 0, id: 0), on: 1)
    #expect(guest.device.memoryInUse < one - 16384)
  }
}
