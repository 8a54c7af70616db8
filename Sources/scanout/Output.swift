import Glibc

/// Where the command leaves its results: standard output and files.
enum Output {
  /// Prints a line on standard output, at once.
  static func print(_ line: String) throws(CommandFailure) { try print(Array((line + "\n").utf8)) }

  /// Prints bytes on standard output, at once.
  static func print(_ bytes: [UInt8]) throws(CommandFailure) {
    guard write(bytes, to: STDOUT_FILENO) else {
      throw CommandFailure("standard output cannot be written: \(reason(errno))")
    }
  }

  /// Saves a file; whoever reads it sees the earlier one or all of this one.
  static func save(_ bytes: [UInt8], as path: String) throws(CommandFailure) {
    let partial = "\(path).\(getpid()).partial"
    let descriptor = unsafe open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
      throw CommandFailure(
        "\(path) cannot be made: \(reason(errno)); choose a directory that you may write to")
    }
    var isComplete = write(bytes, to: descriptor)
    var error = errno
    // Some file systems tell of a full disk only here.
    if close(descriptor) != 0, isComplete { (isComplete, error) = (false, errno) }
    if isComplete, unsafe rename(partial, path) != 0 { (isComplete, error) = (false, errno) }
    guard isComplete else {
      unsafe unlink(partial)
      throw CommandFailure("\(path) cannot be written: \(reason(error))")
    }
  }

  /// Writes all bytes, however many calls that takes; false with `errno` set when that fails.
  private static func write(_ bytes: [UInt8], to descriptor: CInt) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      // The pointer covers exactly the bytes that are left.
      let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno != EINTR { return false }
      rest = rest.dropFirst(max(0, count))
    }
    return true
  }

  private static func reason(_ errno: CInt) -> String { unsafe String(cString: strerror(errno)) }
}
