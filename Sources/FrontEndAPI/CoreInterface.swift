/// The host side of the core interface: what an embedder provides to front-ends that wait for something.
///
/// An embedder with an event loop of its own implements it there; `HostLoop` is one for those that have none. Every call
/// may come from any thread. Whatever was handed in is called on the loop's thread, one call after the other, so it has
/// to return soon.
public protocol CoreServices: AnyObject, Sendable {
  /// The interface that the host side offers; a front-end agrees on a version with it before it asks for anything.
  var interface: InterfaceVersion { get }
  /// Makes a timer that calls `body` when it runs out; it does not run yet, and is kept until it is removed.
  func addTimer(_ body: @escaping @Sendable () -> Void) -> any CoreTimer
  /// Calls `body` again and again while a descriptor is ready, until the watch is removed.
  ///
  /// - Parameters:
  ///   - descriptor: open until the watch has been removed; it stays the caller's.
  ///   - events: for what; an error or the peer's end counts as both.
  ///   - body: told for what it is ready.
  func addWatch(
    of descriptor: Int32, for events: WatchEvents, _ body: @escaping @Sendable (WatchEvents) -> Void
  ) -> any CoreWatch
}

/// A timer of the host's; it runs out once each time it is started.
public protocol CoreTimer: AnyObject, Sendable {
  /// Runs out after so many milliseconds, 0 for as soon as may be; one that runs is started anew.
  func start(afterMilliseconds milliseconds: UInt32)
  /// Does not run out unless it is started again; a call that is under way goes on.
  func cancel()
  /// Ends the timer. When this returns its body does not run and never will; from inside the body it returns at once.
  func remove()
}

/// A watch of the host's on a descriptor.
public protocol CoreWatch: AnyObject, Sendable {
  /// Watches for something else from now on; for nothing when empty.
  func update(_ events: WatchEvents)
  /// Ends the watch. When this returns its body does not run and never will; from inside the body it returns at once.
  func remove()
}

/// What a descriptor can be ready for.
public struct WatchEvents: OptionSet, Sendable, Hashable {
  /// One bit for each.
  public let rawValue: UInt8

  /// Events by their bits.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Reading does not block.
  public static let readable = WatchEvents(rawValue: 1 << 0)
  /// Writing does not block.
  public static let writable = WatchEvents(rawValue: 1 << 1)
}

/// The version of the core interface that this package is built with.
public enum CoreInterface {
  /// The type that both sides name.
  public static let type = "core"
  /// Breaks with every front-end built before it.
  public static let major: UInt32 = 1
  /// Adds what older front-ends can leave alone.
  public static let minor: UInt32 = 0
}
