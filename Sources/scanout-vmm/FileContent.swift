import Glibc

/// Files as a whole, and words for whoever typed the command.
enum FileContent {
  /// All bytes of a file.
  static func read(_ path: String) throws(CommandFailure) -> [UInt8] {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure(path, "read") }
    defer { close(descriptor) }
    var status = stat()
    // A local variable.
    guard unsafe fstat(descriptor, &status) == 0 else { throw failure(path, "read") }
    guard status.st_mode & S_IFMT == S_IFREG, let size = Int(exactly: status.st_size) else {
      throw CommandFailure("\(path) is no file")
    }
    var bytes = [UInt8](repeating: 0, count: size)
    var filled = 0
    while filled < size {
      // What is left of the array.
      let count = unsafe bytes.withUnsafeMutableBytes {
        unsafe Glibc.read(descriptor, $0.baseAddress! + filled, size - filled)
      }
      guard count >= 0 || errno == EINTR else { throw failure(path, "read") }
      if count == 0 { break }
      filled += max(0, count)
    }
    return Array(bytes[..<filled])
  }

  /// Saves a file.
  static func save(_ bytes: [UInt8], as path: String) throws(CommandFailure) {
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw failure(path, "made") }
    defer { close(descriptor) }
    var rest = bytes[...]
    while !rest.isEmpty {
      // The pointer covers exactly the bytes that are left.
      let count = unsafe rest.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
      guard count >= 0 || errno == EINTR else { throw failure(path, "written") }
      rest = rest.dropFirst(max(0, count))
    }
  }

  /// A line on standard error.
  static func complain(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    // As many bytes as the array has; there is nobody left to tell when this fails.
    _ = unsafe write(STDERR_FILENO, bytes, bytes.count)
  }

  private static func failure(_ path: String, _ what: String) -> CommandFailure {
    CommandFailure("\(path) cannot be \(what): \(unsafe String(cString: strerror(errno)))")
  }
}
