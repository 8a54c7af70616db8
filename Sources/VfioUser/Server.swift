import CHost
import Glibc
import GuestRAM
import HostThreads
import Logging
import PCIBus

/// Serves a PCI function to VMMs over a Unix socket, as a vfio-user device: one client after another.
///
/// The function must not be driven by anybody else meanwhile, and the guest memory is the server's to fill: when a
/// client leaves, the function is reset and the memory emptied, so that the next finds everything as after power-on.
public final class Server: Sendable {
  /// Where clients connect.
  public let path: String
  private let function: any PCIFunction
  private let memory: GuestMemory
  private let logger: Logger
  private let log: BoundedLog
  private let patience: Patience
  private let socket: ListeningSocket
  private let stopEvent: Descriptor
  let interrupts: InterruptTable
  let record: ServerRecord

  /// Creates the socket and listens: clients may connect as soon as this returns, and are served by `run`.
  ///
  /// - Throws: `ServerError`: the path cannot be used, or somebody serves there already.
  public convenience init(
    path: String, function: any PCIFunction, memory: GuestMemory, logger: Logger
  ) throws(ServerError) {
    try self.init(path: path, function: function, memory: memory, logger: logger, patience: Patience())
  }

  init(
    path: String, function: any PCIFunction, memory: GuestMemory, logger: Logger, patience: Patience
  ) throws(ServerError) {
    let event = chost_event_create()
    guard event >= 0 else { throw ServerError.system("eventfd", errno: -event) }
    stopEvent = Descriptor(owning: event)
    socket = try ListeningSocket(path: path)
    self.path = path
    self.function = function
    self.memory = memory
    self.logger = logger
    self.patience = patience
    log = BoundedLog(logger)
    record = ServerRecord(path: path)
    interrupts = InterruptTable(messageCount: function.msixVectorCount, hasPin: function.hasINTx)
  }

  /// Ends `run`, now or when it is called next; from any thread, as often as you like. It never waits.
  public func stop() { _ = chost_event_signal(stopEvent.number) }

  /// An eventfd that does what `stop` does when 8 bytes (a UInt64 of 1) are written to it, which a signal handler may.
  public var stopDescriptor: CInt { stopEvent.number }

  /// Serves clients on the calling thread until `stop`, or, if `once`, until the first has left that spoke vfio-user.
  ///
  /// To be called once. When it returns the socket file is gone and the function is connected to nothing.
  ///
  /// - Throws: `ServerError` when the system no longer lets the server wait or accept.
  public func run(once: Bool = false) throws(ServerError) {
    defer { socket.remove() }
    function.connect(interrupts)
    defer { function.connect(nil) }
    while let client = try nextClient() {
      let wasClient = serve(client)
      if once, wasClient { return }
    }
  }

  /// Waits for a client; nil when the server is to stop.
  private func nextClient() throws(ServerError) -> Descriptor? {
    var milliseconds: CInt = -1
    var listening = socket.number
    while true {
      let ready = chost_wait_readable(listening, stopEvent.number, -1, milliseconds)
      if ready == -EINTR { continue }
      guard ready >= 0 else { throw ServerError.system("poll", errno: -ready) }
      if ready & 2 != 0 { return nil }
      let client = chost_accept(socket.number)
      if client >= 0 { return Descriptor(owning: client) }
      switch -client {
      case EAGAIN, EINTR, ECONNABORTED:
        (listening, milliseconds) = (socket.number, -1)
      case EMFILE, ENFILE, ENOBUFS, ENOMEM:
        // The client stays in the queue and would wake us without end: look again in a while.
        log.notice("no room for a client (errno \(-client)); trying again")
        (listening, milliseconds) = (-1, 500)
      default:
        throw ServerError.system("accept", errno: -client)
      }
    }
  }

  /// Serves one client from its first byte to its last, and leaves nothing of it behind.
  ///
  /// - Returns: whether it got as far as a version.
  private func serve(_ client: consuming Descriptor) -> Bool {
    logger.debug("a client has connected")
    let handler = CommandHandler(
      function: function, memory: memory, interrupts: interrupts, log: log, record: record)
    let (end, wasClient) = Self.talk(
      Session(
        socket: client, stop: stopEvent.number, patience: patience, interrupts: interrupts, handler: handler))
    switch end {
    case .clientLeft: logger.debug("the client has left")
    case .stopped: break
    case .silent: log.notice("a client said nothing for \(patience.negotiation) ms; connection closed")
    case .stalled: log.notice("the client did not read its reply for \(patience.reply) ms; connection closed")
    case .violation(let what): log.notice("the client sent \(what); connection closed")
    case .failure(let errno): log.notice("the connection failed: errno \(errno)")
    }
    // In this order: the device stops, then its memory goes, then the way to the old client's interrupts.
    function.reset()
    memory.removeAll()
    record.withRegions { $0 = [] }
    interrupts.removeAll()
    record.clientLeft()
    return wasClient
  }

  /// Runs a session to its end and closes its socket.
  private static func talk(_ session: consuming Session) -> (Session.End, wasClient: Bool) {
    var session = session
    let end = session.run()
    return (end, session.isNegotiated)
  }
}

/// Why a server cannot be.
public enum ServerError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The path is longer than a socket address can hold (107 bytes), or empty.
  case unusablePath(String)
  /// Something that is not a socket has this name.
  case notASocket(String)
  /// A server listens there and answers.
  case inUse(String)
  /// The system refused an operation.
  case system(String, errno: CInt)

  /// The cause, and what helps.
  public var description: String {
    switch self {
    case .unusablePath(let path):
      "the socket path '\(path)' is empty or longer than 107 bytes; choose a shorter one"
    case .notASocket(let path):
      "'\(path)' exists and is not a socket; remove it or choose another path"
    case .inUse(let path):
      "another server is listening on '\(path)'; stop it or choose another path"
    case .system(let operation, let errno):
      "\(operation): \(String(errno: errno))"
    }
  }
}

extension String {
  /// What the system calls an error.
  init(errno: CInt) {
    var buffer = [CChar](repeating: 0, count: 128)
    // The call writes a string that fits, or says that it did not; either way the last byte stays NUL.
    self = unsafe buffer.withUnsafeMutableBufferPointer { buffer in
      guard unsafe strerror_r(errno, buffer.baseAddress!, buffer.count - 1) == 0 else {
        return "errno \(errno)"
      }
      return unsafe String(cString: buffer.baseAddress!)
    }
  }
}
