import Glibc
import Testing

@testable import VfioUser

extension VfioUserTests {
  /// The first message: versions and JSON of all kinds.
  @Suite struct VersionTests {
    private func parse(_ text: String) throws(JSONFault) -> ClientCapabilities {
      let bytes = Array(text.utf8) + [0]
      let span = bytes.span
      return try ClientCapabilities(unsafe span.bytes)
    }

    @Test("what QEMU says is understood")
    func qemu() throws {
      let capabilities = try parse(Client.qemuJSON)
      #expect(capabilities.maxMessageDescriptors == 16)
      #expect(capabilities.maxDataTransferSize == 1 << 20)
      #expect(capabilities.maxDMAMaps == 65535)
      #expect(capabilities.pageSizes == 4096)
      #expect(capabilities.writesMultiple)
    }

    @Test(
      "unknown members are passed over, missing ones have the protocol's defaults",
      arguments: [
        "{}", "{\"capabilities\":{}}", " { \"capabilities\" : { } } ", "{\"max_msg_fds\":-1}",
        "{\"x\":[1,2,[3,{\"capabilities\":{\"max_msg_fds\":9}}]],\"capabilities\":{\"twin_socket\":{\"supported\":true}}}",
        "{\"x\":\"\\u00e9\\n\\\"\",\"y\":-1.5e+10,\"z\":null,\"a\":false,\"b\":1E9,\"c\":0.5}",
        "{\"capabilities\":{\"max_msg\\u005ffds\":9}}",
        "{\"capabilities\":{\"migration\":{\"pgsize\":65536,\"max_msg_fds\":5}}}", "",
      ])
    func defaults(text: String) throws {
      #expect(try parse(text) == ClientCapabilities())
    }

    static let faults: [(String, JSONFault)] = [
      ("x", .malformed), ("[]", .malformed), ("1", .malformed), ("null", .malformed), ("{", .malformed),
      ("{}}", .malformed),
      ("{}x", .malformed), ("{\"a\"}", .malformed), ("{\"a\":}", .malformed), ("{\"a\":1,}", .malformed),
      ("{a:1}", .malformed),
      ("{\"a\":01}", .malformed), ("{\"a\":-}", .malformed), ("{\"a\":1.}", .malformed),
      ("{\"a\":1e}", .malformed),
      ("{\"a\":+1}", .malformed), ("{\"a\":tru}", .malformed), ("{\"a\":truex}", .malformed),
      ("{\"a\":nul", .malformed),
      ("{\"a\":\"\u{1}\"}", .malformed), ("{\"a\":\"\\x\"}", .malformed), ("{\"a\":\"\\u12g4\"}", .malformed),
      ("{\"a\":\"\\u12", .malformed), ("{\"a\":\"", .malformed), ("{\"a\":[1", .malformed),
      ("{\"a\":[1,]}", .malformed),
      ("{\"a\":1}\u{0}", .malformed), ("{\"a\":1\u{0}}", .malformed),
      ("{\"capabilities\":1}", .wrongType), ("{\"capabilities\":[]}", .wrongType),
      ("{\"capabilities\":null}", .wrongType),
      ("{\"capabilities\":{\"max_msg_fds\":\"16\"}}", .wrongType),
      ("{\"capabilities\":{\"max_msg_fds\":{}}}", .wrongType),
      ("{\"capabilities\":{\"max_msg_fds\":-1}}", .outOfRange),
      ("{\"capabilities\":{\"max_msg_fds\":1.5}}", .outOfRange),
      ("{\"capabilities\":{\"max_msg_fds\":18446744073709551616}}", .outOfRange),
      ("{\"capabilities\":{\"max_data_xfer_size\":99999999999999999999999999999999}}", .outOfRange),
      ("{\"capabilities\":{\"max_dma_maps\":true}}", .wrongType),
      ("{\"capabilities\":{\"write_multiple\":1}}", .wrongType),
      ("{\"capabilities\":{\"pgsizes\":0}}", .outOfRange),
      ("{\"capabilities\":{\"pgsizes\":65536}}", .outOfRange),
      ("{\"capabilities\":{\"migration\":7}}", .wrongType),
      ("{\"capabilities\":{\"migration\":{\"pgsize\":0}}}", .outOfRange),
      ("{\"capabilities\":{\"migration\":{\"pgsize\":4097}}}", .outOfRange),
      ("{\"a\":" + String(repeating: "[", count: 16) + String(repeating: "]", count: 16) + "}", .tooDeep),
      ("{\"a\":" + String(repeating: "{\"a\":", count: 700), .tooDeep),
      ("{\"a\":" + String(repeating: "[", count: 4000), .tooDeep),
      ("{\"a\":\"" + String(repeating: "x", count: 5000) + "\"}", .tooLong),
    ]

