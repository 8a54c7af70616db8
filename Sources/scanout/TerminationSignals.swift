import Glibc
import HostThreads

/// SIGINT and SIGTERM as a request to end in order.
///
/// The signals are taken by a thread that waits for them, so nothing runs in a signal handler and no system call of
/// another thread is interrupted.
enum TerminationSignals {
  /// Keeps the signals for `whenRaised`; to be called before any other thread is started, which then inherits it.
  static func block() {
    var signals = both()
    // The set is a local variable.
    unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
  }

  /// Calls `body` on a thread of its own at the first signal. A second one ends the process at once, as usual.
  static func whenRaised(_ body: @escaping @Sendable () -> Void) throws(CommandFailure) {
    do throws(HostThreadError) {
      _ = try HostThread(name: "signals") {
        var signals = both()
        var signal: CInt = 0
        // Both are local variables; the call fails only for a set that is none.
        while unsafe sigwait(&signals, &signal) != 0 {}
        body()
        unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
        // Stays so that there is a thread which does not block the next one.
        while true { pause() }
      }
    } catch {
      throw CommandFailure("no thread can be started: \(unsafe String(cString: strerror(error.errno)))")
    }
  }

  private static func both() -> sigset_t {
    var signals = sigset_t()
    // The set is a local variable.
    unsafe sigemptyset(&signals)
    unsafe sigaddset(&signals, SIGINT)
    unsafe sigaddset(&signals, SIGTERM)
    return signals
  }
}
