import CHost
import Glibc
import Testing

@testable import VfioUser

extension VfioUserTests {
  /// Messages that are cut, lie or make no sense: an error or the end of the connection, and the next client works.
  @Suite struct HostileMessageTests {
    /// A conversation that uses every kind of message, with descriptors where they belong.
    private func conversation(_ ram: CInt, _ event: CInt) -> [(bytes: [UInt8], descriptors: [CInt])] {
      let json = Array(Client.qemuJSON.utf8) + [0]
      return [
        (message(1, le(UInt32(0)) + json), []),
        (message(2, Client.dmaMap(0, 1 << 20)), [ram]),
        (message(4, le(UInt32(16)) + [UInt8](repeating: 0, count: 12)), []),
        (message(8, Client.setIRQs(0x24, index: 0)), [event]),
        (message(8, Client.setIRQs(0x22, index: 2, count: 4, data: [1, 0, 1, 0])), []),
        (message(10, Client.access(0, 0, 4, [1, 2, 3, 4])), []),
        (message(15, le(UInt64(1)) + Client.access(0, 0, 4, [1, 2, 3, 4, 0, 0, 0, 0])), []),
        (message(9, Client.access(7, 0, 64)), []),
        (message(3, Client.dmaUnmap(0, 1 << 20)), []),
        (message(13), []),
      ]
    }

    @Test("a client may vanish at any byte")
    func cutAnywhere() throws {
      let served = try Served()
      let ram = try Owned.memory(1 << 20), event = try Owned.event()
      let conversation = conversation(ram.number, event.number)
      let total = conversation.reduce(0) { $0 + $1.bytes.count }
      for cut in 0..<total {
        let client = try Client(served.path)
        var left = cut
        for (bytes, descriptors) in conversation where left > 0 {
          client.send(Array(bytes.prefix(left)), descriptors)
          left -= min(left, bytes.count)
        }
      }
      try served.servesNextClient()
      #expect(eventually { copies(of: ram.number) == 1 && copies(of: event.number) == 1 })
      #expect(eventually { served.function.resets == total + 1 })
    }

    @Test("a conversation in single bytes is understood")
    func singleBytes() throws {
      let served = try Served()
      let ram = try Owned.memory(1 << 20), event = try Owned.event()
      let client = try Client(served.path)
      for (bytes, descriptors) in conversation(ram.number, event.number) {
        for (index, byte) in bytes.enumerated() {
          client.send([byte], index == 0 ? descriptors : [])
          if index % 16 == 3 { usleep(100) }
        }
        #expect(client.reply()?.error == 0)
      }
    }

    @Test("a conversation in one piece of bytes is understood")
    func onePiece() throws {
      let served = try Served()
      let client = try served.client()
      let burst = (0..<500).flatMap { message(9, Client.access(0, UInt64($0), 4), id: UInt16($0)) }
      let sender = Pending()
      sender.start { client.send(burst) }
      for index in 0..<500 {
        let reply = try #require(client.reply())
        #expect(reply.id == UInt16(index))
        #expect(reply.payload.count == 20)
      }
      sender.join()
    }

    static let lyingSizes: [UInt32] = [0, 1, 15, 65569, 1 << 20, (1 << 20) + 1, 1 << 31, .max]

    @Test("a size that no message has ends the connection", arguments: lyingSizes)
    func impossibleSize(size: UInt32) throws {
      let served = try Served()
      let event = try Owned.event()
      let client = try served.client()
      client.send(message(9, Client.access(7, 0, 4), size: size), [event.number])
      #expect(client.isClosed())
      try served.servesNextClient()
      #expect(eventually { copies(of: event.number) == 1 })
    }

    static let fixedPayloads: [(command: UInt16, size: Int)] = [
      (2, 32), (3, 24), (4, 16), (5, 32), (7, 16), (8, 20), (9, 16), (10, 20), (15, 32),
    ]

    @Test("a payload shorter than the record is refused", arguments: fixedPayloads.map(\.command))
    func shortPayload(command: UInt16) throws {
      let served = try Served()
      let ram = try Owned.memory(4096)
      let client = try served.client()
      let size = try #require(Self.fixedPayloads.first { $0.command == command }).size
      for count in 0..<size {
        #expect(client.errno(command, [UInt8](repeating: 0, count: count), [ram.number]) == UInt32(EINVAL))
      }
      #expect(client.errno(13) == 0, "the session goes on")
      #expect(copies(of: ram.number) == 1)
    }

