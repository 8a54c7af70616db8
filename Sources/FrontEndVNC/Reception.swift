import FrontEndAPI
import Glibc
import HostThreads

/// Lets viewers in and sees them out, on the thread of the host's loop.
final class Reception: Sendable {
  private let setup: VNCServer.Setup
  private let state: Lock<State>

  private struct State {
    /// Closed, and its file gone, when this lets go of it.
    var socket: ServerSocket?
    var guests: [Guest] = []
    var watch: (any CoreWatch)?
    /// Runs out when viewers are let in again, after there was no descriptor or thread left for one.
    var pause: (any CoreTimer)?
    /// Runs out at once when a viewer has left.
    var farewell: (any CoreTimer)?
  }

  /// A viewer and its thread.
  private struct Guest {
    let viewer: Viewer
    let thread: HostThread
  }

  init(socket: ServerSocket, setup: VNCServer.Setup) {
    self.setup = setup
    state = Lock(State(socket: socket))
  }

  /// Lets viewers in from now on, until `close`.
  func open(on core: any CoreServices) {
    // The loop's hold on them ends with `close`, and so does theirs on this.
    let farewell = core.addTimer { self.seeOut() }
    let pause = core.addTimer { self.state.withLock { $0.watch }?.update(.readable) }
    state.withLock { ($0.farewell, $0.pause) = (farewell, pause) }
    guard let socket = state.withLock({ $0.socket }) else { return }
    let watch = core.addWatch(of: socket.descriptor.raw, for: []) { _ in self.letIn(from: socket) }
    state.withLock { $0.watch = watch }
    watch.update(.readable)
  }

  /// Disconnects everybody, waits for their threads, and lets nobody in any more.
  func close() {
    let (watch, timers) = state.withLock { state in
      defer { (state.watch, state.pause) = (nil, nil) }
      return (state.watch, [state.pause, state.farewell])
    }
    watch?.remove()
    for timer in timers { timer?.remove() }
    let guests = state.withLock { state in
      defer { (state.guests, state.farewell, state.socket) = ([], nil, nil) }
      return state.guests
    }
    for guest in guests { guest.viewer.disconnect() }
    for guest in guests { guest.thread.join() }
  }

  /// Lets go of the viewers that have left.
  private func seeOut() {
    let gone = state.withLock { state in
      let gone = state.guests.filter { $0.viewer.isOver }
      state.guests.removeAll { $0.viewer.isOver }
      return gone
    }
    // Their threads have nothing left to do.
    for guest in gone { guest.thread.join() }
  }

  /// Lets everybody in who waits and finds room.
  private func letIn(from socket: ServerSocket) {
    while true {
      let raw = accept(socket.descriptor.raw, nil, nil)
      guard raw >= 0 else {
        switch errno {
        case EAGAIN: return
        case EINTR, ECONNABORTED: continue  // that viewer is gone already
        default: return failed("accept", errno)
        }
      }
      let (count, farewell) = state.withLock { ($0.guests.count, $0.farewell) }
      guard count < setup.limits.viewers else {
        Glibc.close(raw)
        setup.report(VNCReport(weight: .detail, text: "a viewer was turned away: \(count) are here"))
        continue
      }
      guard let viewer = Viewer(owning: raw, setup, whenOver: { farewell?.start(afterMilliseconds: 0) })
      else { return failed("pipe", errno) }
      do throws(HostThreadError) {
        let thread = try HostThread(name: "vnc viewer") { viewer.run() }
        state.withLock { $0.guests.append(Guest(viewer: viewer, thread: thread)) }
      } catch { return failed("pthread_create", error.errno) }
    }
  }

  /// The system has no means at the moment, and whoever waits would wake the loop again at once.
  private func failed(_ call: String, _ errno: CInt) {
    let reason = unsafe String(cString: strerror(errno))
    setup.report(VNCReport(weight: .notice, text: "no viewer can connect at the moment: \(call): \(reason)"))
    let (watch, pause) = state.withLock { ($0.watch, $0.pause) }
    watch?.update([])
    pause?.start(afterMilliseconds: 1000)
  }
}
