import Testing

@testable import FrontEndVNC

@Suite struct WebSocketFramesTests {
  /// What a reader makes of bytes that come in pieces of one size.
  private static func read(_ bytes: [UInt8], by size: Int = .max) -> (
    data: [UInt8], replies: [UInt8], ending: WebSocketReader.Ending?
  ) {
    var reader = WebSocketReader()
    var (data, replies): ([UInt8], [UInt8]) = ([], [])
    var rest = bytes[...]
    while !rest.isEmpty {
      reader.take(rest.prefix(size), data: &data, replies: &replies)
      rest = rest.dropFirst(size)
    }
    return (data, replies, reader.ending)
  }

  private static func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
  }

  @Test(arguments: [0, 1, 3, 4, 125, 126, 127, 65535, 65536, 100_000])
  func `a message of any length arrives, however it is cut`(_ count: Int) {
    let payload = Self.bytes(count)
    let frame = WebViewer.frame(0x82, payload) + WebViewer.frame(0x82, [7], mask: [0, 0, 0, 0])
    for size in [1, 2, 5, 1000, .max] {
      let result = Self.read(frame, by: size)
      #expect(result.data == payload + [7] && result.replies.isEmpty && result.ending == nil)
    }
  }

  @Test func `a message may come in several frames, with pings between them`() {
    let frames =
      WebViewer.frame(0x02, [1, 2]) + WebViewer.frame(0x89, [9, 8]) + WebViewer.frame(0x00, [])
      + WebViewer.frame(0x8a, [5]) + WebViewer.frame(0x80, [3]) + WebViewer.frame(0x82, [4])
    let result = Self.read(frames)
    #expect(result.data == [1, 2, 3, 4])
    #expect(result.replies == [0x8a, 2, 9, 8])
    #expect(result.ending == nil)
  }

  @Test(arguments: [0, 1, 124, 125]) func `a ping's payload comes back`(_ count: Int) {
    let payload = Self.bytes(count)
    let result = Self.read(WebViewer.frame(0x89, payload), by: 1)
    #expect(result.replies == [0x8a, UInt8(count)] + payload)
  }

  @Test(
    arguments: [
      // Not masked; reserved bits; opcodes that nobody has defined.
      ([0x82, 0x01, 0x00], .protocolError), ([0xc2, 0x80], .protocolError), ([0xa2, 0x80], .protocolError),
      ([0x92, 0x80], .protocolError), ([0x83, 0x80], .protocolError), ([0x87, 0x80], .protocolError),
      ([0x8b, 0x80], .protocolError), ([0x8f, 0x80], .protocolError),
      // Text; a continuation of nothing; a message inside another.
      ([0x81, 0x80], .unsupportedData), ([0x80, 0x80], .protocolError), ([0x00, 0x80], .protocolError),
      ([0x02, 0x80, 0, 0, 0, 0, 0x82, 0x80], .protocolError),
      // Control frames in parts, or too long.
      ([0x09, 0x80], .protocolError), ([0x08, 0x80], .protocolError), ([0x89, 0xfe], .protocolError),
      ([0x88, 0xff], .protocolError),
      // Lengths that are too long, or written too long.
      ([0x82, 0xfe, 0, 125, 0, 0, 0, 0], .protocolError),
      ([0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0], .protocolError),
      ([0x82, 0xff, 0, 0, 0, 0, 0, 0x40, 0, 1, 0, 0, 0, 0], .tooLong),
      ([0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], .tooLong),
      // Ends.
      ([0x88, 0x80, 0, 0, 0, 0], .normal), ([0x88, 0x82, 0, 0, 0, 0, 3, 0xe8], .normal),
      ([0x88, 0x81, 0, 0, 0, 0, 3], .protocolError),
    ] as [([UInt8], WebSocketReader.Ending)])
  func `a frame that may not be ends it all`(_ bytes: [UInt8], _ ending: WebSocketReader.Ending) {
    let before = WebViewer.frame(0x82, [1, 2, 3])
    for size in [1, .max] {
      let result = Self.read(before + bytes + WebViewer.frame(0x82, [4]), by: size)
      #expect(result.ending == ending)
      #expect(result.data == [1, 2, 3])
    }
  }

  @Test func `whatever comes, no more goes on than came`() {
    var generator = SystemRandomNumberGenerator()
    var endings = 0
    for _ in 0..<20_000 {
      var bytes: [UInt8] = []
      for _ in 0..<4 {
        var frame = WebViewer.frame(
          [0x82, 0x02, 0x00, 0x80, 0x89, 0x8a, 0x88].randomElement(using: &generator)!,
          Self.bytes(.random(in: 0..<200, using: &generator)))
        if Int.random(in: 0..<4, using: &generator) == 0 {
          frame[.random(in: frame.indices, using: &generator)] = .random(in: 0...255, using: &generator)
        }
        bytes += frame
      }
      let size = Int.random(in: 1...300, using: &generator)
      let result = Self.read(bytes, by: size)
      #expect(result.data.count + result.replies.count <= bytes.count)
      // How it is cut makes no difference.
      let whole = Self.read(bytes)
      #expect(whole == result)
      if result.ending != nil { endings += 1 }
    }
    #expect(endings > 0)
  }
}
