/// A guest named memory that it cannot have. Small and without text: a guest can cause it at any rate.
public enum GuestFault: Error, Equatable, Sendable {
  /// No memory, or not all of it, at this address.
  case unmapped(GuestAddress)
  /// Memory that the device may not write.
  case readOnly(GuestAddress)
  /// A region that was in use has been removed since.
  case removed
  /// More bytes than the memory named before has.
  case outOfBounds
  /// The memory named lies in more pieces than there is room to keep.
  case tooManyPieces
}

/// The map of guest memory cannot be changed as asked.
public enum GuestMemoryError: Error, Equatable, Sendable {
  /// Start and size are multiples of 4096, and the size is not 0.
  case unaligned
  /// Another region has some of these addresses already.
  case overlap
  /// No region is exactly there, or inside the range that was to be cleared.
  case notFound
  /// A region lies partly inside and partly outside.
  case partial
  /// The range wraps around the end of the address space.
  case wraps
}

/// The host's system refused something; `errno` says why.
public struct HostError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The system call, or what was being done.
  public let operation: String
  /// The system's error number.
  public let errno: Int32

  /// An error of the host.
  public init(operation: String, errno: Int32) {
    self.operation = operation
    self.errno = errno
  }

  /// For example `mmap: errno 12`.
  public var description: String { "\(operation): errno \(errno)" }
}
