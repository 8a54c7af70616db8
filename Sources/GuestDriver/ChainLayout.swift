/// How one request and the room for its answer are cut into descriptors (virtio 1.4 §2.7.4: the
/// framing is independent of the contents).
package struct ChainLayout: Hashable, Sendable {
  /// How a run of bytes is cut.
  package enum Cut: Hashable, Sendable {
    case whole
    /// So many pieces of about the same size.
    case pieces(Int)
    /// Every piece of so many bytes, the last one shorter.
    case every(Int)
    /// Pieces of these sizes, the rest in one more. A size of 0 makes an empty descriptor.
    case sizes([Int])
  }

  /// What goes through an indirect table (§2.7.5.3).
  package enum Indirection: Hashable, Sendable {
    case none
    /// All descriptors in one table.
    case all
    /// So many chained descriptors first, then one INDIRECT descriptor with the rest.
    case after(Int)
  }

  package var request: Cut = .whole
  package var response: Cut = .whole
  package var indirection: Indirection = .none
  /// Sets WRITE on the INDIRECT descriptor too, which the device must ignore (§2.7.5.3.2).
  package var marksIndirectWritable = false
  /// Offset from a 16-byte boundary of each buffer, in bytes.
  package var skew = 0
  /// Keeps every piece apart from its neighbours in memory.
  package var scatters = false
  /// Lays indirect tables out as a packed ring has them (§2.8.7).
  package var isPacked = false

  package init(
    request: Cut = .whole, response: Cut = .whole, indirection: Indirection = .none, skew: Int = 0
  ) {
    self.request = request
    self.response = response
    self.indirection = indirection
    self.skew = skew
  }

  /// The sizes of the pieces of `count` bytes.
  package static func sizes(of count: Int, _ cut: Cut) -> [Int] {
    guard count > 0 else { return [] }
    switch cut {
    case .whole:
      return [count]
    case .pieces(let wanted):
      let pieces = max(1, min(wanted, count))
      return (0..<pieces).map { count * ($0 + 1) / pieces - count * $0 / pieces }
    case .every(let step):
      let step = max(1, step)
      return stride(from: 0, to: count, by: step).map { min(step, count - $0) }
    case .sizes(let wanted):
      var sizes: [Int] = [], rest = count
      for size in wanted {
        sizes.append(min(size, rest))
        rest -= min(size, rest)
      }
      return rest > 0 ? sizes + [rest] : sizes
    }
  }
}

/// A request laid out in guest memory, ready for a ring.
package struct LaidOutChain: Sendable {
  package var descriptors: [RingDescriptor]
  /// Where the request's bytes are, in order.
  package var requestExtents: [GuestExtent]
  /// Where the answer's bytes will be, in order.
  package var responseExtents: [GuestExtent]
  /// Where the indirect table is, if there is one.
  package var indirectTable: GuestExtent?
}

extension GuestRAMImage {
  /// Writes a request into newly allocated memory, makes room for the answer filled with 0xa5, and
  /// describes both.
  package func layOut(
    request: [UInt8], responseRoom: Int, _ layout: ChainLayout = ChainLayout()
  ) throws -> LaidOutChain {
    let requestExtents = try place(request.count, layout.request, layout)
    var done = 0
    for extent in requestExtents {
      write(Array(request[done..<done + extent.count]), at: extent.address)
      done += extent.count
    }
    let responseExtents = try place(responseRoom, layout.response, layout)
    for extent in responseExtents { fill(extent.address, count: extent.count, with: 0xa5) }
    return try describe(request: requestExtents, response: responseExtents, layout)
  }

  /// Describes buffers that are in guest memory already.
  package func describe(
    request: [GuestExtent], response: [GuestExtent], _ layout: ChainLayout = ChainLayout()
  ) throws -> LaidOutChain {
    let descriptors =
      request.map { RingDescriptor(address: $0.address, length: UInt32($0.count)) }
      + response.map {
        RingDescriptor(address: $0.address, length: UInt32($0.count), flags: RingDescriptor.write)
      }
    var chain = LaidOutChain(descriptors: descriptors, requestExtents: request, responseExtents: response)
    let direct: Int
    switch layout.indirection {
    case .none: return chain
    case .all: direct = 0
    case .after(let count): direct = min(count, descriptors.count - 1)
    }
    let table = try indirectTable(
      Array(descriptors[direct...]), skew: layout.skew, isPacked: layout.isPacked)
    chain.indirectTable = table
    chain.descriptors = Array(descriptors[..<direct])
    chain.descriptors.append(
      RingDescriptor(
        address: table.address, length: UInt32(table.count),
        flags: RingDescriptor.indirect | (layout.marksIndirectWritable ? RingDescriptor.write : 0)))
    return chain
  }

  /// Writes a table of descriptors: linked one after the other, or for a packed ring as they follow each other.
  package func indirectTable(
    _ descriptors: [RingDescriptor], skew: Int = 0, isPacked: Bool = false
  ) throws -> GuestExtent {
    let count = descriptors.count * RingDescriptor.size
    let address = try allocate(count, alignment: 16, skew: skew)
    for (index, entry) in descriptors.enumerated() {
      guard !isPacked else {
        let packed = PackedDescriptor(address: entry.address, length: entry.length, flags: entry.flags)
        write(packed.encoded, at: address + UInt64(index * PackedDescriptor.size))
        continue
      }
      var linked = entry
      if index + 1 < descriptors.count {
        linked.flags |= RingDescriptor.next
        linked.nextIndex = UInt16(truncatingIfNeeded: index + 1)
      }
      write(linked.encoded, at: address + UInt64(index * RingDescriptor.size))
    }
    return GuestExtent(address: address, count: count)
  }

  private func place(_ count: Int, _ cut: ChainLayout.Cut, _ layout: ChainLayout) throws -> [GuestExtent] {
    let sizes = ChainLayout.sizes(of: count, cut)
    if layout.scatters {
      return try sizes.map {
        GuestExtent(address: try allocate(max($0, 1), alignment: 64, skew: layout.skew), count: $0)
      }
    }
    var at = try allocate(max(count, 1), alignment: 16, skew: layout.skew)
    return sizes.map { size in
      defer { at += UInt64(size) }
      return GuestExtent(address: at, count: size)
    }
  }
}
