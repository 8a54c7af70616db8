import Glibc

/// Zeroed memory of the device's own, by whole pages: pixels of resources and finished surfaces.
@safe
package struct PageMemory: ~Copyable, @unchecked Sendable {
  // Sendable: one owner, and spans borrow it.
  private let base: UnsafeMutableRawPointer
  /// Bytes.
  package let byteCount: Int

  /// `byteCount` bytes of zeros, or nil when the system has none left. Pages cost nothing until they are touched.
  package init?(byteCount: Int) {
    guard byteCount > 0 else { return nil }
    // A new anonymous mapping: nothing that exists is touched.
    let address = unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let address = unsafe address, unsafe address != MAP_FAILED else { return nil }
    // Fewer page faults on large pictures; the system may say no.
    if byteCount >= 4 << 20 { _ = unsafe madvise(address, byteCount, 14 /* MADV_HUGEPAGE */) }
    unsafe base = address
    self.byteCount = byteCount
  }

  deinit { _ = unsafe munmap(base, byteCount) }  // mapped by init with this length

  /// All bytes, for reading.
  package var bytes: RawSpan {
    @_lifetime(borrow self) get {
      // The mapping lives until deinit, and the span cannot outlive the borrow.
      let span = unsafe RawSpan(_unsafeStart: base, byteCount: byteCount)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// All bytes, for writing.
  package var mutableBytes: MutableRawSpan {
    @_lifetime(&self) mutating get {
      // As above; the inout access makes it exclusive.
      let span = unsafe MutableRawSpan(_unsafeStart: base, byteCount: byteCount)
      return unsafe _overrideLifetime(span, mutating: &self)
    }
  }
}
