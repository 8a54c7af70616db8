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

/// Stream sockets in the file system.
enum UnixSocket {
  /// What `sun_path` holds besides its final zero byte.
  static let maximumPathBytes = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

  /// A new socket, non-blocking.
  static func make(for path: String) throws(ControlSocketError) -> Descriptor {
    let raw = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
    guard raw >= 0 else { throw .system(call: "socket", path: path, errno: errno) }
    let descriptor = Descriptor(owning: raw)
    descriptor.prepare()
    return descriptor
  }

  /// Calls `body`, `bind` or `connect`, with the address of a path; nil when the path does not fit one.
  static func withAddress(
    of path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt
  ) -> CInt? {
    let name = Array(path.utf8)
    guard (1...maximumPathBytes).contains(name.count), !name.contains(0) else { return nil }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    // The name was seen to be shorter than the field, whose other bytes stay 0; the rebinding is how C passes any
    // socket address, and the length says how much of it there is.
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: name) }
    return unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        unsafe body(address, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }

  /// Connects to a server.
  static func connect(to path: String) throws(ControlSocketError) -> Descriptor {
    let descriptor = try make(for: path)
    let raw = descriptor.raw
    let result = unsafe withAddress(of: path) { address, count in unsafe Glibc.connect(raw, address, count) }
    guard let result else { throw .badPath(path) }
    guard result == 0 else {
      switch errno {
      case ENOENT, ECONNREFUSED: throw .nobodyListens(path)
      case EAGAIN: throw .timeout(path)  // its queue of connections is full
      case let code: throw .system(call: "connect", path: path, errno: code)
      }
    }
    return descriptor
  }
}

/// A socket that listens on a path which only its user may connect to; the file is gone when this is.
final class ListeningSocket: Sendable {
  let descriptor: Descriptor
  private let path: String
  private let device: dev_t
  private let inode: ino_t

  /// Binds the path. A file that an ended server left behind is replaced, anything else there is not touched.
  init(path: String) throws(ControlSocketError) {
    try Self.removeStaleFile(path)
    let descriptor = try UnixSocket.make(for: path)
    let raw = descriptor.raw
    let result = unsafe UnixSocket.withAddress(of: path) { address, count in unsafe bind(raw, address, count)
    }
    guard let result else { throw .badPath(path) }
    guard result == 0 else {
      throw errno == EADDRINUSE ? .inUse(path) : .system(call: "bind", path: path, errno: errno)
    }
    // Nobody can connect before `listen`, so the mode is in force before the first client.
    guard unsafe chmod(path, S_IRUSR | S_IWUSR) == 0, let file = Self.status(path), listen(raw, 64) == 0
    else {
      let code = errno
      unsafe unlink(path)
      throw .system(call: "listen", path: path, errno: code)
    }
    self.descriptor = descriptor
    self.path = path
    device = file.st_dev
    inode = file.st_ino
  }

  deinit {
    // Somebody may have replaced the file by their own.
    if let file = Self.status(path), file.st_dev == device, file.st_ino == inode { unsafe unlink(path) }
  }

  private static func removeStaleFile(_ path: String) throws(ControlSocketError) {
    guard let file = status(path) else { return }
    guard file.st_mode & S_IFMT == S_IFSOCK else { throw .notASocket(path) }
    do throws(ControlSocketError) {
      _ = try UnixSocket.connect(to: path)
      throw .inUse(path)
    } catch {
      switch error {
      case .nobodyListens: break
      case .timeout: throw .inUse(path)
      default: throw error
      }
    }
    guard unsafe unlink(path) == 0 || errno == ENOENT else {
      throw .system(call: "unlink", path: path, errno: errno)
    }
  }

  private static func status(_ path: String) -> stat? {
    var file = stat()
    return unsafe lstat(path, &file) == 0 ? file : nil
  }
}
