import Glibc
import GuestDriver
import Testing

/// The simulator's vfio-user client against a server that says what the test wants.
@Suite struct VfioUserClientTests {
  let server: StreamSocket
  let client: VfioUserClient

  init() throws {
    let (near, far) = try StreamSocket.pair()
    server = far
    client = VfioUserClient(near)
    client.timeoutInMilliseconds = 1000
  }

  /// Puts a reply into the socket before the request is sent: both fit into its buffer.
  func answer(
    _ command: UInt16, identifier: UInt16 = 0, flags: UInt32 = VfioUserLayout.Flag.reply, errno: UInt32 = 0,
    size: UInt32? = nil, _ payload: [UInt8]
  ) throws {
    try server.send(
      VfioUserHeader(
        identifier: identifier, command: command,
        size: size ?? UInt32(VfioUserLayout.headerSize + payload.count), flags: flags, errno: errno
      ).encoded + payload)
  }

  /// What the client sent.
  func received(_ count: Int) throws -> (bytes: [UInt8], descriptors: [Int32]) {
    try server.receive(count, timeoutInMilliseconds: 1000)
  }

  @Test func `the version is offered as 0_0 with QEMU's capabilities`() throws {
    try answer(1, VfioUserPayload.version(json: Array(#"{"capabilities":{"max_msg_fds":8}}"#.utf8) + [0]))
    #expect(try client.negotiate() == #"{"capabilities":{"max_msg_fds":8}}"#)
    let sent = try received(16 + 4 + VfioUserClient.capabilities.utf8.count + 1).bytes
    #expect(sent.field16(at: 2) == 1)
    #expect(sent.field32(at: 4) == UInt32(sent.count))
    #expect(sent.field32(at: 8) == 0)
    #expect(sent.field32(at: 16) == 0)
    #expect(sent.last == 0)
  }

  @Test func `a descriptor goes beside the message that names it`() throws {
    try answer(2, [])
    let block = try RAMBlock(base: 0x10_0000, size: 8192)
    try client.call(
      VfioUserLayout.Command.dmaMap,
      VfioUserPayload.dmaMap(flags: 3, offset: 0, address: block.base, size: 8192),
      descriptors: [block.descriptor])
    let sent = try received(48)
    #expect(sent.descriptors.count == 1)
    #expect(sent.bytes.field32(at: 16) == 32)
    #expect(sent.bytes.field64(at: 32) == 0x10_0000)
    #expect(sent.bytes.field64(at: 40) == 8192)
    let passed = try #require(sent.descriptors.first)
    #expect(lseek(passed, 0, Int32(SEEK_END)) == 8192)
    close(passed)
  }

  @Test func `a posted write is sent with NO_REPLY and not waited for`() throws {
    try client.post(
      VfioUserLayout.Command.regionWrite,
      VfioUserPayload.region(offset: 0x3000, region: 2, count: 2, data: [1, 0]))
    let sent = try received(16 + 18).bytes
    #expect(sent.field16(at: 2) == 10)
    #expect(sent.field32(at: 8) == 0x10)
    #expect(sent.field64(at: 16) == 0x3000)
    #expect(sent.field32(at: 24) == 2)
    #expect(sent.field32(at: 28) == 2)
  }

  /// What a server must not answer.
  struct BadReply: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var command: UInt16 = 13
    var identifier: UInt16 = 0
    var flags: UInt32 = 1
    var errno: UInt32 = 0
    var size: UInt32?
    var payload: [UInt8] = []
  }

  @Test(arguments: [
    BadReply(testDescription: "another command", command: 12),
    BadReply(testDescription: "another identifier", identifier: 1),
    BadReply(testDescription: "not a reply", flags: 0),
    BadReply(testDescription: "larger than the request", payload: [0]),
    BadReply(testDescription: "shorter than its header", size: 15),
    BadReply(testDescription: "an error without errno", flags: 0x21),
    BadReply(testDescription: "a negative errno", flags: 0x21, errno: UInt32(bitPattern: -22)),
  ])
  func `a reply that QEMU would not take is the device's fault`(_ bad: BadReply) throws {
    try answer(
      bad.command, identifier: bad.identifier, flags: bad.flags, errno: bad.errno, size: bad.size, bad.payload
    )
    let error = #expect(throws: DriverError.self) { try client.call(VfioUserLayout.Command.reset, []) }
    guard case .deviceFault = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func `an error reply throws the server's errno`() throws {
    try answer(13, flags: 0x21, errno: 95, [])
    #expect(throws: DriverError.refused(errno: 95)) { try client.call(VfioUserLayout.Command.reset, []) }
  }

  @Test func `a server that goes away is a lost connection`() throws {
    server.closeNow()
    #expect(throws: DriverError.disconnected) { try client.call(VfioUserLayout.Command.reset, []) }
  }

  @Test func `a server that says nothing runs into the time limit`() throws {
    client.timeoutInMilliseconds = 10
    let error = #expect(throws: DriverError.self) { try client.call(VfioUserLayout.Command.reset, []) }
    guard case .timedOut = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func `an event is counted and consumed once`() throws {
    let event = try EventCounter()
    #expect(try event.wait(timeoutInMilliseconds: 0) == 0)
    event.raise()
    event.raise(by: 4)
    #expect(try event.wait(timeoutInMilliseconds: 0) == 5)
    #expect(try event.wait(timeoutInMilliseconds: 0) == 0)
  }
}
