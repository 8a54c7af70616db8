import HostThreads

/// A server at one moment, for people and programs that look from outside.
public struct ServerSnapshot: Sendable, Equatable {
  /// Where clients connect.
  public let path: String
  /// Clients that got as far as a version, the present one included.
  public internal(set) var clients: UInt64 = 0
  /// Whether a client is there that got as far as a version.
  public internal(set) var isAttached = false
  /// Messages that were answered with an error, since the server was made.
  public internal(set) var refusedMessages: UInt64 = 0
  /// What the client has announced as memory, by address; at most 4096 ranges.
  public internal(set) var regions: [Region] = []
  /// Interrupts that the client has given an eventfd.
  public internal(set) var connectedVectors: [Int] = []
  /// Whether it has given the INTx pin one.
  public internal(set) var isPinConnected = false

  /// A range of the client's memory.
  public struct Region: Sendable, Equatable {
    /// Where the device finds it.
    public let address: UInt64
    /// Bytes.
    public let byteCount: UInt64
    /// Whether the device can reach it; ROMs and other devices' BARs are announced without a file.
    public let isMapped: Bool
    /// Whether the device may write it.
    public let isWritable: Bool
    /// Where it begins in the client's file.
    public let fileOffset: UInt64
  }

  init(path: String) { self.path = path }
}

/// What a server's thread notes down for whoever inspects it. That thread alone changes it.
final class ServerRecord: Sendable {
  private let state: Lock<ServerSnapshot>

  init(path: String) { state = Lock(ServerSnapshot(path: path)) }

  var snapshot: ServerSnapshot { state.withLock { $0 } }

  /// A client has agreed on a version.
  func clientAttached() {
    state.withLock { state in
      state.isAttached = true
      state.clients &+= 1
    }
  }

  /// There is none any more.
  func clientLeft() { state.withLock { $0.isAttached = false } }

  /// A message was answered with an error.
  func messageRefused() { state.withLock { $0.refusedMessages &+= 1 } }

  /// Lends the client's ranges, which are looked through and changed in their place; keep it short.
  func withRegions<Result, Failure: Error>(
    _ body: (inout [ServerSnapshot.Region]) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try state.withLock { (state: inout ServerSnapshot) throws(Failure) in try body(&state.regions) }
  }
}

extension Server {
  /// The server as it is now; any thread may ask.
  public func inspect() -> ServerSnapshot {
    var snapshot = record.snapshot
    interrupts.state.withLock { state in
      snapshot.connectedVectors = state.messages.indices.filter { state.messages[$0].event != nil }
      snapshot.isPinConnected = state.pin.event != nil
    }
    return snapshot
  }
}
