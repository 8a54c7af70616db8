import Glibc

/// A socket that listens; a Unix socket's file is gone when this is.
final class ServerSocket: Sendable {
  let descriptor: Descriptor
  /// The address with the port that the system chose.
  let address: VNCAddress
  private let file: SocketFile?

  private struct SocketFile {
    let path: String
    let device: dev_t
    let inode: ino_t
  }

  /// What `sun_path` holds besides its final zero byte.
  static let maximumPathBytes = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

  /// Listens at an address.
  ///
  /// - Parameter allowsOthers: whether an address that other hosts can reach will do.
  init(_ address: VNCAddress, allowsOthers: Bool) throws(VNCServerError) {
    switch address {
    case .unix(let path):
      descriptor = try Self.listen(atPath: path)
      self.address = address
      let status = Self.status(path)
      file = status.map { SocketFile(path: path, device: $0.st_dev, inode: $0.st_ino) }
    case .tcp(let host, let port):
      let descriptor = try Self.listen(atHost: host, port: port, allowsOthers: allowsOthers)
      self.address = .tcp(host: host, port: try Self.boundPort(of: descriptor.raw, address))
      self.descriptor = descriptor
      file = nil
    }
  }

  deinit {
    // Whoever sleeps in `poll` with the descriptor keeps it listening for a moment after it was closed.
    _ = shutdown(descriptor.raw, CInt(SHUT_RDWR))
    // Somebody may have replaced the file by their own.
    guard let file, let now = Self.status(file.path) else { return }
    if now.st_dev == file.device, now.st_ino == file.inode { unsafe unlink(file.path) }
  }

  // MARK: TCP

  private static func listen(
    atHost host: String, port: UInt16, allowsOthers: Bool
  ) throws(VNCServerError) -> Descriptor {
    let address = VNCAddress.tcp(host: host, port: port)
    var hints = unsafe addrinfo()
    unsafe hints.ai_family = host == "localhost" ? AF_INET : AF_UNSPEC
    unsafe hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
    unsafe hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
    var found: UnsafeMutablePointer<addrinfo>?
    let name = host == "localhost" ? "127.0.0.1" : host
    // The list that it makes is freed below; its first entry is what a numeric address stands for.
    guard unsafe getaddrinfo(name, String(port), &hints, &found) == 0, let entry = unsafe found else {
      throw .badHost(host)
    }
    defer { unsafe freeaddrinfo(found) }
    guard let bytes = unsafe entry.pointee.ai_addr else { throw .badHost(host) }
    guard unsafe isLoopback(bytes) || allowsOthers else { throw .unprotected(address) }

    let raw = unsafe socket(entry.pointee.ai_family, CInt(SOCK_STREAM.rawValue), 0)
    guard raw >= 0 else { throw .system(call: "socket", address: address, errno: errno) }
    let descriptor = Descriptor(owning: raw)
    descriptor.prepare()
    var yes: CInt = 1
    // A local variable of the size that is given. A port whose last connections still fade is free to take.
    unsafe setsockopt(raw, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<CInt>.size))
    // The entry says how long its address is.
    guard unsafe bind(raw, bytes, entry.pointee.ai_addrlen) == 0, Glibc.listen(raw, 64) == 0 else {
      throw errno == EADDRINUSE ? .inUse(address) : .system(call: "bind", address: address, errno: errno)
    }
    return descriptor
  }

  private static func isLoopback(_ address: UnsafePointer<sockaddr>) -> Bool {
    switch unsafe Int32(address.pointee.sa_family) {
    case AF_INET:
      // The family says which structure stands here.
      return unsafe address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
        unsafe UInt32(bigEndian: $0.pointee.sin_addr.s_addr) >> 24 == 127
      }
    case AF_INET6:
      // As above.
      return unsafe address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { address in
        unsafe withUnsafeBytes(of: address.pointee.sin6_addr) { bytes in
          unsafe bytes.dropLast().allSatisfy { $0 == 0 } && bytes.last == 1
        }
      }
    default: return false
    }
  }

  private static func boundPort(of raw: CInt, _ address: VNCAddress) throws(VNCServerError) -> UInt16 {
    var storage = sockaddr_storage()
    var count = socklen_t(MemoryLayout<sockaddr_storage>.size)
    // The system writes at most the storage's size; both structures have the port in bytes 2 and 3, high byte first.
    let result = unsafe withUnsafeMutableBytes(of: &storage) { bytes in
      unsafe getsockname(raw, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), &count)
    }
    guard result == 0 else { throw .system(call: "getsockname", address: address, errno: errno) }
    return unsafe withUnsafeBytes(of: storage) { unsafe UInt16($0[2]) << 8 | UInt16($0[3]) }
  }

  // MARK: Unix sockets

  private static func listen(atPath path: String) throws(VNCServerError) -> Descriptor {
    let address = VNCAddress.unix(path: path)
    try removeStaleFile(path)
    let descriptor = try unixSocket(address)
    let raw = descriptor.raw
    let result = unsafe withAddress(of: path) { address, count in unsafe bind(raw, address, count) }
    guard let result else { throw .badPath(path) }
    guard result == 0 else {
      throw errno == EADDRINUSE ? .inUse(address) : .system(call: "bind", address: address, errno: errno)
    }
    // Nobody can connect before `listen`, so the mode is in force before the first viewer.
    guard unsafe chmod(path, S_IRUSR | S_IWUSR) == 0, Glibc.listen(raw, 64) == 0 else {
      let code = errno
      unsafe unlink(path)
      throw .system(call: "listen", address: address, errno: code)
    }
    return descriptor
  }

  /// Removes the file that an ended server left behind, and nothing else.
  private static func removeStaleFile(_ path: String) throws(VNCServerError) {
    guard let file = status(path) else { return }
    guard file.st_mode & S_IFMT == S_IFSOCK else { throw .notASocket(path: path) }
    let address = VNCAddress.unix(path: path)
    let raw = try unixSocket(address)
    let result = unsafe withAddress(of: path) { unsafe connect(raw.raw, $0, $1) }
    guard let result else { throw .badPath(path) }
    guard result != 0, errno == ECONNREFUSED || errno == ENOENT else { throw .inUse(address) }
    guard unsafe unlink(path) == 0 || errno == ENOENT else {
      throw .system(call: "unlink", address: address, errno: errno)
    }
  }

  private static func unixSocket(_ address: VNCAddress) throws(VNCServerError) -> Descriptor {
    let raw = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
    guard raw >= 0 else { throw .system(call: "socket", address: address, errno: errno) }
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

  private static func status(_ path: String) -> stat? {
    var file = stat()
    // The path is a string of ours, the structure a local variable.
    return unsafe lstat(path, &file) == 0 ? file : nil
  }
}
