import CScanout
import ScanoutDevice

/// `scanout_guard_memory`; see `scanout.h`, as for every function here.
@c @implementation
public func scanout_guard_memory() -> CInt {
  result { () throws(Refusal) in try refusing { () throws(HostError) in try BusFaultGuard.install() } }
}

/// `scanout_memory_create`
@c @implementation
public func scanout_memory_create(_ memory: UnsafeMutablePointer<OpaquePointer?>?) -> CInt {
  result { () throws(Refusal) in try unsafe HandleTarget(memory).give(GuestMemory()) }
}

/// `scanout_memory_destroy`
@c @implementation
public func scanout_memory_destroy(_ memory: OpaquePointer?) { _ = unsafe takeBack(memory, GuestMemory.self) }

/// `scanout_memory_add_file`
@c @implementation
public func scanout_memory_add_file(
  _ memory: OpaquePointer?, _ address: UInt64, _ descriptor: CInt, _ offset: UInt64, _ size: UInt64,
  _ flags: UInt32
) -> CInt {
  result { () throws(Refusal) in
    let memory = try unsafe object(memory, GuestMemory.self)
    try check(flags: flags, known: SCANOUT_MEMORY_WRITABLE)
    let region = try refusing { () throws(HostError) in
      try MappedRegion(
        fileDescriptor: descriptor, offset: offset, count: size,
        writable: flags.has(SCANOUT_MEMORY_WRITABLE))
    }
    try add(region, to: memory, at: address)
  }
}

/// `scanout_memory_add_mapping`
@c @implementation
public func scanout_memory_add_mapping(
  _ memory: OpaquePointer?, _ address: UInt64, _ bytes: UnsafeMutableRawPointer?, _ size: UInt64,
  _ flags: UInt32
) -> CInt {
  result { () throws(Refusal) in
    let memory = try unsafe object(memory, GuestMemory.self)
    try check(flags: flags, known: SCANOUT_MEMORY_WRITABLE)
    guard let bytes = unsafe bytes, let count = Int(exactly: size) else { throw .invalid }
    let region = try refusing { () throws(HostError) in
      // The header has the mapping outlive the region.
      try unsafe MappedRegion(
        borrowing: bytes, count: count, writable: flags.has(SCANOUT_MEMORY_WRITABLE))
    }
    try add(region, to: memory, at: address)
  }
}

private func add(
  _ region: consuming MappedRegion, to memory: GuestMemory, at address: UInt64
) throws(Refusal) {
  do throws(GuestMemoryError) { try memory.add(region, at: GuestAddress(address)) } catch {
    throw Refusal(error)
  }
}

/// `scanout_memory_remove`
@c @implementation
public func scanout_memory_remove(_ memory: OpaquePointer?, _ address: UInt64, _ size: UInt64) -> CInt {
  result { () throws(Refusal) in
    let memory = try unsafe object(memory, GuestMemory.self)
    guard let range = GuestRange(start: GuestAddress(address), count: size) else { throw .invalid }
    do throws(GuestMemoryError) { try memory.remove(range) } catch { throw Refusal(error) }
  }
}
