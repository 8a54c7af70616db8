import Testing

@testable import ControlSocket

@Suite struct ControlProtocolTests {
  @Test(arguments: [
    ControlRequest.screenshot(scanout: 0, withCursor: true, encoding: .png),
    .screenshot(scanout: 15, withCursor: false, encoding: .ppm), .cursor(scanout: 0),
    .cursor(scanout: 9_999_999_999), .lights, .inspect(asJSON: true), .inspect(asJSON: false), .keys([[30]]),
    .keys([[29, 56, 59], [0], [65535]]),
    .click(.pixel(scanout: 15, x: 16383, y: 0), .left), .click(.place(x: 32767, y: 0), .none),
    .click(.way(x: -2_147_483_648, y: 2_147_483_647), .right), .click(.way(x: 0, y: 0), .middle),
    .click(.place(x: 1, y: 2), .left, .press), .click(.pixel(scanout: 0, x: 3, y: 4), .right, .release),
    .outputs([]), .outputs([.remove(scanout: 0), .add(width: 1, height: 2, at: nil)]),
    .outputs(
      (0..<16).map {
        .set(scanout: $0, width: 16384, height: 16384, at: OutputPosition(x: 2_147_483_647, y: 2_147_483_647))
      }),
  ])
  func `a request survives the wire`(_ request: ControlRequest) throws {
    #expect(request.bytes.count <= ControlRequest.maximumLineBytes && request.bytes.last == 10)
    #expect(try ControlRequest(line: request.bytes.dropLast()) == request)
  }

