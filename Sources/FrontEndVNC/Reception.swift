import Glibc
import HostThreads

/// Lets viewers in until the server is stopped. Its methods are the server's thread's.
final class Reception: Sendable {
  private let socket: ServerSocket
  private let setup: VNCServer.Setup
  private let bell: Bell

  /// Wakes the server's thread: to stop, or because a viewer has left.
  final class Bell: Sendable {
    let wakeUp: WakeUp
    let isStopped = Lock(false)

    init?() {
      guard let wakeUp = WakeUp() else { return nil }
      self.wakeUp = wakeUp
    }

    func stop() {
      isStopped.withLock { $0 = true }
      wakeUp.signal()
    }
  }

  /// A viewer and its thread.
  private struct Guest {
    let viewer: Viewer
    let thread: HostThread
  }

  init(socket: ServerSocket, setup: VNCServer.Setup, bell: Bell) {
    self.socket = socket
    self.setup = setup
    self.bell = bell
  }

  /// Serves until the bell says stop, then disconnects everybody and waits for their threads.
  func run() {
    var guests: [Guest] = []
    // Until when nobody is let in, because there was no descriptor or thread left for one.
    var pausedUntil: Int64?
    while !bell.isStopped.withLock({ $0 }) {
      if let until = pausedUntil, Clock.now() >= until { pausedUntil = nil }
      var polled = [
        pollfd(fd: bell.wakeUp.descriptor, events: Int16(POLLIN), revents: 0),
        // A negative descriptor is passed over.
        pollfd(fd: pausedUntil == nil ? socket.descriptor.raw : -1, events: Int16(POLLIN), revents: 0),
      ]
      let left = pausedUntil.map { CInt(clamping: max(0, $0 - Clock.now())) } ?? -1
      // Two entries, the array's size.
      guard unsafe poll(&polled, 2, left) >= 0 else {
        if errno != EINTR { usleep(100_000) }  // out of memory: wait for better times
        continue
      }
      if polled[0].revents != 0 { bell.wakeUp.clear() }
      guests.removeAll { guest in
        guard guest.viewer.isOver else { return false }
        guest.thread.join()
        return true
      }
      if polled[1].revents != 0, !letIn(&guests) { pausedUntil = Clock.now() + 1000 }
    }
    for guest in guests { guest.viewer.disconnect() }
    for guest in guests { guest.thread.join() }
  }

  /// Lets everybody in who waits and finds room; false when the system has no means for it at the moment.
  private func letIn(_ guests: inout [Guest]) -> Bool {
    while true {
      let raw = accept(socket.descriptor.raw, nil, nil)
      guard raw >= 0 else {
        switch errno {
        case EAGAIN: return true
        case EINTR, ECONNABORTED: continue  // that viewer is gone already
        default: return failed("accept", errno)
        }
      }
      guard guests.count < setup.limits.viewers else {
        close(raw)
        setup.report(VNCReport(weight: .detail, text: "a viewer was turned away: \(guests.count) are here"))
        continue
      }
      guard let viewer = Viewer(owning: raw, setup, bell) else { return failed("pipe", errno) }
      do throws(HostThreadError) {
        guests.append(Guest(viewer: viewer, thread: try HostThread(name: "vnc viewer") { viewer.run() }))
      } catch { return failed("pthread_create", error.errno) }
    }
  }

  private func failed(_ call: String, _ errno: CInt) -> Bool {
    let reason = unsafe String(cString: strerror(errno))
    setup.report(VNCReport(weight: .notice, text: "no viewer can connect at the moment: \(call): \(reason)"))
    return false
  }
}
