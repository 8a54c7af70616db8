import CHost
import Glibc

@testable import GuestRAM

/// A memfd for a test, closed when it goes.
final class TestFile: Sendable {
  let descriptor: CInt
  let size: Int

  init(pages: Int, isSealed: Bool = true) {
    size = pages * 4096
    descriptor = unsafe chost_memfd("test", UInt64(size), isSealed)
    precondition(descriptor >= 0)
  }

  deinit { close(descriptor) }

  func region(page: Int = 0, pages: Int? = nil, writable: Bool = true) throws(HostError) -> MappedRegion {
    let count = pages.map { $0 * 4096 } ?? size - page * 4096
    return try MappedRegion(
      fileDescriptor: descriptor, offset: UInt64(page) * 4096, count: UInt64(count), writable: writable)
  }

  /// Fills the file with bytes that tell their place.
  func fill(_ byte: (Int) -> UInt8) {
    var bytes = (0..<size).map(byte)
    let written = unsafe pwrite(descriptor, &bytes, size, 0)
    precondition(written == size)
  }
}

extension GuestMemory {
  /// A map with one region from `address`.
  convenience init(_ file: TestFile, at address: UInt64 = 0, writable: Bool = true) throws {
    self.init()
    try add(try file.region(writable: writable), at: GuestAddress(address))
  }

  func pieces(_ start: UInt64, _ count: UInt64, writable: Bool = false) throws(GuestFault) -> [Int] {
    var pieces: [GuestSlice] = []
    guard let range = GuestRange(start: GuestAddress(start), count: count) else { throw .outOfBounds }
    try withAccess { (access) throws(GuestFault) in
      try access.translate(range, writable: writable, into: &pieces)
    }
    return pieces.map(\.count)
  }
}
