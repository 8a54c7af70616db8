import Glibc
import HostThreads

/// Answers requests on a Unix socket from a thread of its own.
///
/// Bounded in every direction: a line's length, the number of clients, the time for a request and for an answer, and
/// the bytes of answers that clients have not fetched. While no client is connected the thread sleeps.
package final class ControlServer: Sendable {
  /// The bounds; the defaults are what `scanout serve` uses.
  package struct Limits: Sendable {
    /// Clients at a time; those beyond are told so and closed.
    package var clients = 16
    /// From connecting to the end of the request's line.
    package var requestMilliseconds: Int64 = 5_000
    /// From the first byte of an answer to its last.
    package var answerMilliseconds: Int64 = 30_000
    /// No further answer is made while those under way hold this many bytes. One more may exceed it.
    package var heldBytes = 64 << 20

    package init() {}
  }

  private let stopSignal: StopSignal
  private let thread: HostThread

  /// Listens on `path` and starts to serve; clients can connect when this returns.
  ///
  /// - Parameters:
  ///   - path: where the socket's file is made, with mode 0600. A file that an ended server left is replaced.
  ///   - report: told of trouble that no client can be told of; on the control thread.
  ///   - respond: called on the control thread, one request after the other.
  package init(
    path: String, limits: Limits = Limits(), report: @escaping @Sendable (String) -> Void = { _ in },
    respond: @escaping @Sendable (ControlRequest) -> ControlReply
  ) throws(ControlSocketError) {
    let stop = try StopSignal(path: path)
    // Only the thread keeps the listening socket, so it is closed and its file gone when the thread has ended.
    let listener = try ListeningSocket(path: path)
    stopSignal = stop
    do throws(HostThreadError) {
      thread = try HostThread(name: "control") {
        var loop = ControlLoop(
          listener: listener, stop: stop, limits: limits, respond: respond, report: report)
        loop.run()
      }
    } catch { throw .system(call: "pthread_create", path: path, errno: error.errno) }
  }

  deinit { stop() }

  /// Drops all clients and removes the socket's file; returns when that is done. Not to be called by `respond`.
  package func stop() {
    stopSignal.raise()
    thread.join()
  }
}

/// Wakes the control thread for the last time.
final class StopSignal: Sendable {
  private let readEnd: Descriptor
  private let writeEnd: Descriptor

  init(path: String) throws(ControlSocketError) {
    var ends: [CInt] = [-1, -1]
    // The system writes two descriptors into the array of two.
    guard unsafe pipe(&ends) == 0 else { throw .system(call: "pipe", path: path, errno: errno) }
    readEnd = Descriptor(owning: ends[0])
    writeEnd = Descriptor(owning: ends[1])
    readEnd.prepare()
    writeEnd.prepare()
  }

  /// Readable once the signal has been raised.
  var descriptor: CInt { readEnd.raw }

  /// May be called any number of times; the byte stays in the pipe.
  func raise() {
    var byte: UInt8 = 0
    // One byte of a local variable. A full pipe has been raised often enough.
    _ = unsafe write(writeEnd.raw, &byte, 1)
  }
}
