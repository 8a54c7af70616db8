import HostThreads

/// The memory of one guest: regions of mapped files at guest addresses, added and removed while the device runs.
///
/// Any thread may call, but not from inside a call of a device (an interrupt sink, a front-end that is told of a change, the
/// log): that thread may be using the memory, so changing the map there ends the process and says so. Readers (the device's thread) hold a `GuestAccess` while they touch memory; changing the map
/// waits until no access is held, so when `remove` has returned nothing can touch the range any more.
public final class GuestMemory: Sendable {
  @usableFromInline let gate = Gate(GuestAccess())

  /// An empty map.
  public init() {}

  /// Makes a mapped region appear at guest addresses.
  ///
  /// - Throws: `.unaligned`, `.wraps` or `.overlap`; the region is then unmapped and the map is as before.
  public func add(_ region: consuming MappedRegion, at address: GuestAddress) throws(GuestMemoryError) {
    guard let range = GuestRange(start: address, count: UInt64(region.count)) else { throw .wraps }
    guard address.value % 4096 == 0, range.count % 4096 == 0 else { throw .unaligned }
    let added = GuestAccess.Region(range: range, owner: GuestAccess.Owner(region))
    try gate.withWriting { (map: inout GuestAccess) throws(GuestMemoryError) in try map.insert(added) }
  }

  /// Removes every region inside `range`, and returns when no copy can touch them any more.
  ///
  /// - Throws: `.notFound` when no region is inside, `.partial` when one lies across an end; nothing is removed then.
  public func remove(_ range: GuestRange) throws(GuestMemoryError) {
    try gate.withWriting { (map: inout GuestAccess) throws(GuestMemoryError) in try map.remove(range) }
  }

  /// Removes everything, and returns when no copy can touch it any more.
  public func removeAll() {
    gate.withWriting { map in map.removeAll() }
  }

  /// The regions' ranges, by address.
  public var ranges: [GuestRange] { gate.withReading { $0.regions.map(\.range) } }

  /// Lends the map to `body`; it stands still until `body` returns, so be short: one command.
  @inlinable
  package func withAccess<Result: ~Copyable, Failure: Error>(
    _ body: (borrowing GuestAccess) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try gate.withReading(body)
  }
}
