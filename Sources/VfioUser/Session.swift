import CHost
import Glibc
import GuestRAM
import Logging
import PCIBus

/// How long a server waits for a client that does nothing. There are no other timers.
struct Patience: Sendable {
  /// For a client that has connected but not yet agreed on a version, so that it cannot keep others out.
  var negotiation = 5_000
  /// For a client that does not read its reply.
  var reply = 5_000
}

/// One client, from its first byte to its last, on the server's thread.
struct Session: ~Copyable {
  /// Why it is over.
  enum End: Equatable {
    case clientLeft
    case stopped
    /// Nothing was heard of a version.
    case silent
    /// The client does not read.
    case stalled
    /// The client broke the protocol so that nothing after it can be trusted.
    case violation(String)
    case failure(errno: CInt)
  }

  private let socket: Descriptor
  private let stop: CInt
  private let patience: Patience
  private let interrupts: InterruptTable
  private var inbox: Inbox
  private var outbox: Outbox
  private var handler: CommandHandler

  /// - Parameters:
  ///   - socket: connected and non-blocking.
  ///   - stop: an eventfd that ends the session when it is signalled; only looked at.
  init(
    socket: consuming Descriptor, stop: CInt, patience: Patience, interrupts: InterruptTable,
    handler: consuming CommandHandler
  ) {
    let number = socket.number
    self.stop = stop
    self.patience = patience
    self.interrupts = interrupts
    self.handler = handler
    inbox = Inbox(socket: number, largestMessage: ServerCapabilities.largestMessage)
    outbox = Outbox(socket: number, stop: stop, largestMessage: ServerCapabilities.largestMessage)
    self.socket = socket
  }

  /// Whether this was a vfio-user client at all, and not somebody who only knocked.
  var isNegotiated: Bool { handler.isNegotiated }

  /// Serves the client until it leaves, fails or the server stops.
  mutating func run() -> End {
    let limit = Deadline(milliseconds: patience.negotiation)
    while true {
      let ready = chost_wait_readable(
        socket.number, stop, interrupts.unmaskDescriptor,
        handler.isNegotiated ? -1 : limit.remainingMilliseconds)
      if ready == -EINTR { continue }
      if ready < 0 { return .failure(errno: -ready) }
      if ready == 0 { return .silent }
      if ready & 2 != 0 { return .stopped }
      if ready & 4 != 0 { interrupts.takeUnmask() }
      guard ready & 1 != 0 else { continue }
      switch inbox.receive() {
      case .nothing: continue
      case .end: return .clientLeft
      case .failure(let errno):
        return errno == ECONNRESET ? .clientLeft : .failure(errno: errno)
      case .bytes: if let end = workThrough() { return end }
      }
    }
  }

  /// Does every complete message that is here. Nil: go on.
  private mutating func workThrough() -> End? {
    while true {
      switch inbox.front() {
      case .incomplete: return nil
      case .malformed(let header): return .violation("a message of \(header.messageSize) bytes")
      case .message(let header, let payload):
        guard header.isCommand else { return .violation("a reply to nothing") }
        if let end = perform(header, payload) { return end }
        inbox.dropFront()
      }
    }
  }

  private mutating func perform(_ header: Header, _ payload: Range<Int>) -> End? {
    var (payloadCount, error, isOver) = (0, CInt(0), false)
    do {
      // Descriptors that nobody takes are closed at the end of this block, before the client hears of it.
      var descriptors = inbox.takeDescriptors()
      do throws(Refusal) {
        payloadCount = try handler.handle(header, inbox.bytes.extracting(payload), &descriptors, &outbox)
      } catch let refusal {
        (error, isOver) = (refusal.errno, refusal.endsSession)
        handler.noteRefusal()
      }
    }
    return finish(header, payloadCount, error, isOver)
  }

  /// Sends the reply, if one is wanted.
  private mutating func finish(_ header: Header, _ payloadCount: Int, _ error: CInt, _ isOver: Bool) -> End? {
    if header.wantsReply {
      let outcome = outbox.send(
        replyTo: header, payloadCount: payloadCount, error: error, within: patience.reply)
      switch outcome {
      case .sent: break
      case .stalled: return .stalled
      case .stopped: return .stopped
      case .failure(let errno):
        return errno == EPIPE || errno == ECONNRESET ? .clientLeft : .failure(errno: errno)
      }
    }
    return isOver ? .violation("no version that can be agreed on") : nil
  }
}
