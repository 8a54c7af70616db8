import CHost

/// What the calling thread is inside of, so that a call which would wait for its own thread traps instead of hanging.
///
/// Either the gate that it entered last, or a call to whoever embeds the device.
public enum Callout {
  private static let mark: UInt = 1

  /// Runs a call to whoever embeds the device: from inside it nobody may close a gate, since the thread may hold what
  /// readers of that gate wait for.
  public static func run(_ body: () -> Void) {
    let outer = chost_thread_mark()
    // Who is inside a gate stays so, which says more.
    if outer == 0 { chost_set_thread_mark(mark) }
    defer { chost_set_thread_mark(outer) }
    body()
  }

  /// Ends the process, whose program would hang: it does on a thread of the device's what must not be done there.
  @usableFromInline static func brokenPromise(_ what: StaticString) -> Never { fatalError("\(what)") }
}
