import Glibc

/// A file descriptor with one owner, closed when that is gone.
struct Descriptor: ~Copyable {
  let raw: CInt

  /// Takes over a descriptor that is open.
  init(owning raw: CInt) { self.raw = raw }

  deinit { close(raw) }

  /// Not inherited by programs that are started, and never blocking.
  func prepare() {
    _ = fcntl(raw, F_SETFD, FD_CLOEXEC)
    _ = fcntl(raw, F_SETFL, O_NONBLOCK)
  }
}

/// Wakes a thread that sleeps in `poll`; any number of signals before it looks count as one.
final class WakeUp: Sendable {
  private let readEnd: Descriptor
  private let writeEnd: Descriptor

  /// nil with `errno` set when the system has no descriptors to give.
  init?() {
    var ends: [CInt] = [-1, -1]
    // The system writes two descriptors into the array of two.
    guard unsafe pipe(&ends) == 0 else { return nil }
    readEnd = Descriptor(owning: ends[0])
    writeEnd = Descriptor(owning: ends[1])
    readEnd.prepare()
    writeEnd.prepare()
  }

  /// Readable from a signal until `clear`.
  var descriptor: CInt { readEnd.raw }

  /// Any thread may call; it never waits.
  func signal() {
    var byte: UInt8 = 0
    // One byte of a local variable. A full pipe has been signalled often enough.
    _ = unsafe write(writeEnd.raw, &byte, 1)
  }

  /// Forgets all signals so far; whoever looks after this sees what came before them.
  func clear() {
    var bytes: [UInt8] = Array(repeating: 0, count: 64)
    // At most the array's size.
    while unsafe read(readEnd.raw, &bytes, 64) == 64 {}
  }
}

/// Moments of the monotonic clock in milliseconds, for `poll`.
enum Clock {
  static func now() -> Int64 {
    var time = timespec()
    // The pointer is to a local variable.
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }
}