    @Test(
      "commands that a client cannot send are refused",
      arguments: [0, 6, 11, 12, 14, 16, 17, 18, 19, 255, 0xffff])
    func unknownCommand(command: UInt16) throws {
      let served = try Served()
      let client = try served.client()
      let event = try Owned.event()
      #expect(client.errno(command, [1, 2, 3], [event.number]) == UInt32(EOPNOTSUPP))
      #expect(client.errno(13, [], [event.number]) == 0)
      #expect(copies(of: event.number) == 1)
    }

    @Test(
      "a message that says it is a reply, or no type at all, ends the connection", arguments: [1, 2, 0xf])
    func wrongType(type: UInt32) throws {
      let served = try Served()
      let client = try served.client()
      client.send(message(13, flags: type))
      #expect(client.isClosed())
      try served.servesNextClient()
    }

    @Test("what is wrong with a command that wants no reply is not told")
    func noReply() throws {
      let served = try Served()
      let client = try served.client()
      client.send(message(9, Client.access(7, 0, 4), flags: 0x10))
      client.send(message(9, Client.access(99, 0, 4), flags: 0x10))
      client.send(message(77, flags: 0x10))
      client.send(message(13, id: 4711))
      #expect(client.reply()?.id == 4711)
    }

    static let regionRows: [(UInt32, UInt64, UInt32)] = [
      (2, 0, 4), (3, 0, 1), (5, 0, 1), (6, 0, 4), (8, 0, 4), (9, 0, 4), (100, 0, 4), (.max, 0, 4), (0, 0, 0),
      (7, 0, 0),
      (0, 4096, 1), (0, 4095, 2), (7, 255, 2), (7, 4096, 1), (7, 4092, 8), (7, 0, 257), (0, .max, 1),
      (0, .max - 3, 4),
      (0, .max, .max),
      (0, 1 << 63, 4), (4, 0, 65537), (4, 0, .max), (1, 60, 8), (1, 64, 4),
    ]

    @Test("accesses outside a region, of nothing or of too much are refused", arguments: regionRows)
    func badAccess(region: UInt32, offset: UInt64, count: UInt32) throws {
      let served = try Served()
      let client = try served.client()
      #expect(client.errno(9, Client.access(region, offset, count)) == UInt32(EINVAL))
      let data = [UInt8](repeating: 0, count: Int(min(count, 60000)))
      #expect(client.errno(10, Client.access(region, offset, count, data)) == UInt32(EINVAL))
      let row = Client.access(region, offset, count, [UInt8](repeating: 0, count: 8))
      let good = Client.access(0, 0, 4, [1, 2, 3, 4, 0, 0, 0, 0])
      #expect(client.errno(15, le(UInt64(2)) + good + row) == UInt32(EINVAL))
      #expect(served.function.writes.isEmpty, "a table of writes with a bad one is not begun")
      #expect(served.function.state.withLock { $0.reads } == 0)
      #expect(client.errno(9, Client.access(7, 0, 4)) == 0)
    }

    /// A guest reaches there through a memory-mapped configuration space, whatever the function says of itself.
    @Test(
      "behind a conventional function's configuration space reads find ones and writes are lost",
      arguments: [(256, 4), (256, 1), (4092, 4), (0x7ff, 2), (256, 3840)] as [(UInt64, UInt32)])
    func nobodyThere(offset: UInt64, count: UInt32) throws {
      let served = try Served()
      let client = try served.client()
      let reply = try #require(client.request(9, Client.access(7, offset, count)))
      #expect(reply.error == 0)
      let ones = [UInt8](repeating: 0xff, count: Int(count))
      #expect(reply.payload == Client.access(7, offset, count, ones))
      let zeros = [UInt8](repeating: 0, count: Int(count))
      #expect(
        client.request(10, Client.access(7, offset, count, zeros))?.payload == Client.access(7, offset, count)
      )
      if count <= 8 {
        let row = Client.access(7, offset, count, [UInt8](repeating: 0, count: 8))
        #expect(client.request(15, le(UInt64(1)) + row)?.payload == le(UInt64(1)))
      }
      #expect(served.function.writes.isEmpty && served.function.state.withLock { $0.reads } == 0)
    }

