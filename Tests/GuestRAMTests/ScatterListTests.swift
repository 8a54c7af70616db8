import Testing

@testable import GuestRAM

@Suite struct ScatterListTests {
  /// The byte of a test file at a place: every page differs, and so do neighbours.
  static func byte(_ place: Int) -> UInt8 { UInt8(truncatingIfNeeded: place &* 7 ^ place >> 8 &* 13) }

  private static func range(_ start: Int, _ count: Int) -> GuestRange {
    GuestRange(start: GuestAddress(UInt64(start)), count: UInt64(count))!
  }

  private static func list(_ ranges: [GuestRange], _ memory: GuestMemory) throws(GuestFault) -> ScatterList {
    try memory.withAccess { (access) throws(GuestFault) in try ScatterList(ranges, in: access) }
  }

  private static func copy(
    _ list: inout ScatterList, _ rows: RowCopy, size: Int, _ memory: GuestMemory
  ) throws(GuestFault) -> [UInt8] {
    var out = [UInt8](repeating: 0, count: size)
    try memory.withAccess { (access) throws(GuestFault) in
      var span = out.mutableSpan
      var bytes = unsafe span.mutableBytes
      try list.copyRows(rows, into: &bytes, in: access)
    }
    return out
  }

  @Test("neighbouring pages become one run, a gap or another region does not")
  func merging() throws {
    let file = TestFile(pages: 8)
    let memory = try GuestMemory(file)
    let pages = (0..<8).map { Self.range($0 * 4096, 4096) }
    #expect(try Self.list(pages, memory).extentCount == 1)
    #expect(try Self.list(pages.reversed(), memory).extentCount == 8)
    #expect(try Self.list([pages[0], pages[2], pages[3]], memory).extentCount == 2)
    #expect(try Self.list([pages[0], Self.range(4096, 0), pages[1]], memory).extentCount == 1)
    #expect(try Self.list([], memory).byteCount == 0)
  }

  @Test("a list is of use while the regions that it lies in are there, whatever becomes of others")
  func removedRegion() throws {
    let file = TestFile(pages: 2)
    let memory = GuestMemory()
    for page in 0..<2 {
      try memory.add(try file.region(page: page, pages: 1), at: GuestAddress(UInt64(page) * 4096))
    }
    var list = try Self.list([Self.range(0, 4096)], memory)
    try memory.remove(Self.range(4096, 4096))
    #expect(memory.withAccess { list.isUsable(in: $0) })
    try memory.remove(Self.range(0, 4096))
    #expect(!memory.withAccess { list.isUsable(in: $0) })
    let row = RowCopy(
      sourceOffset: 0, sourceStride: 4, destinationOffset: 0, destinationStride: 4, rowBytes: 4, rows: 1)
    #expect(throws: GuestFault.removed) { try Self.copy(&list, row, size: 4, memory) }
    // The same place again is another region: nobody has checked that it is the same memory.
    try memory.add(try file.region(page: 0, pages: 1), at: GuestAddress(0))
    #expect(!memory.withAccess { list.isUsable(in: $0) })
  }

  @Test("a list of too many pieces is given up when the limit is met")
  func tooManyPieces() throws {
    let file = TestFile(pages: 8)
    let memory = GuestMemory()
    for page in 0..<8 {
      try memory.add(try file.region(page: page, pages: 1), at: GuestAddress(UInt64(page) * 4096))
    }
    func extentCount(_ ranges: [GuestRange], limit: Int) throws(GuestFault) -> Int {
      try memory.withAccess { (access) throws(GuestFault) in
        try ScatterList(ranges, extentLimit: limit, in: access).extentCount
      }
    }
    let all = Self.range(0, 8 * 4096)
    #expect(try extentCount([all, all], limit: 16) == 16)
    #expect(throws: GuestFault.tooManyPieces) { try extentCount([all, all], limit: 15) }
    // What is not mapped behind them is never looked at.
    let hole = Self.range(1 << 30, 1)
    #expect(throws: GuestFault.tooManyPieces) { try extentCount([all, all, hole], limit: 15) }
  }

  @Test("pages that together have more bytes than 64 bits count are refused")
  func tooManyBytes() throws {
    let memory = GuestMemory()
    // More than any host maps, so the region is not what it says; nothing of it is touched.
    let huge = try #require(GuestRange(start: GuestAddress(0), count: 1 << 62))
    let owner = GuestAccess.Owner(try TestFile(pages: 1).region())
    try memory.gate.withWriting { (map: inout GuestAccess) throws(GuestMemoryError) in
      try map.insert(GuestAccess.Region(range: huge, owner: owner))
    }
    #expect(try Self.list([huge, huge, huge], memory).byteCount == 3 << 62)
    #expect(throws: GuestFault.outOfBounds) { try Self.list([huge, huge, huge, huge], memory) }
  }

