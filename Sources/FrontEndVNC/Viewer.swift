import FrontEndAPI
import Glibc
import HostThreads

/// One connected viewer, with a thread of its own, and a front-end of the display in its own right: the display keeps
/// its damage, so a slow viewer misses nothing, holds nobody up, and costs nothing while it does not ask.
final class Viewer: DisplayFrontEnd, Visitor {
  let interface = InterfaceVersion(type: "display", label: "VNC viewer", major: 1, minor: 0)

  private let socket: ViewerSocket
  private let setup: VNCServer.Setup
  private let wakeUp: WakeUp
  private let whenOver: @Sendable () -> Void
  private let state = Lock(State())

  private struct State {
    /// It is to leave.
    var isStopped = false
    /// Its thread is about to end and uses nothing any more.
    var isOver = false
  }

  /// nil when the system has no descriptors to give; the connection is then closed.
  ///
  /// - Parameter whenOver: called when the viewer has left, at the end of its thread.
  init?(owning raw: CInt, _ setup: VNCServer.Setup, whenOver: @escaping @Sendable () -> Void) {
    socket = ViewerSocket(owning: raw)
    self.setup = setup
    self.whenOver = whenOver
    guard let wakeUp = WakeUp() else { return nil }
    self.wakeUp = wakeUp
  }

  // MARK: Other threads

  func attached(to channel: any DisplayChannel) {}

  func outputChanged(_ index: Int) {
    if setup.output == nil || index == setup.output { setup.news.add(wakeUp) }
  }

  /// Ends the connection; the viewer's thread ends soon after.
  func disconnect() {
    state.withLock { $0.isStopped = true }
    socket.disconnect()
    wakeUp.signal()
  }

  /// Whether its thread is done.
  var isOver: Bool { state.withLock { $0.isOver } }

  // MARK: Its own thread

  /// Serves the viewer until it has gone.
  func run() {
    Self.blockBrokenPipes()
    Self.stepBack()
    serve()
    // The descriptor lives until the server's thread has joined this one; the viewer need not wait for that.
    socket.disconnect()
    state.withLock { $0.isOver = true }
    whenOver()
  }

  private func serve() {
    let deadline = Clock.now() + setup.limits.handshakeMilliseconds
    let handshake = Handshake(socket: socket, password: setup.password, deadline: deadline)
    if case .refused(let what) = handshake.run() {
      return setup.report(VNCReport(weight: .detail, text: "a viewer was turned away: \(what)"))
    }
    let channel: any DisplayChannel
    do { channel = try setup.attach(self) } catch {
      return setup.report(VNCReport(weight: .notice, text: "a viewer cannot be shown anything: \(error)"))
    }
    defer {
      channel.detach()
      setup.news.remove(wakeUp)
    }
    let input: ViewerInput
    do { input = try ViewerInput(setup.controls, wakeUp: wakeUp) } catch {
      return setup.report(VNCReport(weight: .notice, text: "a viewer cannot have its input taken: \(error)"))
    }
    defer { input.detach() }
    guard var session = ViewerSession(socket, channel, input, setup, for: ObjectIdentifier(self)) else {
      return setup.report(VNCReport(weight: .notice, text: "no memory or descriptors for another viewer"))
    }
    while !state.withLock({ $0.isStopped }), session.isOpen {
      switch sleep(until: session.isInitialised ? session.due : deadline) {
      case .message: if !session.takeMessage() { return }
      case .change: break
      case .late: if !session.isInitialised { return }
      case .failed: return
      }
      session.passDueWish()
      if !session.update() { return }
    }
  }

  /// The library writes to connections that may have ended: an error of the call, not the end of the process.
  private static func blockBrokenPipes() {
    var signals = sigset_t()
    // The set is a local variable; a signal that waits goes with the thread.
    unsafe sigemptyset(&signals)
    unsafe sigaddset(&signals, SIGPIPE)
    unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
  }

  /// Encoding is work for the time that the guest, its device and everybody else leave. On Linux each thread has a
  /// nice value of its own, and 0 names the calling one.
  static func stepBack() { _ = setpriority(CInt(PRIO_PROCESS.rawValue), 0, 10) }

  /// Why the thread is awake.
  private enum Awakening { case message, change, late, failed }

  /// Sleeps until the viewer has sent something, something has changed, or the deadline has passed.
  private func sleep(until deadline: Int64?) -> Awakening {
    var polled = [
      pollfd(fd: socket.descriptor.raw, events: Int16(POLLIN), revents: 0),
      pollfd(fd: wakeUp.descriptor, events: Int16(POLLIN), revents: 0),
    ]
    let left = deadline.map { CInt(clamping: max(0, $0 - Clock.now())) } ?? -1
    // Two entries, the array's size.
    let count = unsafe poll(&polled, 2, left)
    if count == 0 { return .late }
    guard count > 0 else { return errno == EINTR ? .change : .failed }
    if polled[1].revents != 0 { wakeUp.clear() }
    return polled[0].revents != 0 ? .message : .change
  }
}