    @Test("JSON that is broken, too deep, too long or out of range is refused", arguments: faults)
    func refused(text: String, fault: JSONFault) {
      #expect(throws: fault) { try parse(text) }
    }

    @Test("every beginning of a good text is refused")
    func prefixes() throws {
      let text = Client.qemuJSON
      for count in 1..<text.utf8.count {
        #expect(throws: JSONFault.self) { try parse(String(text.prefix(count))) }
      }
    }

    @Test("any byte in a good text changed to any other is parsed or refused")
    func mutations() {
      let text = Array(Client.qemuJSON.utf8)
      var accepted = 0
      for index in text.indices {
        for byte in 0...UInt8.max {
          var bytes = text
          bytes[index] = byte
          bytes.append(0)
          let span = bytes.span
          if (try? ClientCapabilities(unsafe span.bytes)) != nil { accepted += 1 }  // either outcome will do
        }
      }
      #expect(accepted > text.count && accepted < text.count * 256)
    }

    static let badVersions: [[UInt8]] = [
      [], [0], [0, 0, 0], le(UInt16(1)) + le(UInt16(0)), le(UInt16(0xffff)) + le(UInt16(0)),
      le(UInt32(0)) + Array("{}".utf8),
      le(UInt32(0)) + Array("{".utf8) + [0],
      le(UInt32(0)) + Array("{\"capabilities\":{\"max_msg_fds\":-1}}".utf8) + [0],
      le(UInt32(0)) + [UInt8](repeating: 0x20, count: 60000) + [0], le(UInt32(0)) + [0, 0],
    ]

    @Test("a version that cannot be agreed on is answered with an error and the end", arguments: badVersions)
    func badVersion(payload: [UInt8]) throws {
      let served = try Served()
      let client = try Client(served.path)
      #expect(client.errno(1, payload) == UInt32(EINVAL))
      #expect(client.isClosed())
      try served.servesNextClient()
    }

    @Test("a version of 1 MiB ends the connection")
    func hugeVersion() throws {
      let served = try Served()
      let client = try Client(served.path)
      client.send(message(1, le(UInt32(0)) + [UInt8](repeating: 0x20, count: 1 << 20)))
      #expect(client.isClosed())
      try served.servesNextClient()
    }

    @Test(
      "a version without JSON, or with a newer minor, is agreed on at minor 0",
      arguments: [[], [0], Array("{}".utf8) + [0]])
    func plainVersion(json: [UInt8]) throws {
      let served = try Served()
      let client = try Client(served.path)
      let reply = try #require(client.request(1, le(UInt16(0)) + le(UInt16(9)) + json))
      #expect(reply.error == 0)
      #expect(Array(reply.payload.prefix(4)) == [0, 0, 0, 0])
      #expect(client.errno(13) == 0)
    }

    @Test("a second version is refused and changes nothing")
    func twice() throws {
      let served = try Served()
      let client = try served.client()
      #expect(client.errno(1, le(UInt32(0))) == UInt32(EINVAL))
      #expect(client.errno(13) == 0)
    }

    @Test(
      "anything before the version ends the connection", arguments: [2, 3, 4, 5, 7, 8, 9, 10, 13, 15, 99])
    func tooEarly(command: UInt16) throws {
      let served = try Served()
      let event = try Owned.event()
      let client = try Client(served.path)
      let error = try #require(client.errno(command, [UInt8](repeating: 0, count: 32), [event.number]))
      #expect(error == UInt32(command == 99 ? EOPNOTSUPP : EINVAL))
      #expect(client.isClosed())
      try served.servesNextClient()
      #expect(copies(of: event.number) == 1)
      #expect(eventually { served.function.resets == 2 }, "one for each client, none for the early reset")
    }

    @Test("a client that says nothing does not keep others out")
    func silent() throws {
      let served = try Served(patience: Patience(negotiation: 150, reply: 120_000))
      let silent = try Client(served.path)
      let half = try Client(served.path)
      half.send([1, 0])
      // On a loaded machine this one may be silent for too long, too; then it is another's turn.
      var next = try Client(served.path)
      while next.errno(1, le(UInt32(0))) != 0 { next = try Client(served.path) }
      #expect(next.errno(13) == 0)
      #expect(silent.isClosed())
      #expect(half.isClosed())
    }
  }
}
