import CHost
public import FrontEndAPI
import Glibc
import HostThreads

/// An event loop on a thread of its own: the core interface for embedders that have no loop.
///
/// It sleeps without a time limit while no timer runs and no descriptor is ready. Letting go of it, or `stop`, ends it;
/// its watches and timers are then called no more.
public final class HostLoop: CoreServices {
  /// Core, in the version that this package is built with.
  public let interface = InterfaceVersion(
    type: CoreInterface.type, label: "host loop", major: CoreInterface.major, minor: CoreInterface.minor)
  private let registry: Registry
  private let thread: HostThread

  /// Starts the loop.
  ///
  /// - Parameter name: the thread's, of which Linux keeps 15 bytes.
  /// - Throws: `HostLoopError` when the system has no thread or no descriptor to give.
  public init(name: String = "loop") throws(HostLoopError) {
    let bell = chost_event_create()
    guard bell >= 0 else { throw HostLoopError(call: "eventfd", errno: -bell) }
    let clock = chost_timer_create()
    guard clock >= 0 else {
      close(bell)
      throw HostLoopError(call: "timerfd_create", errno: -clock)
    }
    let registry = Registry(bell: bell, clock: clock)
    self.registry = registry
    do throws(HostThreadError) {
      // The thread keeps the registry, not the loop, which may so be let go.
      thread = try HostThread(name: name) { registry.run() }
    } catch { throw HostLoopError(call: "pthread_create", errno: error.errno) }
  }

  deinit { stop() }

  /// Ends the loop; when this returns nothing is called any more. From inside a call it ends after that call.
  public func stop() {
    registry.stop()
    thread.join()
  }

  /// See `CoreServices`; nothing happens when the loop has ended.
  public func addTimer(_ body: @escaping @Sendable () -> Void) -> any CoreTimer {
    let timer = LoopTimer(registry, body)
    registry.add(timer)
    return timer
  }

  /// See `CoreServices`; nothing happens when the loop has ended.
  public func addWatch(
    of descriptor: Int32, for events: WatchEvents, _ body: @escaping @Sendable (WatchEvents) -> Void
  ) -> any CoreWatch {
    let watch = LoopWatch(registry, descriptor, body)
    registry.add(watch, for: events)
    return watch
  }
}

/// The system did not give what a loop needs.
public struct HostLoopError: Error, CustomStringConvertible {
  /// The call that failed.
  public let call: String
  /// What it said.
  public let errno: Int32

  /// Names the call and the cause.
  public var description: String { "no event loop: \(call): \(unsafe String(cString: strerror(errno)))" }
}
