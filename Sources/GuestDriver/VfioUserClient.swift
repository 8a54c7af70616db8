/// A vfio-user client as strict as QEMU's: it takes only the reply it waits for, no larger than the
/// buffer it would have. Beside that it sends any bytes whatever. One thread at a time.
package final class VfioUserClient {
  /// A message that came from the server.
  package struct Message: Hashable, Sendable {
    package var header: VfioUserHeader
    package var payload: [UInt8]
    package var descriptors: [Int32] = []

    package init(header: VfioUserHeader, payload: [UInt8], descriptors: [Int32] = []) {
      self.header = header
      self.payload = payload
      self.descriptors = descriptors
    }
  }

  /// What QEMU 11.1 says of itself, in the form it uses.
  package static let capabilities =
    #"{"capabilities":{"migration":{"pgsize":4096,"max_bitmap_size":268435456},"max_msg_fds":16,"#
    + #""max_data_xfer_size":1048576,"pgsizes":4096,"max_dma_maps":65535,"write_multiple":true}}"#

  package let socket: StreamSocket
  /// QEMU waits 5 s. It bounds a hang: a loaded machine keeps a thread from its turn for longer.
  package var timeoutInMilliseconds = 60_000
  private var nextIdentifier: UInt16 = 0

  package init(_ socket: StreamSocket) { self.socket = socket }

  /// Connects and agrees on the protocol's version.
  package convenience init(path: String) throws {
    self.init(try StreamSocket(path: path))
    _ = try negotiate()
  }

  /// Sends VERSION and returns the server's capabilities.
  package func negotiate(json: String = VfioUserClient.capabilities) throws -> String {
    let request = VfioUserPayload.version(json: Array(json.utf8) + [0])
    let reply = try call(
      VfioUserLayout.Command.version, request, maximumReply: VfioUserLayout.headerSize + request.count)
    guard reply.payload.count >= 4, reply.payload.field16(at: 0) == 0, reply.payload.field16(at: 2) == 0
    else {
      throw DriverError.deviceFault("the server wants another version than 0.0")
    }
    let text = reply.payload.dropFirst(4)
    guard text.last == 0 else { throw DriverError.deviceFault("the version text does not end with NUL") }
    return String(decoding: text.dropLast(), as: UTF8.self)
  }

  /// Sends a request and waits for its reply.
  ///
  /// - Parameter maximumReply: the reply's largest size, header included; by default the request's own
  ///   size, which is the buffer QEMU keeps for it.
  /// - Throws: `DriverError.refused` with the server's errno.
  @discardableResult
  package func call(
    _ command: UInt16, _ payload: [UInt8], descriptors: [Int32] = [], maximumReply: Int? = nil
  ) throws -> Message {
    let header = makeHeader(command, payloadSize: payload.count)
    try socket.send(header.encoded + payload, descriptors: descriptors)
    let limit = maximumReply ?? VfioUserLayout.headerSize + payload.count
    return try awaitReply(to: header, maximum: limit)
  }

  /// Sends a request that wants no reply (VFIO_USER_NO_REPLY), as QEMU's posted writes.
  package func post(_ command: UInt16, _ payload: [UInt8], descriptors: [Int32] = []) throws {
    let header = makeHeader(command, payloadSize: payload.count, flags: VfioUserLayout.Flag.noReply)
    try socket.send(header.encoded + payload, descriptors: descriptors)
  }

  /// A header for the next request of this connection.
  package func makeHeader(_ command: UInt16, payloadSize: Int, flags: UInt32 = 0) -> VfioUserHeader {
    defer { nextIdentifier &+= 1 }
    return VfioUserHeader(
      identifier: nextIdentifier, command: command,
      size: UInt32(VfioUserLayout.headerSize + payloadSize), flags: flags)
  }

  /// Waits for the reply to a header sent before and checks it as QEMU does.
  package func awaitReply(to request: VfioUserHeader, maximum: Int) throws -> Message {
    let reply = try receive(maximum: maximum)
    let header = reply.header
    guard header.flags & VfioUserLayout.Flag.typeMask == VfioUserLayout.Flag.reply else {
      throw DriverError.deviceFault("command \(header.command) came while a reply was awaited")
    }
    guard header.identifier == request.identifier, header.command == request.command else {
      throw DriverError.deviceFault(
        "reply \(header.identifier) of command \(header.command), awaited was \(request.identifier)"
          + " of \(request.command)")
    }
    guard header.flags & VfioUserLayout.Flag.error == 0 else {
      guard reply.payload.isEmpty, (1...4095).contains(header.errno) else {
        throw DriverError.deviceFault("an error reply with payload or errno \(header.errno)")
      }
      throw DriverError.refused(errno: Int32(header.errno))
    }
    return reply
  }

  /// Receives the next message, whatever it is.
  package func receive(maximum: Int = 1 << 21) throws -> Message {
    let first = try socket.receive(
      VfioUserLayout.headerSize, timeoutInMilliseconds: timeoutInMilliseconds)
    let header = VfioUserHeader(first.bytes), size = Int(header.size)
    guard size >= VfioUserLayout.headerSize, size <= maximum else {
      throw DriverError.deviceFault("a message of \(size) bytes, room is for \(maximum)")
    }
    let rest = try socket.receive(
      size - VfioUserLayout.headerSize, timeoutInMilliseconds: timeoutInMilliseconds)
    return Message(
      header: header, payload: rest.bytes, descriptors: first.descriptors + rest.descriptors)
  }
}
