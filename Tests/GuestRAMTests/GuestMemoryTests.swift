import CHost
import Glibc
import HostThreads
import Synchronization
import Testing

@testable import GuestRAM

@Suite struct GuestMemoryTests {
  @Test("a range that wraps around the end of the address space is none")
  func wrapping() {
    #expect(GuestRange(start: GuestAddress(.max), count: 1) == nil)
    #expect(GuestRange(start: GuestAddress(.max - 4095), count: 4096) == nil)
    #expect(GuestRange(start: GuestAddress(.max), count: 0) != nil)
    #expect(GuestRange(start: GuestAddress(.max - 4096), count: 4096)?.end == GuestAddress(.max))
  }

  @Test("a range is translated into one piece for each region that it crosses")
  func crossing() throws {
    let file = TestFile(pages: 4)
    let memory = GuestMemory()
    try memory.add(try file.region(page: 0, pages: 1), at: GuestAddress(0x1000))
    try memory.add(try file.region(page: 3, pages: 1), at: GuestAddress(0x2000))
    #expect(try memory.pieces(0x1ff0, 0x20) == [0x10, 0x10])
    #expect(try memory.pieces(0x1000, 0x2000) == [0x1000, 0x1000])
    #expect(try memory.pieces(0x1800, 0) == [])
    #expect(throws: GuestFault.unmapped(GuestAddress(0x3000))) { try memory.pieces(0x2fff, 2) }
    #expect(throws: GuestFault.unmapped(GuestAddress(0xfff))) { try memory.pieces(0xfff, 2) }
  }

  @Test("read-only memory cannot be written")
  func readOnly() throws {
    let memory = try GuestMemory(TestFile(pages: 1), writable: false)
    #expect(try memory.pieces(0, 16) == [16])
    #expect(throws: GuestFault.readOnly(GuestAddress(0))) { try memory.pieces(0, 16, writable: true) }
  }

