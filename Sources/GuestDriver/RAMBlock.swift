import CGuestDriver
import Glibc

/// A block of guest memory: a memory file, mapped shared, at a guest-physical address.
///
/// The device gets the descriptor (or its own mapping of it), the simulator reads and writes here.
/// This file is where the simulator's raw memory is: every access below checks its range first.
/// Several threads may use one block, as processors use memory: what they race for is theirs to order.
@safe
package final class RAMBlock: @unchecked Sendable {
  /// The guest-physical address of the first byte.
  package let base: UInt64
  /// In bytes; a multiple of the page size.
  package let size: Int
  /// Where in the memory file the first byte is; a multiple of the page size.
  package let fileOffset: Int
  /// The memory file, owned by this object.
  package let descriptor: Int32
  private let start: UnsafeMutableRawPointer

  /// Makes a block of zeroes. `canShrink` leaves the file without the seal that forbids shrinking.
  package convenience init(base: UInt64, size: Int, canShrink: Bool = false) throws {
    precondition(size > 0 && size % 4096 == 0, "a block is made of pages")
    let descriptor = guest_driver_memfd(size, canShrink ? 0 : 1)
    guard descriptor >= 0 else { throw DriverError.host(call: "memfd_create", errno: -descriptor) }
    do {
      try self.init(base: base, size: size, owning: descriptor, at: 0)
    } catch {
      close(descriptor)
      throw error
    }
  }

  private init(base: UInt64, size: Int, owning descriptor: Int32, at fileOffset: Int) throws {
    // A fresh mapping of a part of the file, which the callers know to be long enough.
    let mapped = unsafe mmap(
      nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, off_t(fileOffset))
    guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else {
      throw DriverError.host(call: "mmap", errno: errno)
    }
    self.base = base
    self.size = size
    self.fileOffset = fileOffset
    self.descriptor = descriptor
    unsafe self.start = mapped
  }

  /// The same memory, mapped once more: what another processor of the guest would work on.
  package func secondView() throws -> RAMBlock { try part(at: base, size: size) }

  /// A piece of this block as a block of its own, over the same memory file.
  package func part(at address: UInt64, size: Int) throws -> RAMBlock {
    let skipped = offset(of: address, count: size)
    precondition(skipped % 4096 == 0 && size > 0 && size % 4096 == 0, "a block is made of pages")
    let copy = dup(descriptor)
    guard copy >= 0 else { throw DriverError.host(call: "dup", errno: errno) }
    do {
      return try RAMBlock(base: address, size: size, owning: copy, at: fileOffset + skipped)
    } catch {
      close(copy)
      throw error
    }
  }

  deinit {
    // Nobody else unmaps this range or closes this descriptor.
    unsafe munmap(start, size)
    close(descriptor)
  }

  /// The guest-physical address after the last byte.
  package var end: UInt64 { base + UInt64(size) }

  /// Whether `count` bytes from a guest-physical address lie inside.
  package func contains(_ address: UInt64, count: Int) -> Bool {
    address >= base && count >= 0 && count <= size && address - base <= UInt64(size - count)
  }

  private func offset(of address: UInt64, count: Int) -> Int {
    precondition(contains(address, count: count), "the simulator itself stays inside its memory")
    return Int(address - base)
  }

  /// Copies bytes into the block.
  package func write(_ bytes: [UInt8], at address: UInt64) {
    let offset = offset(of: address, count: bytes.count)
    // `offset` was checked for all of `bytes`.
    unsafe bytes.withUnsafeBytes { source in
      if let from = source.baseAddress { unsafe memcpy(start + offset, from, source.count) }
    }
  }

  /// Copies bytes out of the block.
  package func read(_ address: UInt64, count: Int) -> [UInt8] {
    let offset = offset(of: address, count: count)
    // `offset` was checked for all of `count`, which is the new array's capacity.
    return unsafe [UInt8](unsafeUninitializedCapacity: count) { target, filled in
      if let to = target.baseAddress { unsafe memcpy(to, start + offset, count) }
      filled = count
    }
  }

  /// Sets `count` bytes to one value.
  package func fill(_ address: UInt64, count: Int, with byte: UInt8) {
    let offset = offset(of: address, count: count)
    // `offset` was checked for all of `count`.
    unsafe memset(start + offset, Int32(byte), count)
  }

  /// Reads a ring index: what it covers is read after it. At an even address.
  package func loadAcquire16(_ address: UInt64) -> UInt16 {
    let offset = offset(of: address, count: 2)
    precondition(offset % 2 == 0, "an ordered access is aligned")
    // In range and aligned, checked above.
    return unsafe UInt16(littleEndian: guest_driver_load16_acquire(start + offset))
  }

  /// Publishes a ring index: what it covers was written before it. At an even address.
  package func storeRelease16(_ address: UInt64, _ value: UInt16) {
    let offset = offset(of: address, count: 2)
    precondition(offset % 2 == 0, "an ordered access is aligned")
    // In range and aligned, checked above.
    unsafe guest_driver_store16_release(start + offset, value.littleEndian)
  }

  /// Orders everything before against everything after, as between publishing an index and looking
  /// whether the device wants a notification (virtio 1.4 §2.7.13.4.1).
  package static func fullFence() { guest_driver_full_fence() }

  /// Cuts the memory file: what lay past `size` is gone, for the device's mapping too.
  package func truncateFile(to size: Int) throws {
    guard ftruncate(descriptor, off_t(size)) == 0 else {
      throw DriverError.host(call: "ftruncate", errno: errno)
    }
  }
}
