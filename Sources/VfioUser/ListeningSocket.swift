import CHost
import Glibc
import HostThreads

/// A listening Unix socket and its file: made with care for what is there, removed if it is still ours.
struct ListeningSocket: ~Copyable, Sendable {
  private let descriptor: Descriptor
  private let path: String
  /// The file that `bind` made; another server's file at the same path is none of ours.
  private let identity: FileIdentity
  private let isRemoved = Lock(false)

  /// Listens at a path. The file of a server that is gone is replaced; a server that lives is left alone.
  init(path: String) throws(ServerError) {
    guard !path.isEmpty, path.utf8.count <= 107, !path.utf8.contains(0) else {
      throw ServerError.unusablePath(path)
    }
    // From the look at the old file until the new one accepts: no other server may come between.
    let directory = Self.lockDirectory(of: path)
    try Self.removeStaleFile(path)
    let number = chost_unix_socket()
    guard number >= 0 else { throw ServerError.system("socket", errno: -number) }
    let descriptor = Descriptor(owning: number)
    // The string lives through the call.
    let result = unsafe path.withCString { unsafe chost_unix_listen(number, $0, 8) }
    guard result == 0 else { throw ServerError.system("listen on '\(path)'", errno: -result) }
    guard chost_set_nonblocking(number) == 0, let identity = FileIdentity(path) else {
      throw ServerError.system("listen on '\(path)'", errno: EIO)
    }
    _ = directory
    self.descriptor = descriptor
    self.path = path
    self.identity = identity
  }

  deinit { remove() }

  var number: CInt { descriptor.number }

  /// Removes the file, once, if it is still the one that was made.
  borrowing func remove() {
    isRemoved.withLock { isRemoved in
      guard !isRemoved else { return }
      isRemoved = true
      // The string lives through the call.
      if FileIdentity(path) == identity { _ = unsafe unlink(path) }
    }
  }

  /// Locks the directory against other servers that start; the lock goes with the descriptor.
  ///
  /// Nil when that cannot be had: a directory that may be used but not read, or a lock that somebody keeps for
  /// longer than a start takes. It only keeps two servers from replacing the same stale file at the same moment.
  private static func lockDirectory(of path: String) -> Descriptor? {
    let name = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    // The string lives through the call.
    let number = unsafe open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard number >= 0 else { return nil }
    let directory = Descriptor(owning: number)
    for _ in 0..<50 {
      if flock(number, LOCK_EX | LOCK_NB) == 0 { return directory }
      usleep(20_000)
    }
    return nil
  }

  /// Removes a socket that nobody listens on.
  private static func removeStaleFile(_ path: String) throws(ServerError) {
    guard let found = FileIdentity(path) else { return }
    guard found.isSocket else { throw ServerError.notASocket(path) }
    let number = chost_unix_socket()
    guard number >= 0 else { throw ServerError.system("socket", errno: -number) }
    let probe = Descriptor(owning: number)
    // A living server's queue may be full: then this must not wait for it.
    _ = chost_set_nonblocking(probe.number)
    // The string lives through the call.
    let result = unsafe path.withCString { unsafe chost_unix_connect(number, $0) }
    switch result {
    case -ECONNREFUSED: break
    case 0, -EAGAIN: throw ServerError.inUse(path)
    case -ENOENT: return
    default: throw ServerError.system("look who listens on '\(path)'", errno: -result)
    }
    // The string lives through the call.
    guard unsafe unlink(path) == 0 || errno == ENOENT else {
      throw ServerError.system("remove the stale '\(path)'", errno: errno)
    }
  }
}

/// Which file a path names.
private struct FileIdentity: Equatable {
  let device: UInt64
  let file: UInt64
  let isSocket: Bool

  /// Nil if there is none.
  init?(_ path: String) {
    var status = stat()
    // The structure outlives the call.
    guard unsafe lstat(path, &status) == 0 else { return nil }
    device = UInt64(status.st_dev)
    file = UInt64(status.st_ino)
    isSocket = status.st_mode & S_IFMT == S_IFSOCK
  }
}