  @Test("regions that overlap, wrap or are not made of pages are refused, and the map stays as it was")
  func refusals() throws {
    let file = TestFile(pages: 4)
    let memory = GuestMemory()
    try memory.add(try file.region(page: 0, pages: 2), at: GuestAddress(0x2000))
    for address in [0x1000, 0x2000, 0x3000] as [UInt64] {
      #expect(throws: GuestMemoryError.overlap) {
        try memory.add(try file.region(page: 0, pages: 2), at: GuestAddress(address))
      }
    }
    #expect(throws: GuestMemoryError.unaligned) {
      try memory.add(try file.region(), at: GuestAddress(0x8001))
    }
    #expect(throws: GuestMemoryError.wraps) {
      try memory.add(try file.region(), at: GuestAddress(UInt64.max - 0xfff))
    }
    #expect(memory.ranges == [GuestRange(start: GuestAddress(0x2000), count: 0x2000)!])
  }

  @Test("removing takes whole regions only")
  func removing() throws {
    let file = TestFile(pages: 4)
    let memory = GuestMemory()
    for page in 0..<3 {
      try memory.add(try file.region(page: page, pages: 1), at: GuestAddress(UInt64(page) * 0x1000))
    }
    #expect(throws: GuestMemoryError.notFound) {
      try memory.remove(GuestRange(start: GuestAddress(0x9000), count: 0x1000)!)
    }
    #expect(throws: GuestMemoryError.partial) {
      try memory.remove(GuestRange(start: GuestAddress(0x800), count: 0x1800)!)
    }
    try memory.remove(GuestRange(start: GuestAddress(0), count: 0x2000)!)
    #expect(memory.ranges == [GuestRange(start: GuestAddress(0x2000), count: 0x1000)!])
    memory.removeAll()
    #expect(memory.ranges.isEmpty)
  }

  @Test(
    "what cannot be mapped is refused with the system's error",
    arguments: [(0, 2), (1, 1), (0, 0)] as [(UInt64, UInt64)])
  func mapping(offsetInPages: UInt64, pages: UInt64) throws {
    let file = TestFile(pages: 1)
    #expect(throws: HostError.self) {
      _ = try MappedRegion(
        fileDescriptor: file.descriptor, offset: offsetInPages * 4096, count: pages * 4096, writable: true)
    }
  }

  @Test("offsets and sizes that wrap, descriptors that are no files")
  func mappingNonsense() throws {
    let file = TestFile(pages: 1)
    #expect(throws: HostError(operation: "map beyond the file's end", errno: EINVAL)) {
      _ = try MappedRegion(
        fileDescriptor: file.descriptor, offset: .max - 4095, count: 8192, writable: true)
    }
    let directory = unsafe open("/", O_RDONLY)
    defer { close(directory) }
    #expect(throws: HostError(operation: "fstat", errno: EINVAL)) {
      _ = try MappedRegion(fileDescriptor: directory, offset: 0, count: 4096, writable: false)
    }
    #expect(throws: HostError(operation: "fstat", errno: EBADF)) {
      _ = try MappedRegion(fileDescriptor: -1, offset: 0, count: 4096, writable: false)
    }
  }

  @Test("a mapping that was lent is read and written in place, and stays mapped when its region has gone")
  func borrowing() throws {
    let count = 2 * 4096
    let own = unsafe mmap(nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
    defer { _ = unsafe munmap(own, count) }
    unsafe own.storeBytes(of: 0x1234_5678, toByteOffset: 4096, as: UInt32.self)
    let memory = GuestMemory()
    try memory.add(
      unsafe MappedRegion(borrowing: own, count: count, writable: true), at: GuestAddress(0x8000))
    try memory.add(
      unsafe MappedRegion(borrowing: own, count: 4096, writable: false), at: GuestAddress(0x1_0000))
    memory.withAccess { access in
      let window = try! access.window(GuestRange(start: GuestAddress(0x9000), count: 8)!, writable: true)
      #expect(window.load(UInt32.self, at: 0, in: access) == 0x1234_5678)
      window.store(0xabcd as UInt32, at: 4, in: access)
    }
    #expect(unsafe own.load(fromByteOffset: 4100, as: UInt32.self) == 0xabcd)
    #expect(throws: GuestFault.readOnly(GuestAddress(0x1_0000))) {
      try memory.pieces(0x1_0000, 8, writable: true)
    }
    memory.removeAll()
    #expect(unsafe own.load(fromByteOffset: 4096, as: UInt32.self) == 0x1234_5678)
  }

  @Test(
    "a mapping that does not start at a page, or has no bytes, is not taken",
    arguments: [(1, 4096), (0, 0), (0, -1)])
  func borrowingNonsense(offset: Int, count: Int) throws {
    let own = UnsafeMutableRawPointer.allocate(byteCount: 8192, alignment: 4096)
    defer { unsafe own.deallocate() }
    #expect(throws: HostError(operation: "borrow a mapping", errno: EINVAL)) {
      _ = unsafe try MappedRegion(borrowing: own + offset, count: count, writable: true)
    }
  }

  @Test("remove returns only when nobody is inside an access")
  func removeWaits() throws {
    final class Shared: Sendable {
      let memory: GuestMemory
      let isInside = Event()
      let mayLeave = Event()
      let removed = Atomic(false)
      init(_ memory: GuestMemory) { self.memory = memory }
    }
    let shared = Shared(try GuestMemory(TestFile(pages: 1)))
    let reader = try HostThread(name: "reader") {
      shared.memory.withAccess { _ in
        shared.isInside.signal()
        shared.mayLeave.wait()
        // Still inside: the region cannot have gone.
        precondition(!shared.removed.load(ordering: .acquiring))
      }
    }
    shared.isInside.wait()
    let remover = try HostThread(name: "remover") {
      shared.memory.removeAll()
      shared.removed.store(true, ordering: .releasing)
    }
    shared.mayLeave.signal()
    reader.join()
    remover.join()
    let removed = shared.removed.load(ordering: .acquiring)
    #expect(removed)
  }

  @Test("a file that shrinks under its mapping reads as zeros from then on")
  func shrinking() throws {
    try BusFaultGuard.install()
    let file = TestFile(pages: 4, isSealed: false)
    file.fill { _ in 0xaa }
    let memory = try GuestMemory(file)
    let before = BusFaultGuard.replacedPages
    #expect(ftruncate(file.descriptor, 4096) == 0)
    let (kept, lost) = memory.withAccess { access in
      let whole = try! access.window(GuestRange(start: GuestAddress(0), count: 4 * 4096)!, writable: false)
      return (whole.load(UInt32.self, at: 0, in: access), whole.load(UInt32.self, at: 2 * 4096, in: access))
    }
    #expect(kept == 0xaaaa_aaaa)
    #expect(lost == 0)
    // Of the whole process: other suites may lose pages meanwhile.
    #expect(BusFaultGuard.replacedPages >= before + 1)
  }

  @Test("page memory starts as zeros and keeps what is written")
  func pageMemory() throws {
    guard var memory = PageMemory(byteCount: 10_000) else {
      Issue.record("no memory")
      return
    }
    var bytes = memory.mutableBytes
    bytes.storeBytes(of: 0x1234, toByteOffset: 9998, as: UInt16.self)
    let written = unsafe memory.bytes.unsafeLoadUnaligned(fromByteOffset: 9998, as: UInt16.self)
    let untouched = unsafe memory.bytes.unsafeLoad(fromByteOffset: 5000, as: UInt8.self)
    #expect(written == 0x1234 && untouched == 0)
  }

  @Test(
    "page memory of no bytes, or of more than a host has addresses, is none", arguments: [0, -1, .min, .max])
  func noPageMemory(byteCount: Int) {
    if PageMemory(byteCount: byteCount) != nil { Issue.record("there is some") }
  }
}