  @Test func `a request is the documented line`() {
    #expect(
      String(
        decoding: ControlRequest.screenshot(scanout: 3, withCursor: false, encoding: .ppm).bytes,
        as: UTF8.self)
        == "scanout-control 1 screenshot 3 plain ppm\n")
    #expect(
      String(decoding: ControlRequest.cursor(scanout: 12).bytes, as: UTF8.self)
        == "scanout-control 1 cursor 12\n")
    let input: [(ControlRequest, String)] = [
      (.keys([[29, 46], [28]]), "keys 29-46 28"), (.lights, "lights"),
      (.inspect(asJSON: true), "inspect json"),
      (.click(.pixel(scanout: 1, x: 2, y: 3), .left), "click pixel 1 2 3 left"),
      (.click(.place(x: 2, y: 3), .none), "click place 2 3 none"),
      (.click(.way(x: -2, y: 3), .middle), "click way -2 3 middle"),
      (.click(.place(x: 2, y: 3), .left, .press), "press place 2 3 left"),
      (.click(.pixel(scanout: 0, x: 2, y: 3), .right, .release), "release pixel 0 2 3 right"),
      (.outputs([]), "outputs"),
      (
        .outputs([
          .set(scanout: 1, width: 2, height: 3, at: OutputPosition(x: 4, y: 5)),
          .set(scanout: 6, width: 7, height: 8, at: nil), .add(width: 9, height: 10, at: nil),
          .add(width: 11, height: 12, at: OutputPosition(x: 13, y: 14)), .remove(scanout: 15),
        ]), "outputs set 1 2 3 at 4 5 set 6 7 8 add 9 10 add 11 12 at 13 14 remove 15"
      ),
    ]
    for (request, words) in input {
      #expect(String(decoding: request.bytes, as: UTF8.self) == "scanout-control 1 \(words)\n")
    }
  }

  @Test(arguments: [0, 1, 30, 31, 1000])
  func `strokes of any number are split into lines that fit, in order`(_ count: Int) throws {
    let strokes = (0..<count).map { [UInt16](repeating: UInt16($0), count: 1 + $0 % 8) }
    let requests = ControlRequest.keys(splitting: strokes)
    #expect(requests.allSatisfy { $0.bytes.count <= ControlRequest.maximumStrokesBytes })
    let joined = try requests.flatMap { request -> [[UInt16]] in
      guard case .keys(let part) = try ControlRequest(line: request.bytes.dropLast()) else { return [] }
      return part
    }
    #expect(joined == strokes)
    #expect(requests.count <= strokes.count && (count < 1000 || requests.count < 400))
  }

  @Test(arguments: badRequests)
  func `a line that is no request is refused`(_ row: BadRequest) {
    let failure = #expect(throws: ControlFailure.self) { try ControlRequest(line: row.bytes[...]) }
    #expect(failure?.code == row.code)
    #expect(failure?.message.isEmpty == false)
  }

  @Test func `another version is told which one this side speaks`() {
    let failure = #expect(throws: ControlFailure.self) {
      try ControlRequest(line: Array("scanout-control 2 cursor 0".utf8)[...])
    }
    #expect(failure?.message.contains("speaks version 1") == true)
    #expect(failure?.message.contains("the other 2") == true)
  }

  @Test func `a failure's line is printable and bounded whatever its message`() throws {
    let message = "line\nfeed \u{1b}[31m \u{e9} " + String(repeating: "x", count: 4000)
    for code in ControlFailure.Code.allCases {
      let head = ControlReply.failure(ControlFailure(code, message)).head
      #expect(head.count <= ControlReply.maximumLineBytes)
      #expect(head.dropLast().allSatisfy { (0x20...0x7e).contains($0) } && head.last == 10)
      let failure = #expect(throws: ControlFailure.self) {
        try ControlReply.contentCount(line: head.dropLast())
      }
      #expect(failure?.code == code)
      #expect(failure?.message.hasPrefix("line?feed ?[31m ?? xxx") == true)
    }
  }

  @Test func `content is announced with its size`() throws {
    let reply = ControlReply.content([1, 2, 3])
    #expect(String(decoding: reply.head, as: UTF8.self) == "scanout-control 1 ok 3\n")
    #expect(try ControlReply.contentCount(line: reply.head.dropLast()) == 3)
  }

  @Test(arguments: [
    "", "ok 3", "scanout-control", "scanout-control 1", "scanout-control 1 ok", "scanout-control 1 ok -1",
    "scanout-control 1 ok 1 2", "scanout-control 1 ok 1073741825",
    "scanout-control 1 ok 99999999999999999999",
    "scanout-control 1 yes 3", "scanout-control 1 error", "HTTP/1.1 400 Bad Request",
  ])
  func `an answer that is none is refused`(_ line: String) {
    let failure = #expect(throws: ControlFailure.self) {
      try ControlReply.contentCount(line: Array(line.utf8)[...])
    }
    #expect(failure?.code == .badRequest)
  }

  @Test func `a cursor report survives the wire and reads as JSON`() throws {
    let report = CursorReport(
      isVisible: true, x: -7, y: Int32.max, hotX: 1, hotY: 2, width: 64, height: 48, crc: 0x00ab_cdef)
    #expect(CursorReport(bytes: report.bytes) == report)
    #expect(
      report.json
        == #"{"visible": true, "x": -7, "y": 2147483647, "hot_x": 1, "hot_y": 2, "w": 64, "h": 48, "crc": "00abcdef"}"#
    )
    let hidden = CursorReport(isVisible: false, x: 5, y: Int32.min)
    #expect(CursorReport(bytes: hidden.bytes) == hidden)
    #expect(
      hidden.json
        == #"{"visible": false, "x": 5, "y": -2147483648, "hot_x": 0, "hot_y": 0, "w": 0, "h": 0, "crc": "00000000"}"#
    )
  }

  @Test func `reports on outputs survive the wire and read as JSON`() throws {
    let shown = OutputReport(
      isEnabled: true, isAdded: true, width: 1, height: 2, x: 3, y: .max, shownWidth: 5, shownHeight: 6)
    let off = OutputReport(isEnabled: false, width: 640, height: 480, x: 7, y: 8)
    let all = Array(repeatElement([shown, off], count: 8).joined())
    #expect(OutputReport.all(bytes: all.flatMap(\.bytes)) == all)
    #expect(
      shown.json(index: 3)
        == #"{"scanout": 3, "enabled": true, "added": true, "w": 1, "h": 2, "x": 3, "y": 4294967295, "#
        + #""shown": {"w": 5, "h": 6}}"#)
    #expect(
      off.json(index: 0)
        == #"{"scanout": 0, "enabled": false, "added": false, "w": 640, "h": 480, "x": 7, "y": 8, "shown": null}"#
    )
    #expect(shown.text(index: 3) == "3: 1x2+3+4294967295, the guest shows 5x6")
    #expect(off.text(index: 0) == "0: off, the guest shows nothing")
  }

  @Test(arguments: [0, 1, 27, 29, 28 * 17])
  func `reports on outputs of another size are none`(_ count: Int) {
    #expect(OutputReport.all(bytes: [UInt8](repeating: 0, count: count)) == nil)
  }

  @Test func `a report on an output that is more than on and added is none`() {
    for byte in 0..<4 {
      #expect(OutputReport.all(bytes: (0..<56).map { $0 == 28 + byte ? 4 : 0 }) == nil)
    }
  }

  @Test(arguments: [0, 1, 31, 33, 64])
  func `a cursor report of another size is none`(_ count: Int) {
    #expect(CursorReport(bytes: [UInt8](repeating: 0, count: count)) == nil)
  }

  @Test func `a cursor report that is neither visible nor hidden is none`() {
    for byte in [0, 1, 3] { #expect(CursorReport(bytes: (0..<32).map { $0 == byte ? 2 : 0 }) == nil) }
  }
}

