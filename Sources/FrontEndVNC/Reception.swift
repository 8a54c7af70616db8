import FrontEndAPI
import Glibc
import HostThreads

/// Somebody who has connected, served on a thread of his own.
protocol Visitor: AnyObject, Sendable {
  /// Serves him until he has gone; on his thread.
  func run()
  /// Ends the connection; the thread ends soon after. Any thread may call.
  func disconnect()
  /// Whether the thread is done.
  var isOver: Bool { get }
}

/// Lets visitors in and sees them out, on the thread of the host's loop.
final class Reception: Sendable {
  private let policy: Policy
  private let welcome: Welcome
  private let state: Lock<State>

  /// Makes a visitor of a connected socket, which is his; nil with `errno` set when the system lacks something.
  /// He calls the second at the end of his thread.
  typealias Welcome = @Sendable (CInt, @escaping @Sendable () -> Void) -> (any Visitor)?

  /// How visitors are received.
  struct Policy: Sendable {
    /// What they are called, for reports and as their threads' names.
    let guests: String
    /// How many may be here at a time.
    let limit: Int
    /// Whether one too many waits until another has left, or is turned away.
    let lastWaits: Bool
    let report: @Sendable (VNCReport) -> Void
  }

  private struct State {
    /// Closed, and its file gone, when this lets go of it.
    var socket: ServerSocket?
    var guests: [Guest] = []
    var watch: (any CoreWatch)?
    /// Runs out when visitors are let in again, after there was no descriptor or thread left for one.
    var pause: (any CoreTimer)?
    /// Runs out at once when a visitor has left.
    var farewell: (any CoreTimer)?
  }

  /// A visitor and his thread.
  private struct Guest {
    let visitor: any Visitor
    let thread: HostThread
  }

  init(socket: ServerSocket, _ policy: Policy, welcome: @escaping Welcome) {
    self.policy = policy
    self.welcome = welcome
    state = Lock(State(socket: socket))
  }

  /// Lets visitors in from now on, until `close`.
  func open(on core: any CoreServices) {
    // The loop's hold on them ends with `close`, and so does theirs on this.
    let farewell = core.addTimer { self.seeOut() }
    let pause = core.addTimer { self.state.withLock { $0.watch }?.update(.readable) }
    state.withLock { ($0.farewell, $0.pause) = (farewell, pause) }
    guard let socket = state.withLock({ $0.socket }) else { return }
    // A loop may keep what it calls for a moment after `close`, but not the socket.
    let watch = core.addWatch(of: socket.descriptor.raw, for: []) { [weak socket] _ in
      if let socket { self.letIn(from: socket) }
    }
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
    for guest in guests { guest.visitor.disconnect() }
    for guest in guests { guest.thread.join() }
  }

  /// Lets go of the visitors who have left.
  private func seeOut() {
    let (gone, watch) = state.withLock { state in
      let gone = state.guests.filter { $0.visitor.isOver }
      state.guests.removeAll { $0.visitor.isOver }
      return (gone, state.watch)
    }
    // Their threads have nothing left to do.
    for guest in gone { guest.thread.join() }
    if policy.lastWaits, !gone.isEmpty { watch?.update(.readable) }
  }

  /// Lets everybody in who waits and finds room.
  private func letIn(from socket: ServerSocket) {
    while true {
      if policy.lastWaits {
        let (count, watch) = state.withLock { ($0.guests.count, $0.watch) }
        // Until somebody is seen out.
        guard count < policy.limit else { return watch?.update([]) ?? () }
      }
      let raw = accept(socket.descriptor.raw, nil, nil)
      guard raw >= 0 else {
        switch errno {
        case EAGAIN: return
        case EINTR, ECONNABORTED: continue  // gone again already
        default: return failed("accept", errno)
        }
      }
      let (count, farewell) = state.withLock { ($0.guests.count, $0.farewell) }
      guard count < policy.limit else {
        Glibc.close(raw)
        policy.report(
          VNCReport(weight: .detail, text: "a \(policy.guests) was turned away: \(count) are here"))
        continue
      }
      guard let visitor = welcome(raw, { farewell?.start(afterMilliseconds: 0) }) else {
        return failed("pipe", errno)
      }
      do throws(HostThreadError) {
        let thread = try HostThread(name: "vnc \(policy.guests)") { visitor.run() }
        state.withLock { $0.guests.append(Guest(visitor: visitor, thread: thread)) }
      } catch { return failed("pthread_create", error.errno) }
    }
  }

  /// The system has no means at the moment, and whoever waits would wake the loop again at once.
  private func failed(_ call: String, _ errno: CInt) {
    let reason = unsafe String(cString: strerror(errno))
    policy.report(
      VNCReport(weight: .notice, text: "no \(policy.guests) can connect at the moment: \(call): \(reason)"))
    let (watch, pause) = state.withLock { ($0.watch, $0.pause) }
    watch?.update([])
    pause?.start(afterMilliseconds: 1000)
  }
}
