import Glibc
import GuestDriver
import Testing

/// Clients of the vfio-user socket that lie, stop in the middle or send what nobody asked for. After each
/// of them the next client finds a working device.
@Suite struct SocketMaliceTests {
  typealias Command = VfioUserLayout.Command
  typealias Payload = VfioUserPayload

  /// A device on a socket, and clients for it one after another.
  final class Host {
    let device: TestDevice
    let path: String

    init() throws {
      device = try TestDevice(outputs: [(640, 480)])
      path = try device.serve()
    }

    /// A client with its version agreed.
    func client() throws -> VfioUserClient { try VfioUserClient(path: path) }

    /// A client that has said nothing yet.
    func stranger() throws -> VfioUserClient { VfioUserClient(try StreamSocket(path: path)) }

    /// A driver brings the device up and draws: everything works for the next one.
    func expectNextClientWorks(sourceLocation: SourceLocation = #_sourceLocation) throws {
      let machine = try VfioUserMachine(path: path), ram = GuestRAMImage()
      let block = try RAMBlock(base: 0x10_0000, size: 4 << 20)
      ram.add(block)
      try machine.mapRAM(block, access: .readWrite)
      let driver = GPUDriver(machine, ram: ram)
      try driver.bringUp()
      let framebuffer = try driver.createFramebuffer(width: 20, height: 10)
      driver.draw(framebuffer, pattern(8))
      try driver.show(framebuffer)
      try driver.present(framebuffer)
      #expect(
        Picture(of: device.channel, output: 0) == Picture(width: 20, height: 10, pattern(8)),
        sourceLocation: sourceLocation)
    }
  }

  /// One message: what it is, and whether the server may do it.
  struct Message: Sendable, CustomTestStringConvertible {
    enum Verdict: Sendable {
      /// An error reply, and the connection lives.
      case refused
      /// An error reply or the end of the connection.
      case refusedOrClosed
      /// Carried out, refused or closed: it only must not break anything.
      case survived
      /// Carried out.
      case done
    }
    var testDescription: String
    var command: UInt16
    var payload: [UInt8]
    var verdict: Verdict = .refused
    /// Descriptors of a fresh memory file of two pages to send along.
    var descriptorCount = 0

    init(
      _ name: String, _ command: UInt16, _ payload: [UInt8], _ verdict: Verdict = .refused,
      descriptors: Int = 0
    ) {
      testDescription = name
      self.command = command
      self.payload = payload
      self.verdict = verdict
      descriptorCount = descriptors
    }
  }

  static let maps: [Message] = {
    func row(
      _ name: String, argsz: UInt32 = 32, flags: UInt32 = 3, offset: UInt64 = 0,
      at address: UInt64 = 0x100_0000,
      size: UInt64 = 8192, descriptors: Int = 1, _ verdict: Message.Verdict = .refused
    ) -> Message {
      Message(
        "map: \(name)", Command.dmaMap,
        Payload.dmaMap(argsz: argsz, flags: flags, offset: offset, address: address, size: size), verdict,
        descriptors: descriptors)
    }
    return [
      row("two pages", .done), row("no descriptor", descriptors: 0, .done),
      row("size 0", size: 0), row("a size of one byte", size: 1, .survived),
      row("an odd size", size: 4097, .survived), row("an odd address", at: 0x100_0001, .survived),
      row("an odd offset", offset: 1, .survived), row("offset past the file", offset: 8192),
      row("size past the file", size: 12288), row("a size of 2^63", size: 1 << 63),
      row("a size of 2^64-4096", size: 0xffff_ffff_ffff_f000), row("an offset that wraps", offset: ~0xfff),
      row("an end that wraps", at: ~0xfff, size: 8192), row("argsz 0", argsz: 0, .survived),
      row("argsz 31", argsz: 31, .survived), row("argsz 2^32-1", argsz: .max, .survived),
      row("no access at all", flags: 0, .survived), row("write only", flags: 2, .survived),
      row("unknown flags", flags: 0xffff_fff0), row("eight descriptors", descriptors: 8, .refusedOrClosed),
      row("two descriptors", descriptors: 2, .refusedOrClosed),
      row("sixty descriptors", descriptors: 60, .refusedOrClosed),
    ]
  }()

  static let unmaps: [Message] = {
    func row(
      _ name: String, argsz: UInt32 = 24, flags: UInt32 = 0, at address: UInt64, size: UInt64,
      _ verdict: Message.Verdict = .refused
    ) -> Message {
      Message(
        "unmap: \(name)", Command.dmaUnmap,
        Payload.dmaUnmap(argsz: argsz, flags: flags, address: address, size: size), verdict)
    }
    return [
      row("what was never mapped", at: 0x200_0000, size: 4096), row("size 0", at: 0, size: 0),
      row("everything", flags: VfioUserLayout.unmapAll, at: 0, size: 0, .done),
      row("everything, with an address", flags: VfioUserLayout.unmapAll, at: 4096, size: 4096, .survived),
      row("a dirty bitmap", flags: 1, at: 0, size: 4096, .survived),
      row("unknown flags", flags: 0xffff_fff0, at: 0, size: 4096),
      row("an end that wraps", at: ~0xfff, size: 8192), row("argsz 2^32-1", argsz: .max, at: 0, size: 4096),
    ]
  }()

  static let regions: [Message] = {
    func read(
      _ name: String, _ region: UInt32, at offset: UInt64, _ count: UInt32, data: [UInt8] = [],
      _ verdict: Message.Verdict = .refused
    ) -> Message {
      Message(
        "read: \(name)", Command.regionRead,
        Payload.region(offset: offset, region: region, count: count, data: data), verdict)
    }
    func write(
      _ name: String, _ region: UInt32, at offset: UInt64, _ count: UInt32, data: [UInt8],
      _ verdict: Message.Verdict = .refused
    ) -> Message {
      Message(
        "write: \(name)", Command.regionWrite,
        Payload.region(offset: offset, region: region, count: count, data: data), verdict)
    }
    let configuration = VfioUserLayout.Region.configuration
    var rows: [Message] = []
    for region: UInt32 in [9, 10, 100, 0x8000_0000, .max] {
      rows.append(read("region \(region)", region, at: 0, 4))
      rows.append(write("region \(region)", region, at: 0, 4, data: [0, 0, 0, 0]))
    }
    rows += [
      read("nothing", configuration, at: 0, 0, .survived), read("past the end", configuration, at: 4096, 4),
      read("across the end", configuration, at: 254, 4),
      read("an end that wraps", configuration, at: .max, 2),
      read("an end at 2^64", configuration, at: .max - 3, 4),
      read("2^32-1 bytes", configuration, at: 0, .max, .refusedOrClosed),
      read("a gigabyte", 4, at: 0, 1 << 30, .refusedOrClosed), read("a BAR's end", 4, at: 0xffff_fff0, 16),
      read("with data that reads do not have", configuration, at: 0, 4, data: [1, 2, 3, 4], .survived),
      read("a region without a BAR", 0, at: 0, 4, .survived),
      write("nothing", configuration, at: 0, 0, data: [], .survived),
      write("fewer bytes than it says", configuration, at: 4, 4, data: [0, 0], .refusedOrClosed),
      write("more bytes than it says", configuration, at: 4, 2, data: [0, 0, 0, 0], .survived),
      write("no bytes of 2^32-1", configuration, at: 4, .max, data: [], .refusedOrClosed),
      write("past the end", configuration, at: 4096, 4, data: [0, 0, 0, 0]),
      write("an end that wraps", configuration, at: .max, 4, data: [0, 0, 0, 0]),
      Message(
        "multi: none", Command.regionWriteMulti, Payload.writes([]), .survived),
      Message(
        "multi: one write to configuration space", Command.regionWriteMulti,
        Payload.writes([(offset: 0x3c, region: configuration, count: 1, value: 5)]), .survived),
      Message(
        "multi: fewer writes than it says", Command.regionWriteMulti,
        Payload.writes(claiming: 200, [(offset: 0x3c, region: configuration, count: 1, value: 5)]),
        .refusedOrClosed),
      Message(
        "multi: 2^64-1 writes", Command.regionWriteMulti, Payload.writes(claiming: .max, []), .refusedOrClosed
      ),
      Message(
        "multi: a count that wraps when multiplied", Command.regionWriteMulti,
        Payload.writes(
          claiming: 0x0aaa_aaaa_aaaa_aaab, [(offset: 0x3c, region: configuration, count: 1, value: 5)]),
        .refusedOrClosed),
      Message(
        "multi: nine bytes", Command.regionWriteMulti,
        Payload.writes([(offset: 0x3c, region: configuration, count: 9, value: 5)]), .refusedOrClosed),
    ]
    return rows
  }()

  static let interrupts: [Message] = {
    typealias Set = VfioUserLayout.InterruptSet
    typealias Kind = VfioUserLayout.Interrupt
    func row(
      _ name: String, argsz: UInt32 = 20, flags: UInt32 = Set.dataEvent | Set.actionTrigger,
      index: UInt32 = Kind.msix, start: UInt32 = 0, count: UInt32 = 1, data: [UInt8] = [],
      descriptors: Int = 0,
      _ verdict: Message.Verdict = .refused
    ) -> Message {
      Message(
        "interrupts: \(name)", Command.setInterrupts,
        Payload.setInterrupts(
          argsz: argsz, flags: flags, index: index, start: start, count: count, data: data),
        verdict, descriptors: descriptors)
    }
    return [
      row("kind 5", index: 5), row("kind 2^32-1", index: .max),
      row("vector 2048", start: 2048, descriptors: 1, .refusedOrClosed),
      row("vector 2^32-1", start: .max, descriptors: 1, .refusedOrClosed),
      row("vectors that wrap", start: .max, count: 2, descriptors: 2, .refusedOrClosed),
      row("2^32-1 vectors", count: .max, .refusedOrClosed),
      row("more vectors than there are", count: 64, descriptors: 60, .refusedOrClosed),
      row("two vectors and one event", count: 2, descriptors: 1, .refusedOrClosed),
      row("one vector and two events", count: 1, descriptors: 2, .refusedOrClosed),
      row("no event", count: 1, descriptors: 0, .survived),
      row("a memory file for an event", descriptors: 1, .survived),
      row("no data and no action", flags: 0), row("all data and all actions", flags: 0x3f),
      row("two kinds of data", flags: Set.dataNone | Set.dataBool | Set.actionTrigger),
      row("two actions", flags: Set.dataNone | Set.actionMask | Set.actionUnmask),
      row("no action", flags: Set.dataNone), row("no data", flags: Set.actionTrigger),
      row("unknown flags", flags: 0xffff_ffc0),
      row("booleans without bytes", flags: Set.dataBool | Set.actionTrigger, count: 3, .survived),
      row(
        "booleans cut short", flags: Set.dataBool | Set.actionTrigger, count: 3, data: [1], .survived),
      row("mask MSI-X", flags: Set.dataNone | Set.actionMask, .survived),
      row(
        "unmask by event", flags: Set.dataEvent | Set.actionUnmask, index: Kind.pin, descriptors: 1, .survived
      ),
      row("all of MSI-X off", flags: Set.dataNone | Set.actionTrigger, count: 0, .done),
      row("INTx off", flags: Set.dataNone | Set.actionTrigger, index: Kind.pin, count: 0, .done),
      row("argsz 0", argsz: 0, flags: Set.dataNone | Set.actionTrigger, count: 0, .survived),
      row("argsz 2^32-1", argsz: .max, flags: Set.dataNone | Set.actionTrigger, count: 0, .survived),
      row("a vector 0 of a kind that has none", index: Kind.msi, descriptors: 1, .refusedOrClosed),
    ]
  }()

  static let others: [Message] = {
    var rows: [Message] = []
    for command: UInt16 in [0, 6, 11, 12, 14, 16, 17, 18, 19, 255, 0x7fff, 0xffff] {
      rows.append(Message("command \(command)", command, [UInt8](repeating: 0, count: 32), .refusedOrClosed))
      rows.append(Message("command \(command) of nothing", command, [], .refusedOrClosed))
    }
    rows += [
      Message("information, argsz 0", Command.getInfo, Payload.getInfo(argsz: 0), .survived),
      Message("information, argsz 2^32-1", Command.getInfo, Payload.getInfo(argsz: .max), .survived),
      Message("region information of region 9", Command.getRegionInfo, Payload.getRegionInfo(index: 9)),
      Message(
        "region information of region 2^32-1", Command.getRegionInfo, Payload.getRegionInfo(index: .max)),
      Message(
        "region information, argsz 0", Command.getRegionInfo, Payload.getRegionInfo(index: 0, argsz: 0),
        .survived
      ),
      Message(
        "interrupt information of kind 5", Command.getInterruptInfo, Payload.getInterruptInfo(index: 5)),
      Message(
        "interrupt information of kind 2^32-1", Command.getInterruptInfo,
        Payload.getInterruptInfo(index: .max)),
      Message("reset with a payload", Command.reset, [1, 2, 3, 4], .survived),
      Message("reset with a descriptor", Command.reset, [], .survived, descriptors: 1),
      Message(
        "a second version", Command.version, Payload.version(json: Array("{}".utf8) + [0]), .refusedOrClosed),
    ]
    return rows
  }()

  @Test(arguments: maps + unmaps + regions + interrupts + others)
  func `a message is answered or refused, and the next client works`(_ message: Message) throws {
    let host = try Host(), client = try host.client()
    let files = try (0..<message.descriptorCount).map { _ in
      try RAMBlock(base: 0, size: 8192, canShrink: true)
    }
    var error: DriverError?
    do {
      try client.call(
        message.command, message.payload, descriptors: files.map(\.descriptor), maximumReply: 1 << 20)
    } catch let thrown as DriverError {
      error = thrown
    }
    let isRefused = if case .refused = error { true } else { false }
    switch message.verdict {
    case .done: #expect(error == nil)
    case .refused: #expect(isRefused, "\(String(describing: error))")
    case .refusedOrClosed: #expect(isRefused || error == .disconnected, "\(String(describing: error))")
    case .survived:
      #expect(error == nil || isRefused || error == .disconnected, "\(String(describing: error))")
    }
    if error == nil || isRefused {
      let reply = try client.call(Command.getInfo, Payload.getInfo(), maximumReply: 32)
      #expect(reply.payload.count == 16, "the connection lives on")
    }
    client.socket.closeNow()
    try host.expectNextClientWorks()
  }

  static let shortest: [(String, UInt16, [UInt8])] = [
    ("map", Command.dmaMap, Payload.dmaMap(flags: 3, offset: 0, address: 0x100_0000, size: 8192)),
    ("unmap", Command.dmaUnmap, Payload.dmaUnmap(flags: 0, address: 0x100_0000, size: 8192)),
    ("information", Command.getInfo, Payload.getInfo()),
    ("region information", Command.getRegionInfo, Payload.getRegionInfo(index: 4)),
    ("interrupt information", Command.getInterruptInfo, Payload.getInterruptInfo(index: 2)),
    ("interrupts", Command.setInterrupts, Payload.setInterrupts(flags: 33, index: 2, start: 0, count: 0)),
    ("read", Command.regionRead, Payload.region(offset: 0, region: 7, count: 4)),
    ("write", Command.regionWrite, Payload.region(offset: 4, region: 7, count: 2, data: [0, 0])),
    ("multi", Command.regionWriteMulti, Payload.writes([(offset: 4, region: 7, count: 2, value: 0)])),
  ]

  @Test(arguments: shortest)
  func `a payload too short by any number of bytes is refused`(
    _ message: (name: String, command: UInt16, payload: [UInt8])
  ) throws {
    let host = try Host()
    var client = try host.client()
    for count in 0..<message.payload.count {
      // Beyond its fixed part a multi-write only has fewer writes.
      do {
        try client.call(message.command, Array(message.payload.prefix(count)), maximumReply: 4096)
        Issue.record("\(count) bytes were enough")
      } catch DriverError.refused {
      } catch DriverError.disconnected {
        client = try host.client()
      }
    }
    client.socket.closeNow()
    try host.expectNextClientWorks()
  }

  @Test(arguments: shortest)
  func `a client leaves in the middle of a message, at every byte`(
    _ message: (name: String, command: UInt16, payload: [UInt8])
  ) throws {
    let host = try Host()
    let size = VfioUserLayout.headerSize + message.payload.count
    for count in stride(from: 1, to: size, by: 3) {
      let client = try host.client()
      let header = client.makeHeader(message.command, payloadSize: message.payload.count)
      try client.socket.send(Array((header.encoded + message.payload).prefix(count)))
      if count % 2 == 0 { client.socket.finishSending() } else { client.socket.closeNow() }
    }
    try host.expectNextClientWorks()
  }

  @Test(arguments: shortest)
  func `a message comes in single bytes`(_ message: (name: String, command: UInt16, payload: [UInt8])) throws
  {
    let host = try Host(), client = try host.client()
    let header = client.makeHeader(message.command, payloadSize: message.payload.count)
    for byte in header.encoded + message.payload { try client.socket.send([byte]) }
    let reply = try client.receive()
    #expect(reply.header.identifier == header.identifier)
    #expect(reply.header.flags & VfioUserLayout.Flag.reply != 0)
    client.socket.closeNow()
    try host.expectNextClientWorks()
  }

  @Test(arguments: [UInt32(0), 1, 15, 16, 17, 23, 47, 49, 4096, 1 << 20, 1 << 21, 1 << 30, 0x8000_0000, .max])
  func `a size in the header that lies is survived`(_ size: UInt32) throws {
    let host = try Host(), client = try host.client()
    client.timeoutInMilliseconds = 100
    let payload = Payload.dmaMap(flags: 3, offset: 0, address: 0x100_0000, size: 8192)
    var header = client.makeHeader(Command.dmaMap, payloadSize: payload.count)
    header.size = size
    try client.socket.send(header.encoded + payload)
    _ = try? client.receive()  // an answer, the end or nothing, since more bytes were announced
    client.socket.closeNow()
    try host.expectNextClientWorks()
  }

  @Test(arguments: [UInt32(1), 2, 0xf, 0x20, 0x21, 0x31, 0xffff_ffe0, .max])
  func `flags in the header that no client sends are survived`(_ flags: UInt32) throws {
    let host = try Host(), client = try host.client()
    client.timeoutInMilliseconds = 50
    var header = client.makeHeader(Command.getInfo, payloadSize: 16)
    header.flags = flags
    header.errno = .max
    try client.socket.send(header.encoded + Payload.getInfo())
    _ = try? client.receive()  // the verdict is what the next client finds
    client.socket.closeNow()
    try host.expectNextClientWorks()
  }

  @Test func `a request that wants no reply gets none, whatever it is`() throws {
    let host = try Host(), client = try host.client()
    try client.post(Command.getInfo, Payload.getInfo())
    try client.post(Command.regionRead, Payload.region(offset: 0, region: 7, count: 4))
    try client.post(Command.regionWrite, Payload.region(offset: 0, region: 99, count: 4, data: [0, 0, 0, 0]))
    // Not refused by a late answer: the next reply is that of the next request.
    let reply = try client.call(Command.getInfo, Payload.getInfo(), maximumReply: 32)
    #expect(reply.payload.count == 16)
  }

  @Test func `the same message number may come twice`() throws {
    let host = try Host(), client = try host.client()
    let header = client.makeHeader(Command.getInfo, payloadSize: 16)
    for _ in 0..<3 {
      try client.socket.send(header.encoded + Payload.getInfo())
      #expect(try client.awaitReply(to: header, maximum: 32).payload.count == 16)
    }
  }

  // MARK: Version

  static let versions: [(name: String, payload: [UInt8], isAccepted: Bool?)] = {
    func json(_ text: String, terminated: Bool = true) -> [UInt8] {
      Payload.version(json: Array(text.utf8) + (terminated ? [0] : []))
    }
    return [
      ("nothing", [], false), ("three bytes", [0, 0, 0], false), ("no text at all", [0, 0, 0, 0], nil),
      ("an empty text", json(""), nil), ("an empty object", json("{}"), true),
      ("major version 1", Payload.version(major: 1, json: Array("{}".utf8) + [0]), false),
      ("major version 65535", Payload.version(major: 65535, json: Array("{}".utf8) + [0]), false),
      ("minor version 65535", Payload.version(minor: 65535, json: Array("{}".utf8) + [0]), true),
      ("no NUL", json(#"{"capabilities":{}}"#, terminated: false), false),
      ("NUL in the middle", json("{\"a\":1\u{0}}"), nil), ("no JSON", json("hello"), false),
      ("an open string", json(#"{"capabilities":"#), false), ("a list", json("[]"), nil),
      ("bytes that are no UTF-8", Payload.version(json: [0x7b, 0xff, 0xfe, 0x7d, 0]), false),
      ("a hundred thousand brackets", json(String(repeating: "[", count: 100_000)), false),
      ("sixty thousand objects in each other", json(String(repeating: #"{"a":"#, count: 60_000)), false),
      ("a megabyte of text", json(#"{"a":""# + String(repeating: "x", count: 1_000_000) + #""}"#), nil),
      ("negative descriptors", json(#"{"capabilities":{"max_msg_fds":-1}}"#), nil),
      ("no transfer size", json(#"{"capabilities":{"max_data_xfer_size":0}}"#), nil),
      (
        "a transfer size of 10^400",
        json(#"{"capabilities":{"max_data_xfer_size":1"# + String(repeating: "0", count: 400) + "}}"), nil
      ),
      ("a page size of 3", json(#"{"capabilities":{"pgsizes":3}}"#), nil),
      ("a page size that is text", json(#"{"capabilities":{"pgsizes":"big"}}"#), nil),
      (
        "unknown capabilities",
        json(#"{"capabilities":{"twin_socket":{"supported":true},"x":[1,2.5e3,null]}}"#), true
      ),
    ]
  }()

  @Test(arguments: versions)
  func `a version is accepted or refused, and the next client works`(
    _ version: (name: String, payload: [UInt8], isAccepted: Bool?)
  ) throws {
    let host = try Host(), client = try host.stranger()
    var isAccepted = false
    do {
      try client.call(Command.version, version.payload, maximumReply: 1 << 16)
      isAccepted = true
    } catch DriverError.refused {
    } catch DriverError.disconnected {
    }
    if let expected = version.isAccepted { #expect(isAccepted == expected) }
    client.socket.closeNow()
    try host.expectNextClientWorks()
  }

  @Test(arguments: shortest)
  func `nothing is done before the version is agreed`(
    _ message: (name: String, command: UInt16, payload: [UInt8])
  ) throws {
    let host = try Host(), client = try host.stranger()
    let error = #expect(throws: DriverError.self) {
      try client.call(message.command, message.payload, maximumReply: 4096)
    }
    let isRefused = if case .refused = error { true } else { false }
    #expect(isRefused || error == .disconnected)
    client.socket.closeNow()
    try host.expectNextClientWorks()
  }

  // MARK: Descriptors and memory

  /// Descriptors that are no memory.
  enum Odd: String, CaseIterable {
    case socket, directory, null, event, readOnlyFile
  }

  private func openFile(_ path: String, _ flags: Int32) -> Int32 {
    unsafe open(path, flags)  // the path is a C string for the call
  }

  @Test(arguments: Odd.allCases) func `a map of a descriptor that is no memory is survived`(_ odd: Odd) throws
  {
    let host = try Host(), client = try host.client()
    let block = try RAMBlock(base: 0, size: 8192)
    let event = try EventCounter(), pair = try StreamSocket.pair()
    var opened: Int32 = -1
    defer { if opened >= 0 { close(opened) } }
    let descriptor: Int32
    switch odd {
    case .null:
      opened = openFile("/dev/null", O_RDWR)
      descriptor = opened
    case .socket: descriptor = pair.0.descriptor
    case .directory:
      opened = openFile("/tmp", O_RDONLY | O_DIRECTORY)
      descriptor = opened
    case .event: descriptor = event.descriptor
    case .readOnlyFile:
      opened = openFile("/proc/self/fd/\(block.descriptor)", O_RDONLY)
      descriptor = opened
    }
    try #require(descriptor >= 0)
    #expect(throws: DriverError.self) {
      try client.call(
        Command.dmaMap, Payload.dmaMap(flags: 3, offset: 0, address: 0x100_0000, size: 8192),
        descriptors: [descriptor])
    }
    client.socket.closeNow()
    try host.expectNextClientWorks()
  }

  @Test func `maps may not overlap, and an unmap must fit`() throws {
    let host = try Host(), client = try host.client()
    let block = try RAMBlock(base: 0, size: 16384)
    func map(_ address: UInt64, _ size: UInt64) throws {
      try client.call(
        Command.dmaMap, Payload.dmaMap(flags: 3, offset: 0, address: address, size: size),
        descriptors: [block.descriptor])
    }
    func unmap(_ address: UInt64, _ size: UInt64) throws {
      try client.call(Command.dmaUnmap, Payload.dmaUnmap(flags: 0, address: address, size: size))
    }
    try map(0x10_0000, 16384)
    for address: UInt64 in [0x10_0000, 0x10_1000, 0xf_e000, 0x10_3000] {
      #expect(throws: DriverError.self, "\(address)") { try map(address, 12288) }
    }
    #expect(throws: DriverError.self) { try unmap(0x10_0000, 4096) }
    #expect(throws: DriverError.self) { try unmap(0x10_1000, 4096) }
    try map(0x10_4000, 4096)
    try unmap(0x10_0000, 16384)
    #expect(throws: DriverError.self) { try unmap(0x10_0000, 16384) }
    try unmap(0x10_4000, 4096)
  }

  @Test func `a client maps and unmaps a thousand times, with and without memory`() throws {
    let host = try Host(), client = try host.client()
    let block = try RAMBlock(base: 0, size: 8192)
    for turn in 0..<1000 {
      let address = UInt64(0x10_0000 + turn * 0x10000)
      try client.call(
        Command.dmaMap, Payload.dmaMap(flags: 3, offset: 0, address: address, size: 8192),
        descriptors: turn % 3 == 0 ? [] : [block.descriptor])
    }
    for turn in 0..<500 {
      let address = UInt64(0x10_0000 + turn * 0x10000)
      try client.call(Command.dmaUnmap, Payload.dmaUnmap(flags: 0, address: address, size: 8192))
    }
    try client.call(
      Command.dmaUnmap, Payload.dmaUnmap(flags: VfioUserLayout.unmapAll, address: 0, size: 0))
    client.socket.closeNow()
    try host.expectNextClientWorks()
  }

  @Test func `an event that is full or closed on the other side stops nobody`() throws {
    let host = try Host()
    let machine = try VfioUserMachine(path: host.path), ram = GuestRAMImage()
    let block = try RAMBlock(base: 0x10_0000, size: 4 << 20)
    ram.add(block)
    try machine.mapRAM(block, access: .readWrite)
    let driver = GPUDriver(machine, ram: ram)
    try driver.bringUp()
    let full = try EventCounter()
    full.raise(by: .max - 1)
    for vector: UInt32 in 0..<3 {
      try machine.client.call(
        Command.setInterrupts, Payload.setInterrupts(flags: 36, index: 2, start: vector, count: 1),
        descriptors: [full.descriptor])
    }
    for _ in 0..<20 { #expect(try driver.send(.getDisplayInfo).displays != nil) }
  }

  // MARK: Coming and going

  @Test func `a client that says nothing keeps its place but harms nobody`() throws {
    let host = try Host()
    do {
      let silent = try host.stranger()
      usleep(20_000)
      silent.socket.closeNow()
    }
    try host.expectNextClientWorks()
  }

  @Test func `two hundred clients come and go, each in another state`() throws {
    let host = try Host()
    for turn in 0..<200 {
      switch turn % 4 {
      case 0: _ = try host.stranger()
      case 1: _ = try host.client()
      case 2: _ = try VfioUserMachine(path: host.path)
      default:
        let machine = try VfioUserMachine(path: host.path)
        let block = try RAMBlock(base: 0x10_0000, size: 1 << 20)
        try machine.mapRAM(block, access: .readWrite)
        try machine.connectInterrupt(.vector(0))
      }
    }
    try host.expectNextClientWorks()
  }

  @Test func `a client leaves with work in flight`() throws {
    let host = try Host()
    for _ in 0..<20 {
      let machine = try VfioUserMachine(path: host.path), ram = GuestRAMImage()
      let block = try RAMBlock(base: 0x10_0000, size: 8 << 20)
      ram.add(block)
      try machine.mapRAM(block, access: .readWrite)
      let driver = GPUDriver(machine, ram: ram)
      try driver.bringUp()
      let framebuffer = try driver.createFramebuffer(width: 512, height: 512)
      for _ in 0..<20 {
        let command = GPUCommand.transferToHost2D(
          framebuffer.bounds, offset: 0, resource: framebuffer.resource)
        _ = try driver.control.offer(
          try ram.layOut(request: command.encoded(), responseRoom: command.responseRoom).descriptors)
      }
      try driver.kick(0)
      machine.client.socket.closeNow()
    }
    try host.expectNextClientWorks()
  }
}