/// A line without its line feed, and how it is refused.
struct BadRequest: CustomTestStringConvertible, Sendable {
  let bytes: [UInt8]
  let code: ControlFailure.Code
  var testDescription: String { String(decoding: bytes.prefix(60), as: UTF8.self).debugDescription }
}

/// Lines that hold no request; the socket tests send them too.
let badRequests: [BadRequest] =
  [
    "", " ", "x", "scanout-control", "scanout-control ", "scanout-control 1", "scanout-control 1 ",
    "scanout-control 1 screenshot", "scanout-control 1 screenshot ", "scanout-control 1 screenshot 0",
    "scanout-control 1 screenshot 0 cursor", "scanout-control 1 screenshot 0 cursor gif",
    "scanout-control 1 screenshot 0 Cursor png", "scanout-control 1 screenshot 0 png cursor",
    "scanout-control 1 screenshot -1 cursor png", "scanout-control 1 screenshot +1 cursor png",
    "scanout-control 1 screenshot 0x0 cursor png", "scanout-control 1 screenshot 1.5 cursor png",
    "scanout-control 1 screenshot 18446744073709551616 cursor png",
    "scanout-control 1 screenshot  0 cursor png",
    "scanout-control 1 screenshot 0 cursor png ", "scanout-control 1 screenshot 0 cursor png png",
    " scanout-control 1 cursor 0", "scanout-control\t1\tcursor\t0", "scanout-control 1 cursor",
    "scanout-control 1 cursor 0\r", "scanout-control 1 cursor 0 0", "scanout-control 1 cursor zero",
    "scanout-control 1 cursor \u{660}", "scanout-control 1 shutdown", "scanout-control 1 cursor\u{0} 0",
    "scanout-control one cursor 0", "scanout-control  1 cursor 0", "SCANOUT-CONTROL 1 cursor 0",
    "GET / HTTP/1.1\r", "scanout-control 1 keys", "scanout-control 1 keys ", "scanout-control 1 keys a",
    "scanout-control 1 keys 30 ", "scanout-control 1 keys 30-", "scanout-control 1 keys -30",
    "scanout-control 1 keys 30--31", "scanout-control 1 keys 65536", "scanout-control 1 keys 30+31",
    "scanout-control 1 click", "scanout-control 1 click 0 1 2 left", "scanout-control 1 click pixel 1 2 left",
    "scanout-control 1 click pixel 0 -1 2 left", "scanout-control 1 click place 1 2",
    "scanout-control 1 click place -1 2 left", "scanout-control 1 click way 1 2 thumb",
    "scanout-control 1 click way - 2 left", "scanout-control 1 click way --1 2 left",
    "scanout-control 1 click way 1 2 left left", "scanout-control 1 lights 0", "scanout-control 1 inspect",
    "scanout-control 1 inspect JSON",
    "scanout-control 1 inspect json 0",
    "scanout-control 1 outputs ", "scanout-control 1 outputs 0", "scanout-control 1 outputs set 0 640",
    "scanout-control 1 outputs set 0 640 -480", "scanout-control 1 outputs set 0 640x480",
    "scanout-control 1 outputs set 0 640 480 at", "scanout-control 1 outputs set 0 640 480 at 1",
    "scanout-control 1 outputs set 0 640 480 at -1 0", "scanout-control 1 outputs set 0 640 480 1 1",
    "scanout-control 1 outputs add 640", "scanout-control 1 outputs add 640 480 at at 1 1",
    "scanout-control 1 outputs remove", "scanout-control 1 outputs remove 0 ",
    "scanout-control 1 outputs remove 99999999999", "scanout-control 1 outputs remove 0 lights",
  ].map { BadRequest(bytes: Array($0.utf8), code: .badRequest) }
  + ["scanout-control 0 cursor 0", "scanout-control 2 cursor 0", "scanout-control 9999999999 x"].map {
    BadRequest(bytes: Array($0.utf8), code: .version)
  }
  + [[0xff, 0xfe, 0xfd], [0], [UInt8](repeating: 0x80, count: 100)].map {
    BadRequest(bytes: $0, code: .badRequest)
  }
