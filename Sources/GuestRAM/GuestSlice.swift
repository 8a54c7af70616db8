import Atomics
import Glibc

/// A checked piece of guest memory, one run of host addresses.
///
/// It can be kept, but touched only with a `GuestAccess` of the same generation: once the map has changed it is
/// stale, and touching it is a broken promise inside the package, which traps.
@safe @usableFromInline
package struct GuestSlice {
  @usableFromInline let base: UnsafeMutableRawPointer
  /// Bytes.
  @usableFromInline package let count: Int
  @usableFromInline let generation: UInt64
  let regionID: UInt64

  @unsafe
  init(base: UnsafeMutableRawPointer, count: Int, generation: UInt64, regionID: UInt64) {
    unsafe self.base = base
    self.count = count
    self.generation = generation
    self.regionID = regionID
  }

  /// Every touch comes through here: the map is the one that was checked, and the bytes are inside.
  @inlinable
  func address(of offset: Int, count: Int, in access: borrowing GuestAccess) -> UnsafeMutableRawPointer {
    precondition(generation == access.generation, "the map of guest memory has changed")
    precondition(offset >= 0 && count >= 0 && offset <= self.count - count, "outside the checked piece")
    return unsafe base + offset
  }

  /// Copies a value out, byte by byte as far as the guest is concerned: it may be half old and half new.
  @inlinable
  package func load<Value: BitwiseCopyable>(
    _ type: Value.Type, at offset: Int, in access: borrowing GuestAccess
  ) -> Value {
    unsafe address(of: offset, count: MemoryLayout<Value>.size, in: access).loadUnaligned(as: type)
  }

  /// Copies a value in.
  @inlinable
  package func store<Value: BitwiseCopyable>(_ value: Value, at offset: Int, in access: borrowing GuestAccess)
  {
    unsafe address(of: offset, count: MemoryLayout<Value>.size, in: access).storeBytes(
      of: value, as: Value.self)
  }

  /// Copies bytes out of guest memory; `destination` takes as many as it holds.
  package func copyOut(
    from offset: Int, into destination: inout MutableRawSpan, in access: borrowing GuestAccess
  ) {
    let source = unsafe address(of: offset, count: destination.byteCount, in: access)
    // Both sides have byteCount bytes, and guest memory never overlaps the device's own.
    unsafe destination.withUnsafeMutableBytes { to in
      if let start = to.baseAddress { unsafe memcpy(start, source, to.count) }
    }
  }

  /// Copies bytes into guest memory.
  package func copyIn(_ source: RawSpan, at offset: Int, in access: borrowing GuestAccess) {
    let destination = unsafe address(of: offset, count: source.byteCount, in: access)
    // Both sides have byteCount bytes, and guest memory never overlaps the device's own.
    unsafe source.withUnsafeBytes { from in
      if let start = from.baseAddress { unsafe memcpy(destination, start, from.count) }
    }
  }
}
