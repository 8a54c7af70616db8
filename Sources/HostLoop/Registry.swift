import CHost
import FrontEndAPI
import Glibc
import HostThreads

/// What a loop watches, and its timers; its thread works in `run`.
final class Registry: Sendable {
  private struct State {
    var watches: [ObjectIdentifier: Watched] = [:]
    var timers: [ObjectIdentifier: Timed] = [:]
    /// The timer or watch whose body runs at the moment.
    var current: ObjectIdentifier?
    var isStopped = false
    var thread: pthread_t?
    /// What the clock is set to; nil: it stands.
    var alarm: Int64?

    /// Whether the calling thread is the loop's.
    var isOnLoop: Bool { thread.map { pthread_equal($0, pthread_self()) != 0 } ?? false }
  }

  private struct Watched {
    let watch: LoopWatch
    var events: WatchEvents
  }

  private struct Timed {
    let timer: LoopTimer
    /// nil while it does not run.
    var deadline: Int64?
  }

  private let bell: CInt
  /// Readable when the first timer runs out.
  private let clock: CInt
  private let state = Lock(State())
  /// Signalled when a call has returned that a removal may wait for.
  private let callReturned = Event()

  /// - Parameters: an eventfd and a timerfd, which this owns from here on.
  init(bell: CInt, clock: CInt) {
    self.bell = bell
    self.clock = clock
  }

  deinit {
    close(bell)
    close(clock)
  }

  // MARK: Any thread

  // A loop that has ended keeps nothing, or each would keep the other alive.

  func add(_ watch: LoopWatch, for events: WatchEvents) {
    state.withLock { state in
      guard !state.isStopped else { return }
      state.watches[ObjectIdentifier(watch)] = Watched(watch: watch, events: events)
    }
    ring()
  }

  func add(_ timer: LoopTimer) {
    state.withLock { state in
      guard !state.isStopped else { return }
      state.timers[ObjectIdentifier(timer)] = Timed(timer: timer)
    }
  }

  /// Nothing happens when it was removed.
  func update(_ watch: LoopWatch, for events: WatchEvents) {
    state.withLock { $0.watches[ObjectIdentifier(watch)]?.events = events }
    ring()
  }

  /// nil stops it; nothing happens when it was removed.
  func start(_ timer: LoopTimer, afterMilliseconds milliseconds: UInt32?) {
    let deadline = milliseconds.map { Self.now() + Int64($0) * 1_000_000 }
    state.withLock { state in
      state.timers[ObjectIdentifier(timer)]?.deadline = deadline
      setClock(&state)
    }
  }

  /// Sets the clock to the first deadline: the loop's thread is woken then, and not to hear of it.
  private func setClock(_ state: inout State) {
    let first = state.timers.values.lazy.compactMap(\.deadline).min()
    guard first != state.alarm else { return }
    state.alarm = first
    chost_timer_set(clock, first ?? 0)
  }

  /// Forgets a timer or watch and waits for its body, unless that is where the call comes from.
  func remove(_ member: AnyObject) {
    let id = ObjectIdentifier(member)
    let (watch, timer) = state.withLock { state in
      defer { setClock(&state) }
      return (state.watches.removeValue(forKey: id), state.timers.removeValue(forKey: id))
    }
    extendLifetime(timer)
    if watch != nil { ring() }
    var hasWaited = false
    while state.withLock({ $0.current == id && !$0.isOnLoop }) {
      callReturned.wait()
      hasWaited = true
    }
    if hasWaited { callReturned.signal() }  // for another thread that removes at the same time
  }

  func stop() {
    state.withLock { $0.isStopped = true }
    ring()
  }

  private func ring() { _ = chost_event_signal(bell) }

  // MARK: The loop's thread

  func run() {
    state.withLock { $0.thread = pthread_self() }
    while let watches = plan() {
      var polled = [bell, clock].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
      polled += watches.map { pollfd(fd: $0.watch.descriptor, events: $0.events.polled, revents: 0) }
      // As many entries as the array has.
      guard unsafe poll(&polled, nfds_t(polled.count), -1) >= 0 else {
        if errno != EINTR { usleep(100_000) }  // out of memory: wait for better times
        continue
      }
      if polled[0].revents != 0 { _ = chost_event_take(bell) }
      for (watched, polled) in zip(watches, polled.dropFirst(2)) where polled.revents != 0 {
        tell(watched.watch, WatchEvents(polled: polled.revents))
      }
      if polled[1].revents != 0 { runTimers() }
    }
    // Bodies may keep each other and the loop's owner alive.
    let last = state.withLock { state in
      defer { (state.watches, state.timers) = ([:], [:]) }
      return (state.watches, state.timers)
    }
    extendLifetime(last)
  }

  /// What to watch; nil when the loop is to end.
  private func plan() -> [Watched]? {
    state.withLock { state in
      state.isStopped ? nil : state.watches.values.filter { !$0.events.isEmpty }
    }
  }

  /// Calls a watch for what it still waits for.
  private func tell(_ watch: LoopWatch, _ events: WatchEvents) {
    var ready: WatchEvents = []
    call(
      watch,
      if: { state in
        ready = state.watches[ObjectIdentifier(watch)]?.events.intersection(events) ?? []
        return !ready.isEmpty
      }, { watch.body(ready) })
  }

  /// Calls the timers that have run out, in their order.
  private func runTimers() {
    let now = Self.now()
    let due = state.withLock { state in
      state.timers.values.compactMap { timed in timed.deadline.map { (timer: timed.timer, deadline: $0) } }
    }
    for (timer, _) in due.filter({ $0.deadline <= now }).sorted(by: { $0.deadline < $1.deadline }) {
      // One that was cancelled or started anew meanwhile has not run out.
      call(
        timer,
        if: { state in
          guard let deadline = state.timers[ObjectIdentifier(timer)]?.deadline, deadline <= now else {
            return false
          }
          state.timers[ObjectIdentifier(timer)]?.deadline = nil
          return true
        }, timer.body)
    }
    state.withLock { setClock(&$0) }
  }

  /// Calls a body if `isWanted` says so, so that a removal which comes meanwhile can wait for it.
  private func call(_ member: AnyObject, if isWanted: (inout State) -> Bool, _ body: () -> Void) {
    let isCalled = state.withLock { state in
      guard !state.isStopped, isWanted(&state) else { return false }
      state.current = ObjectIdentifier(member)
      return true
    }
    guard isCalled else { return }
    body()
    state.withLock { $0.current = nil }
    callReturned.signal()
  }

  /// Nanoseconds of the monotonic clock.
  private static func now() -> Int64 {
    var time = timespec()
    // The pointer is to a local variable.
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}

extension WatchEvents {
  fileprivate init(polled: Int16) {
    self = []
    // An error or the end is found by reading and by writing alike.
    let ends = Int16(POLLERR) | Int16(POLLHUP) | Int16(POLLNVAL)
    if polled & (Int16(POLLIN) | ends) != 0 { insert(.readable) }
    if polled & (Int16(POLLOUT) | ends) != 0 { insert(.writable) }
  }

  fileprivate var polled: Int16 {
    (contains(.readable) ? Int16(POLLIN) : 0) | (contains(.writable) ? Int16(POLLOUT) : 0)
  }
}
