import CHost
import Glibc

/// Memory of a guest that is mapped into this process: a piece of a file, which the value unmaps when it is destroyed, or a
/// mapping that was lent by whoever owns it.
@safe
public struct MappedRegion: ~Copyable, @unchecked Sendable {
  // Sendable: one owner, and the address is only a number until somebody holds a `GuestAccess`.
  package let base: UnsafeMutableRawPointer
  /// Bytes.
  public let count: Int
  /// Whether the device may write to it.
  public let isWritable: Bool
  private let guardSlot: CInt
  /// Whether somebody else unmaps it.
  private let isBorrowed: Bool

  /// Maps `count` bytes of a file from `offset`.
  ///
  /// The descriptor stays the caller's and may be closed as soon as this returns. A file that is not sealed against
  /// shrinking is registered with the bus fault guard (`BusFaultGuard`), if that was installed.
  ///
  /// - Parameters:
  ///   - fileDescriptor: a regular file or a memfd, open for reading, and for writing if `writable`.
  ///   - offset: bytes; a multiple of the host's page size.
  ///   - count: bytes; more than 0, and not beyond the file's present size.
  /// - Throws: `HostError`: EINVAL for what is no file or lies beyond its end, or what `mmap` says.
  public init(fileDescriptor: CInt, offset: UInt64, count: UInt64, writable: Bool) throws(HostError) {
    let size = chost_file_size(fileDescriptor)
    guard size >= 0 else { throw HostError(operation: "fstat", errno: CInt(truncatingIfNeeded: -size)) }
    let (end, wraps) = offset.addingReportingOverflow(count)
    guard count > 0, !wraps, end <= UInt64(size), let length = Int(exactly: count),
      let start = Int(exactly: offset)
    else { throw HostError(operation: "map beyond the file's end", errno: EINVAL) }
    // A new mapping at a place of the kernel's choice: nothing that exists is touched.
    let address = unsafe mmap(
      nil, length, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fileDescriptor, start)
    guard let address = unsafe address, unsafe address != MAP_FAILED else {
      throw HostError(operation: "mmap", errno: Glibc.errno)
    }
    var slot: CInt = -1
    if !chost_is_sealed_against_shrinking(fileDescriptor) {
      // The range was mapped above and stays so until deinit gives the slot back.
      slot = unsafe chost_guard_range(address, length, chost_page_size(fileDescriptor))
      guard slot >= 0 || !chost_has_bus_fault_guard() else {
        _ = unsafe munmap(address, length)  // mapped above, and nobody knows of it
        throw HostError(operation: "guard a file that may shrink", errno: ENOSPC)
      }
    }
    unsafe base = address
    self.count = length
    isWritable = writable
    guardSlot = slot
    isBorrowed = false
  }

  /// Takes memory that the caller has mapped, as a VMM has its guest's, and leaves it mapped.
  ///
  /// It has to stay mapped, readable, and writable if `writable`, until `GuestMemory.remove` of the region has returned, or
  /// else until the `GuestMemory` and every device on it are gone. The bus fault guard knows nothing of it: if it is of a
  /// file, the file must not shrink.
  ///
  /// - Parameters:
  ///   - start: a multiple of 4096.
  ///   - count: bytes; more than 0.
  /// - Throws: `HostError` with EINVAL for another start or count.
  @unsafe
  public init(borrowing start: UnsafeMutableRawPointer, count: Int, writable: Bool) throws(HostError) {
    guard UInt(bitPattern: start) % 4096 == 0, count > 0 else {
      throw HostError(operation: "borrow a mapping", errno: EINVAL)
    }
    unsafe base = start
    self.count = count
    isWritable = writable
    guardSlot = -1
    isBorrowed = true
  }

  deinit {
    guard !isBorrowed else { return }
    chost_unguard_range(guardSlot)
    // Mapped by init with this length; readers hold a gate that keeps the owner alive.
    _ = unsafe munmap(base, count)
  }
}

/// Keeps a file that shrinks under its mapping from killing the process.
public enum BusFaultGuard {
  /// Installs the process-wide SIGBUS handler; every later `MappedRegion` of an unsealed file is covered.
  ///
  /// Opt-in, since a signal handler belongs to the program and not to a library. It acts only inside mapped regions
  /// and passes every other SIGBUS to the handler that was there before. A lost page reads as zeros from then on.
  ///
  /// - Throws: `HostError` when the system refuses the handler.
  public static func install() throws(HostError) {
    let result = chost_install_bus_fault_guard()
    guard result == 0 else { throw HostError(operation: "sigaction", errno: -result) }
  }

  /// Pages replaced since the program started.
  public static var replacedPages: UInt64 { chost_bus_faults() }
}
