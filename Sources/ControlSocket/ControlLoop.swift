import Glibc

/// What the control thread does until it is told to stop.
///
/// Owned by that thread. It sleeps in `poll` without a time limit while there is no client.
struct ControlLoop {
  let listener: ListeningSocket
  let stop: StopSignal
  let limits: ControlServer.Limits
  let respond: @Sendable (ControlRequest) -> ControlReply
  let report: @Sendable (String) -> Void

  private var connections: [ControlConnection] = []
  /// Until when no client is accepted, because there was no descriptor left for one.
  private var pausedUntil: Int64?

  init(
    listener: ListeningSocket, stop: StopSignal, limits: ControlServer.Limits,
    respond: @escaping @Sendable (ControlRequest) -> ControlReply,
    report: @escaping @Sendable (String) -> Void
  ) {
    self.listener = listener
    self.stop = stop
    self.limits = limits
    self.respond = respond
    self.report = report
  }

  /// Serves until `stop` is raised, then drops all clients.
  mutating func run() {
    while true {
      if let until = pausedUntil, Self.now() >= until { pausedUntil = nil }
      var polled = [
        pollfd(fd: stop.descriptor, events: Int16(POLLIN), revents: 0),
        // A negative descriptor is passed over.
        pollfd(fd: pausedUntil == nil ? listener.descriptor.raw : -1, events: Int16(POLLIN), revents: 0),
      ]
      polled += connections.map { pollfd(fd: $0.descriptor.raw, events: $0.events, revents: 0) }
      let count = nfds_t(polled.count)
      // The system reads and writes `count` entries, the array's size.
      guard unsafe poll(&polled, count, timeLimit()) >= 0 else {
        if errno != EINTR { usleep(100_000) }  // out of memory: wait for better times
        continue
      }
      if polled[0].revents != 0 { return }
      for (connection, polled) in zip(connections, polled.dropFirst(2)) where polled.revents != 0 {
        connection.act(on: polled.revents)
      }
      // In this order: a late answer's end makes room for a request that waits, and nothing else would wake us.
      expire()
      answerWaiting()
      connections.removeAll { $0.isOver }
      if polled[1].revents != 0 { accept() }
    }
  }

  /// Answers requests in the order of their connections while the answers under way leave room for one more.
  private mutating func answerWaiting() {
    for connection in connections {
      guard case .waiting(let request) = connection.phase else { continue }
      guard connections.reduce(0, { $0 + $1.heldBytes }) < limits.heldBytes else { return }
      let reply = respond(request)
      connection.answer(reply, deadline: Self.now() + limits.answerMilliseconds)
    }
  }

  private func expire() {
    let now = Self.now()
    for connection in connections {
      guard let deadline = connection.deadline, now >= deadline else { continue }
      if case .reading = connection.phase {
        let failure = ControlFailure(.timeout, "no request came within \(limits.requestMilliseconds) ms")
        connection.answer(.failure(failure), deadline: now)
      }
      // One try is all that a late client gets.
      connection.end()
    }
  }

  private mutating func accept() {
    while true {
      let raw = Glibc.accept(listener.descriptor.raw, nil, nil)
      guard raw >= 0 else {
        switch errno {
        case EAGAIN: return
        case EINTR, ECONNABORTED: continue  // that client is gone already
        default:
          // No descriptors or no memory, and the waiting client would wake us again at once.
          report("no client can connect to the control socket: \(unsafe String(cString: strerror(errno)))")
          pausedUntil = Self.now() + 1000
          return
        }
      }
      let descriptor = Descriptor(owning: raw)
      descriptor.prepare()
      let connection = ControlConnection(descriptor, deadline: Self.now() + limits.requestMilliseconds)
      guard connections.count < limits.clients else {
        let failure = ControlFailure(
          .busy, "\(limits.clients) clients are connected already: try again later")
        connection.answer(.failure(failure), deadline: 0)
        continue
      }
      connections.append(connection)
    }
  }

  /// Until the next deadline, rounded up; -1 when there is none. A request that waits for room needs no limit, since
  /// an answer under way has one.
  private func timeLimit() -> CInt {
    let next = (connections.compactMap(\.deadline) + [pausedUntil].compactMap { $0 }).min()
    guard let next else { return -1 }
    return CInt(clamping: max(0, next - Self.now()))
  }

  /// Milliseconds of the monotonic clock.
  private static func now() -> Int64 {
    var time = timespec()
    // The pointer is to a local variable.
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }
}