  @Test("rows come out as from a flat picture, whatever the order of the pages", arguments: 0..<40)
  func againstFlat(seed: Int) throws {
    var random = SplitMix(state: UInt64(seed) &* 977 &+ 5)
    let file = TestFile(pages: 32)
    file.fill(Self.byte)
    let memory = GuestMemory()
    // Two regions, so that ranges cross from one into the other.
    try memory.add(try file.region(page: 0, pages: 12), at: GuestAddress(0))
    try memory.add(try file.region(page: 12), at: GuestAddress(12 * 4096))
    var ranges: [GuestRange] = []
    var flat: [UInt8] = []
    for _ in 0..<random.below(30) + 1 {
      let start = random.below(32 * 4096 - 1)
      let count = random.below(min(9000, 32 * 4096 - start)) + 1
      ranges.append(Self.range(start, count))
      flat += (start..<start + count).map(Self.byte)
    }
    var list = try Self.list(ranges, memory)
    #expect(list.byteCount == UInt64(flat.count))
    for _ in 0..<20 {
      let rowBytes = random.below(min(flat.count, 3000)) + 1
      let stride = random.below(2) == 0 ? rowBytes : rowBytes + random.below(500)
      let mostRows = (flat.count - rowBytes) / stride + 1
      let rows = random.below(mostRows) + 1
      let offset = random.below(flat.count - (rows - 1) * stride - rowBytes + 1)
      let to = random.below(2) == 0 ? rowBytes : rowBytes + 16
      let copy = RowCopy(
        sourceOffset: UInt64(offset), sourceStride: stride, destinationOffset: 32, destinationStride: to,
        rowBytes: rowBytes, rows: rows)
      let out = try Self.copy(&list, copy, size: 32 + to * rows, memory)
      var expected = [UInt8](repeating: 0, count: out.count)
      for row in 0..<rows {
        for x in 0..<rowBytes { expected[32 + row * to + x] = flat[offset + row * stride + x] }
      }
      #expect(out == expected)
    }
  }

  @Test("rows beyond the pages or beyond the destination are refused, sums that overflow too")
  func bounds() throws {
    let memory = try GuestMemory(TestFile(pages: 2))
    var list = try Self.list([Self.range(0, 8192)], memory)
    func copy(_ offset: UInt64, stride: Int, rowBytes: Int, rows: Int, to: Int = 0, size: Int = 8192) throws {
      _ = try Self.copy(
        &list,
        RowCopy(
          sourceOffset: offset, sourceStride: stride, destinationOffset: to, destinationStride: rowBytes,
          rowBytes: rowBytes, rows: rows), size: size, memory)
    }
    try copy(0, stride: 64, rowBytes: 64, rows: 128)
    try copy(8191, stride: 64, rowBytes: 1, rows: 1)
    try copy(.max, stride: 64, rowBytes: 0, rows: 5)
    #expect(throws: GuestFault.outOfBounds) { try copy(1, stride: 64, rowBytes: 64, rows: 128) }
    #expect(throws: GuestFault.outOfBounds) { try copy(.max, stride: 64, rowBytes: 64, rows: 1) }
    #expect(throws: GuestFault.outOfBounds) { try copy(0, stride: .max, rowBytes: 64, rows: 3) }
    #expect(throws: GuestFault.outOfBounds) { try copy(8192, stride: 1, rowBytes: 1, rows: 1) }
    #expect(throws: GuestFault.outOfBounds) {
      try copy(0, stride: 64, rowBytes: 64, rows: 2, to: 1, size: 128)
    }
    #expect(throws: GuestFault.outOfBounds) { try copy(0, stride: 64, rowBytes: 64, rows: 1, size: 63) }
  }

  @Test("a list is unusable once a region it lies in is removed, even if the same memory comes back")
  func removal() throws {
    let file = TestFile(pages: 4)
    let memory = GuestMemory()
    try memory.add(try file.region(page: 0, pages: 2), at: GuestAddress(0))
    try memory.add(try file.region(page: 2, pages: 2), at: GuestAddress(0x10000))
    var list = try Self.list([Self.range(0, 4096)], memory)
    let row = RowCopy(
      sourceOffset: 0, sourceStride: 16, destinationOffset: 0, destinationStride: 16, rowBytes: 16, rows: 1)
    // Another region may come and go.
    try memory.remove(Self.range(0x10000, 0x2000))
    _ = try Self.copy(&list, row, size: 16, memory)
    try memory.remove(Self.range(0, 0x2000))
    try memory.add(try file.region(page: 0, pages: 2), at: GuestAddress(0))
    #expect(throws: GuestFault.removed) { try Self.copy(&list, row, size: 16, memory) }
    #expect(throws: GuestFault.unmapped(GuestAddress(0x10000))) {
      try Self.list([Self.range(0x10000, 1)], memory)
    }
  }
}

/// A small generator, so that a failing seed can be run again.
struct SplitMix {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return z ^ z >> 31
  }
  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}
