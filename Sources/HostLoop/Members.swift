import FrontEndAPI

/// A timer of a loop.
final class LoopTimer: CoreTimer {
  let body: @Sendable () -> Void
  private let registry: Registry

  init(_ registry: Registry, _ body: @escaping @Sendable () -> Void) {
    self.registry = registry
    self.body = body
  }

  func start(afterMilliseconds milliseconds: UInt32) {
    registry.start(self, afterMilliseconds: milliseconds)
  }
  func cancel() { registry.start(self, afterMilliseconds: nil) }
  func remove() { registry.remove(self) }
}

/// A watch of a loop.
final class LoopWatch: CoreWatch {
  let descriptor: Int32
  let body: @Sendable (WatchEvents) -> Void
  private let registry: Registry

  init(_ registry: Registry, _ descriptor: Int32, _ body: @escaping @Sendable (WatchEvents) -> Void) {
    self.registry = registry
    self.descriptor = descriptor
    self.body = body
  }

  func update(_ events: WatchEvents) { registry.update(self, for: events) }
  func remove() { registry.remove(self) }
}
