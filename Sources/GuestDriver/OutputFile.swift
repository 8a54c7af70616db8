import CGuestDriver
import Glibc

/// A file in memory that another process writes and this one reads.
final class OutputFile: Sendable {
  let descriptor: Int32

  init() throws {
    descriptor = guest_driver_memfd(0, 0)
    guard descriptor >= 0 else { throw DriverError.host(call: "memfd_create", errno: -descriptor) }
  }

  deinit { close(descriptor) }

  /// What is in the file now, or the last of it.
  func bytes(last limit: Int = .max) -> [UInt8] {
    var file = stat()
    // A structure of the type the call wants.
    guard unsafe fstat(descriptor, &file) == 0, file.st_size > 0 else { return [] }
    let count = min(Int(file.st_size), limit), from = Int(file.st_size) - count
    // The array has room for what is asked for.
    return unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      filled = unsafe max(0, pread(descriptor, buffer.baseAddress, count, off_t(from)))
    }
  }
}