    @Test("data that is longer or shorter than a write says is refused")
    func wrongData() throws {
      let served = try Served()
      let client = try served.client()
      for count in [0, 1, 3, 5, 8] {
        #expect(
          client.errno(10, Client.access(0, 0, 4, [UInt8](repeating: 1, count: count))) == UInt32(EINVAL))
      }
      #expect(client.errno(9, Client.access(7, 0, 4, [0])) == UInt32(EINVAL))
      for (count, rows) in [(0, 0), (0, 1), (2, 1), (1, 2), (201, 201), (UInt64.max, 1), (1 << 61, 1)] {
        let payload =
          le(UInt64(count)) + (0..<rows).flatMap { _ in Client.access(0, 0, 8, [1, 2, 3, 4, 5, 6, 7, 8]) }
        #expect(client.errno(15, payload) == UInt32(EINVAL))
      }
      let full =
        le(UInt64(200)) + (0..<200).flatMap { Client.access(0, UInt64($0 * 8), 8, [1, 2, 3, 4, 5, 6, 7, 8]) }
      #expect(served.function.writes.isEmpty)
      #expect(client.errno(15, full) == 0)
      #expect(served.function.writes.count == 200)
    }

    @Test("questions about what does not exist are refused")
    func badQuestions() throws {
      let served = try Served()
      let client = try served.client()
      let zeros = [UInt8](repeating: 0, count: 20)
      #expect(client.errno(4, le(UInt32(15)) + zeros) == UInt32(EINVAL))
      #expect(client.errno(5, le(UInt32(31)) + le(UInt32(0)) + le(UInt32(0)) + zeros) == UInt32(EINVAL))
      for index in [9, 10, UInt32(1) << 31, .max] {
        #expect(client.errno(5, le(UInt32(32)) + le(UInt32(0)) + le(index) + zeros) == UInt32(EINVAL))
        #expect(client.errno(7, le(UInt32(16)) + le(UInt32(0)) + le(index) + le(UInt32(0))) == UInt32(EINVAL))
      }
      #expect(
        client.errno(7, le(UInt32(16)) + le(UInt32(0)) + le(UInt32(5)) + le(UInt32(0))) == UInt32(EINVAL))
      #expect(client.errno(4, le(UInt32.max) + zeros) == 0)
    }

    @Test("a client that does not read its replies is dropped in time")
    func neverReads() throws {
      let served = try Served(patience: Patience(negotiation: 120_000, reply: 200))
      let client = try served.client()
      let event = try Owned.event()
      client.send(message(8, Client.setIRQs(0x24, index: 0)), [event.number])
      let request = message(9, Client.access(4, 0, 65536))
      // Until the server's side is full, and it hangs up.
      var sent = 0
      while sent < 5000, client.send(request) { sent += 1 }
      #expect(sent < 5000)
      try served.servesNextClient()
      #expect(copies(of: event.number) == 1)
      #expect(served.log.lines.contains { $0.contains("did not read") })
    }

    @Test("a client that closes its writing side gets its answers")
    func halfClosed() throws {
      let served = try Served()
      let client = try served.client()
      client.send(message(9, Client.access(7, 0, 4), id: 1) + message(9, Client.access(7, 4, 4), id: 2))
      shutdown(client.socket, CInt(SHUT_WR))
      #expect(client.reply()?.id == 1)
      #expect(client.reply()?.id == 2)
      #expect(client.isClosed())
    }

    @Test("noise from ten seeds neither stops the server nor leaks", arguments: 1...10)
    func noise(seed: UInt64) throws {
      let served = try Served(patience: Patience(negotiation: 120_000, reply: 1000))
      let ram = try Owned.memory(1 << 20), event = try Owned.event()
      var generator = Generator(state: seed)
      for _ in 0..<60 {
        let client = try Client(served.path)
        if generator.next() % 8 != 0 { client.send(message(1, le(UInt32(0)))) }
        for (original, _) in conversation(ram.number, event.number).dropFirst().shuffled(using: &generator) {
          var bytes = original
          for _ in 0..<generator.next() % 4 {
            // Mostly in the payload: a broken header ends the conversation early.
            let index = Int(generator.next() % 4 == 0 ? generator.next() % 16 : 16 + generator.next() % 40)
            if index < bytes.count {
              bytes[index] = UInt8(
                truncatingIfNeeded: [0, 1, 0xff, generator.next()][Int(generator.next() % 4)])
            }
          }
          let descriptors = (0..<generator.next() % 4).map { _ in
            generator.next() % 2 == 0 ? ram.number : event.number
          }
          if !client.send(bytes, descriptors) { break }
        }
      }
      try served.servesNextClient()
      #expect(eventually { copies(of: ram.number) == 1 && copies(of: event.number) == 1 })
    }
  }
}

/// The same sequence on every run.
struct Generator: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    // xorshift64*
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return state &* 0x2545_f491_4f6c_dd1d
  }
}
