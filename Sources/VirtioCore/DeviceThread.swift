import HostThreads

/// The thread that works a device's rings; it ends when this is destroyed.
package final class DeviceThread: Sendable {
  private let state: DeviceState
  private let thread: HostThread

  /// Starts it; `state` must have been made for `Scheduling.ownThread`.
  package init(_ state: DeviceState) throws(HostThreadError) {
    precondition(state.scheduling == .ownThread)
    self.state = state
    thread = try HostThread(name: "scanout-device") { state.runThread() }
  }

  deinit {
    state.stopThread()
    thread.join()
  }
}
