import CGuestSyscalls
import Glibc

/// A call into the kernel that failed: what was tried, and errno.
struct SystemFailure: Error {
  let action: String
  let code: Int32

  /// The failure that `errno` tells of.
  static func last(_ action: String) -> SystemFailure {
    SystemFailure(action: action, code: errno)
  }

  var reason: String {
    // `strerror` returns a terminated string that is valid until the next call on this, the only thread.
    "\(action): \(unsafe String(cString: strerror(code)))"
  }
}

/// An open file that closes itself.
final class Descriptor {
  let number: Int32

  init(opening path: String, _ flags: Int32) throws(SystemFailure) {
    // The path is a terminated string for the call's length.
    number = unsafe guest_open(path, flags, 0)
    guard number >= 0 else { throw .last("open \(path)") }
  }

  deinit {
    close(number)
  }

  /// Up to `count` bytes; none at the end of the file.
  func read(_ count: Int) throws(SystemFailure) -> [UInt8] {
    var failure: SystemFailure?
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      // The kernel writes at most the buffer's own count.
      let size = unsafe Glibc.read(number, buffer.baseAddress, buffer.count)
      if size < 0 { failure = .last("read") }
      filled = max(0, size)
    }
    if let failure { throw failure }
    return bytes
  }

  func write(_ bytes: [UInt8]) throws(SystemFailure) {
    var rest = bytes[...]
    while !rest.isEmpty {
      // The kernel reads at most the slice's own count.
      let size = unsafe rest.withUnsafeBytes { unsafe Glibc.write(number, $0.baseAddress, $0.count) }
      guard size > 0 else { throw .last("write") }
      rest = rest.dropFirst(size)
    }
  }

  /// Waits until there is something to read.
  ///
  /// - Returns: false when the time is over.
  func waitToRead(milliseconds: Int32) -> Bool {
    var one = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
    // One record, and the count says one.
    return unsafe poll(&one, 1, milliseconds) > 0
  }
}

/// The kernel's small files and calls, as a first process uses them.
enum Kernel {
  static func contents(of path: String, limit: Int = 1 << 20) throws(SystemFailure) -> [UInt8] {
    let file = try Descriptor(opening: path, O_RDONLY)
    var bytes: [UInt8] = []
    while bytes.count < limit {
      let more = try file.read(min(65536, limit - bytes.count))
      if more.isEmpty { break }
      bytes += more
    }
    return bytes
  }

  /// A file's text without the end of its last line; "-" for one that cannot be read.
  static func text(of path: String) -> String {
    guard let bytes = try? contents(of: path) else { return "-" }  // absence is an answer here
    let end = bytes.last == UInt8(ascii: "\n") ? bytes.dropLast() : bytes[...]
    return String(decoding: end, as: UTF8.self)
  }

  static func write(_ text: String, to path: String) throws(SystemFailure) {
    do {
      try Descriptor(opening: path, O_WRONLY).write(Array(text.utf8))
    } catch {
      throw SystemFailure(action: "write \(text) to \(path)", code: error.code)
    }
  }

  /// The last part of what a symbolic link names; "-" for none.
  static func linkName(_ path: String) -> String {
    var target = [CChar](repeating: 0, count: 4096)
    // The kernel writes at most the array's own count.
    let size = unsafe readlink(path, &target, target.count)
    let bytes = target.prefix(max(0, size)).map { UInt8(bitPattern: $0) }
    guard let name = bytes.split(separator: UInt8(ascii: "/")).last else { return "-" }
    return String(decoding: name, as: UTF8.self)
  }

  /// The names in a folder, sorted; none when there is no such folder.
  static func names(in path: String) -> [String] {
    guard let folder = unsafe opendir(path) else { return [] }
    // The stream is open until this function ends, and an entry is copied before the next is read.
    defer { unsafe _ = closedir(folder) }
    var names: [String] = []
    while let entry = unsafe readdir(folder) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
        unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted()
  }

  static func makeFolder(_ path: String) {
    unsafe _ = mkdir(path, 0o755)  // one that is there already is as good
  }

  static func mount(_ type: String, at path: String) throws(SystemFailure) {
    makeFolder(path)
    guard unsafe Glibc.mount(type, path, type, 0, nil) == 0 else { throw .last("mount \(type)") }
  }

  static func insertModule(_ path: String, parameters: String = "") throws(SystemFailure) {
    let file = try Descriptor(opening: path, O_RDONLY)
    // The parameters are a terminated string for the call's length.
    guard unsafe guest_finit_module(file.number, parameters) == 0 else { throw .last("insert \(path)") }
  }

  static func removeModule(_ name: String) throws(SystemFailure) {
    guard unsafe guest_delete_module(name) == 0 else { throw .last("remove \(name)") }
  }

  static func powerOff() {
    sync()
    _ = guest_power_off()
  }

  static func pause(milliseconds: Int) {
    var time = timespec(tv_sec: milliseconds / 1000, tv_nsec: milliseconds % 1000 * 1_000_000)
    unsafe _ = nanosleep(&time, nil)
  }
}
