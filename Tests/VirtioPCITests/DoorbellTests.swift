import GuestRAM
import PCIBus
import Testing
import VirtioCore
import VirtioPCI

/// What a host learns of doorbells, and what ringing one does.
@safe @Suite final class DoorbellTests {
  private typealias Transport = VirtioPCIOptions.Transport
  private static let queueCount = 2
  /// Bytes of guest memory for each queue: its ring, in one piece as a legacy driver has it, and a buffer.
  private static let queueBytes = 0x3000
  private static let usedRing = 0x1000, buffer = 0x2000
  /// Where the guest's memory lies; a legacy ring at 0 is none.
  private static let ramBase = 0x4000
  /// The guest's memory, which is a test's own.
  private let ram: UnsafeMutableRawBufferPointer
  private let memory = GuestMemory()

  init() throws {
    let count = Self.queueCount * Self.queueBytes
    unsafe ram = .allocate(byteCount: count, alignment: 4096)
    unsafe ram.initializeMemory(as: UInt8.self, repeating: 0)
    // Allocated above, and removed from the map before it is given back.
    let region = unsafe try MappedRegion(borrowing: ram.baseAddress!, count: count, writable: true)
    try memory.add(region, at: GuestAddress(UInt64(Self.ramBase)))
  }

  deinit {
    memory.removeAll()
    unsafe ram.deallocate()
  }

  private func make(
    _ transport: Transport, hasPages: Bool = false, placement: VirtioPCIOptions.Placement = .conventional
  ) throws -> VirtioPCIFunction {
    var options = VirtioPCIOptions()
    options.transport = transport
    options.hasDoorbellPages = hasPages
    options.placement = placement
    return try VirtioPCIFunction(
      IdleDevice(queueCount: Self.queueCount), classCode: 0x00ff00, memory: memory, scheduling: .inline,
      options: options)
  }

  private func write(_ function: VirtioPCIFunction, _ region: PCIRegion, _ offset: UInt64, _ bytes: [UInt8]) {
    unsafe function.write(region, at: offset, bytes.span.bytes)  // a UInt8 has no hole
  }

  /// Brings the device up by the modern registers or the legacy ones, with a ring for each queue.
  private func bringUp(_ function: VirtioPCIFunction, byLegacy isLegacy: Bool) {
    write(function, .configuration, 4, [7, 0])
    let bar = PCIRegion.bar(isLegacy ? 0 : 4), status: UInt64 = isLegacy ? 0x12 : 0x14
    for value: UInt8 in [1, 3] { write(function, bar, status, [value]) }
    if !isLegacy {
      write(function, bar, 0x08, [1, 0, 0, 0])
      write(function, bar, 0x0c, [1, 0, 0, 0])  // VERSION_1
      write(function, bar, status, [11])
    }
    for queue in 0..<Self.queueCount {
      let page = UInt8((Self.ramBase + queue * Self.queueBytes) / 4096)
      if isLegacy {
        write(function, bar, 0x0e, [UInt8(queue), 0])
        write(function, bar, 0x08, [page, 0, 0, 0])
      } else {
        write(function, bar, 0x16, [UInt8(queue), 0])
        write(function, bar, 0x20, [0, page << 4, 0, 0])
        write(function, bar, 0x28, [0, page << 4 | 1, 0, 0])  // behind 16 descriptors
        write(function, bar, 0x30, [0, page << 4 + 0x10, 0, 0])
        write(function, bar, 0x1c, [1, 0])
      }
    }
    write(function, bar, status, [isLegacy ? 7 : 15])
  }

  /// A driver's next buffer of a queue.
  private func offer(on queue: Int) {
    let base = queue * Self.queueBytes
    unsafe ram.storeBytes(of: UInt64(Self.ramBase + base + Self.buffer), toByteOffset: base, as: UInt64.self)
    unsafe ram.storeBytes(of: 16, toByteOffset: base + 8, as: UInt32.self)
    unsafe ram.storeBytes(of: 2, toByteOffset: base + 12, as: UInt16.self)  // VIRTQ_DESC_F_WRITE
    let next = unsafe ram.load(fromByteOffset: base + 0x102, as: UInt16.self)
    unsafe ram.storeBytes(of: next + 1, toByteOffset: base + 0x102, as: UInt16.self)
  }

  /// How many buffers the device has given back.
  private func usedCounts() -> [UInt16] {
    (0..<Self.queueCount).map { queue in
      unsafe ram.load(fromByteOffset: queue * Self.queueBytes + Self.usedRing + 2, as: UInt16.self)
    }
  }

  @Test(
    "a doorbell is where the notify capability leads, or a page for each, or the legacy register with the queue's number"
  )
  func places() throws {
    let near = [PCIDoorbell(bar: 4, offset: 0x4000, queue: 0), PCIDoorbell(bar: 4, offset: 0x4004, queue: 1)]
    let paged = [
      PCIDoorbell(bar: 4, offset: 0x4000, queue: 0), PCIDoorbell(bar: 4, offset: 0x5000, queue: 1),
    ]
    let legacy = [0, 1].map { PCIDoorbell(bar: 0, offset: 0x10, queue: $0, match: UInt16($0)) }
    #expect(try make(.modern).doorbells == near)
    #expect(try make(.modern, hasPages: true).doorbells == paged)
    #expect(try make(.transitional).doorbells == near + legacy)
    #expect(try make(.legacy).doorbells == legacy)
  }

  @Test(
    "a ring does what the driver's write does: the queue is looked at, and no other",
    arguments: [(Transport.modern, false), (.transitional, false), (.transitional, true), (.legacy, true)])
  private func ringing(transport: Transport, byLegacy: Bool) throws {
    let function = try make(transport)
    bringUp(function, byLegacy: byLegacy)
    for queue in 0..<Self.queueCount { offer(on: queue) }
    #expect(usedCounts() == [0, 0])
    let doorbells = function.doorbells.filter { ($0.match != nil) == byLegacy }
    function.ring(doorbells[1])
    #expect(usedCounts() == [0, 1])
    function.ring(doorbells[0])
    #expect(usedCounts() == [1, 1])
    // A write means the same.
    offer(on: 1)
    write(function, .bar(doorbells[1].bar), doorbells[1].offset, [1, 0])
    #expect(usedCounts() == [1, 2])
  }

  @Test("a doorbell that the function has not, and one of a function that sleeps, announce nothing")
  func nothing() throws {
    let function = try make(.modern, placement: .express)
    bringUp(function, byLegacy: false)
    offer(on: 0)
    function.ring(PCIDoorbell(bar: 4, offset: 0x4000, queue: 0, match: 0))
    function.ring(PCIDoorbell(bar: 0, offset: 0x10, queue: 0, match: 0))
    function.ring(PCIDoorbell(bar: 4, offset: 0x4008, queue: 2))
    write(function, .configuration, 0x50, [3, 0])  // D3hot
    function.ring(function.doorbells[0])
    #expect(usedCounts() == [0, 0])
    write(function, .configuration, 0x50, [0, 0])
    function.ring(function.doorbells[0])
    #expect(usedCounts() == [1, 0])
  }
}
