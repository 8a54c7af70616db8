import GuestRAM

/// A private copy of the indirect table in hand (virtio 1.4 §2.7.5.3, §2.8.7); its memory is used again.
struct IndirectTable {
  /// How entries lie in guest memory.
  enum Format {
    case split
    case packed
  }

  private(set) var entries: [Descriptor] = []
  private let format: Format
  private var pieces: [GuestSlice] = []

  /// The longest table that is followed.
  ///
  /// A chain should not be longer than the queue (§2.7.5.3.1, §2.8.17), but Linux makes longer tables on short queues,
  /// and other devices take up to 1024 entries, so this one does.
  static let longest = 1024

  init(_ format: Format) {
    self.format = format
    // Room for what a driver usually sends, so that the steady state allocates nothing.
    entries.reserveCapacity(64)
    pieces.reserveCapacity(4)
  }

  /// Copies the table that a descriptor names; it may cross regions, but then not within an entry.
  mutating func copy(_ indirect: Descriptor, in access: borrowing GuestAccess) throws(RingFault) {
    let count = Int(indirect.length) / Descriptor.size
    guard count > 0, Int(indirect.length) % Descriptor.size == 0 else { throw .indirect }
    guard count <= Self.longest else { throw .chainTooLong }
    let start = GuestAddress(indirect.address)
    guard let range = GuestRange(start: start, count: UInt64(indirect.length)) else {
      throw .buffer(.unmapped(start))
    }
    pieces.removeAll(keepingCapacity: true)
    do {
      try access.translate(range, writable: false, into: &pieces)
    } catch {
      throw .buffer(error)
    }
    entries.removeAll(keepingCapacity: true)
    for piece in pieces {
      // Regions are multiples of 4096 bytes; a table that does not start at a multiple of 16 could still be cut
      // within a descriptor at a region's end. No driver does that.
      guard piece.count % Descriptor.size == 0 else { throw .indirect }
      for offset in stride(from: 0, to: piece.count, by: Descriptor.size) {
        entries.append(entry(piece, at: offset, in: access))
      }
    }
  }

  private func entry(_ piece: GuestSlice, at offset: Int, in access: borrowing GuestAccess) -> Descriptor {
    switch format {
    case .split:
      return Descriptor(split: piece, at: offset, in: access)
    case .packed:
      let flags = UInt16(littleEndian: piece.load(UInt16.self, at: offset + 14, in: access))
      return Descriptor(packed: piece, at: offset, flags: flags, in: access)
    }
  }
}
