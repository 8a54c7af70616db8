import GuestDriver
import Glibc
import Testing

/// A ring that no driver should build, and what a device may do with it.
struct RingRow: Sendable, CustomTestStringConvertible {
  /// What is right for a device to do.
  enum Verdict: Sendable {
    /// It cannot go on: DEVICE_NEEDS_RESET (virtio 1.4 §2.1.2).
    case stops
    /// It stops, gives the chain back or does nothing: all it must not do is break.
    case survives
    /// The request is unusual but allowed, and is carried out.
    case works
  }

  var name: String
  var verdict: Verdict
  var queueSize = 16
  var features: UInt64 = .max
  /// Builds the ring and rings the doorbell.
  var build: @Sendable (Bench) throws -> Void
  var testDescription: String { name }

  init(
    _ name: String, _ verdict: Verdict, without feature: Int? = nil,
    _ build: @escaping @Sendable (Bench) throws -> Void
  ) {
    self.name = name
    self.verdict = verdict
    if let feature { features = ~(1 << UInt64(feature)) }
    self.build = build
  }
}

private typealias Descriptor = RingDescriptor

extension Bench {
  /// A whole GET_DISPLAY_INFO request and its room, as two descriptors.
  fileprivate func pair() throws -> (request: RingDescriptor, response: RingDescriptor) {
    let chain = try layOut(.getDisplayInfo)
    return (chain.descriptors[0], chain.descriptors[1])
  }

  /// Writes table entries and offers entry 0.
  fileprivate func offerTable(_ descriptors: [RingDescriptor]) throws {
    for (index, descriptor) in descriptors.enumerated() {
      driver.splitControl.setDescriptor(UInt16(index), descriptor)
    }
    driver.splitControl.publish(head: 0)
    try driver.kick(0)
  }

  /// Offers a table of its own: entries as they are, behind one INDIRECT descriptor.
  fileprivate func offerIndirect(
    _ entries: [RingDescriptor], length: UInt32? = nil, at address: UInt64? = nil, flags: UInt16 = 4
  ) throws {
    let table = try ram.allocate(max(16, entries.count * 16))
    for (index, entry) in entries.enumerated() { ram.write(entry.encoded, at: table + UInt64(index * 16)) }
    try offerTable([
      Descriptor(
        address: address ?? table, length: length ?? UInt32(entries.count * 16), flags: flags)
    ])
  }
}

extension Bench {
  /// A whole request behind a table, so many bytes of which lie in the first memory region.
  fileprivate func offerIndirectAcrossRegions(before: UInt64) throws {
    var (request, response) = try pair()
    request.flags = RingDescriptor.next
    request.nextIndex = 1
    let at = neighbour.base - before
    ram.write(request.encoded + response.encoded, at: at)
    try offerAndKick([RingDescriptor(address: at, length: 32, flags: RingDescriptor.indirect)])
  }
}

enum RingRows {
  static let indices: [RingRow] = {
    var rows: [RingRow] = []
    let jumps: [UInt16] = [17, 18, 32, 255, 256, 0x7fff, 0x8000, 0xfffe, 0xffff]
    for jump in jumps {
      rows.append(
        RingRow("available index jumps by \(jump) in a ring of 16", .stops) { bench in
          bench.driver.splitControl.setAvailableIndex(jump)
          try bench.driver.kick(0)
        })
    }
    rows.append(
      RingRow("available index goes back by one after a request", .stops) { bench in
        _ = try bench.driver.send(.getDisplayInfo)
        bench.driver.splitControl.setAvailableIndex(0)
        try bench.driver.kick(0)
      })
    for head: UInt16 in [16, 17, 255, 0x7fff, 0x8000, 0xffff] {
      rows.append(
        RingRow("head \(head) in a ring of 16", .stops) { bench in
          bench.driver.splitControl.publish(head: head)
          try bench.driver.kick(0)
        })
      rows.append(
        RingRow("next \(head) in a ring of 16", .stops) { bench in
          let (request, _) = try bench.pair()
          try bench.offerTable([
            Descriptor(address: request.address, length: 24, flags: Descriptor.next, nextIndex: head)
          ])
        })
    }
    return rows
  }()

  static let loops: [RingRow] = [
    RingRow("a descriptor that is its own next", .stops) { bench in
      let (request, _) = try bench.pair()
      try bench.offerTable([
        Descriptor(address: request.address, length: 24, flags: Descriptor.next, nextIndex: 0)
      ])
    },
    RingRow("a loop of two descriptors", .stops) { bench in
      let (request, response) = try bench.pair()
      try bench.offerTable([
        Descriptor(address: request.address, length: 24, flags: Descriptor.next, nextIndex: 1),
        Descriptor(address: response.address, length: 24, flags: Descriptor.next, nextIndex: 0),
      ])
    },
    RingRow("a loop through the whole table", .stops) { bench in
      let (request, _) = try bench.pair()
      try bench.offerTable(
        (0..<16).map {
          Descriptor(
            address: request.address, length: 1, flags: Descriptor.next, nextIndex: UInt16($0 + 1) % 16)
        })
    },
    RingRow("a loop of writable descriptors", .stops) { bench in
      let (request, response) = try bench.pair()
      try bench.offerTable([
        Descriptor(address: request.address, length: 24, flags: Descriptor.next, nextIndex: 1),
        Descriptor(address: response.address, length: 408, flags: 3, nextIndex: 1),
      ])
    },
    RingRow("a loop of empty descriptors", .stops) { bench in
      try bench.offerTable([
        Descriptor(address: Stage.memory, length: 0, flags: Descriptor.next, nextIndex: 1),
        Descriptor(address: Stage.memory, length: 0, flags: Descriptor.next, nextIndex: 0),
      ])
    },
    RingRow("a loop in an indirect table", .stops) { bench in
      try bench.offerIndirect([
        Descriptor(address: Stage.memory, length: 1, flags: Descriptor.next, nextIndex: 1),
        Descriptor(address: Stage.memory, length: 1, flags: Descriptor.next, nextIndex: 0),
      ])
    },
    RingRow("an indirect entry that is its own next", .stops) { bench in
      try bench.offerIndirect([
        Descriptor(address: Stage.memory, length: 1, flags: Descriptor.next, nextIndex: 0)
      ])
    },
    RingRow("the same head twice in flight", .survives) { bench in
      let (request, response) = try bench.pair()
      try bench.offerTable([
        Descriptor(address: request.address, length: 24, flags: Descriptor.next, nextIndex: 1), response,
      ])
      bench.driver.splitControl.publish(head: 0)
      try bench.driver.kick(0)
    },
    RingRow("one buffer in two chains", .works) { bench in
      let (request, response) = try bench.pair()
      _ = try bench.driver.control.offer([request, response])
      try bench.offerAndKick([request, response])
    },
  ]

  static let indirect: [RingRow] = [
    RingRow(
      "an indirect descriptor that was not negotiated", .stops,
      without: VirtioLayout.Feature.indirectDescriptors
    ) { bench in
      let (request, response) = try bench.pair()
      let table = try bench.ram.indirectTable([request, response])
      try bench.offerTable([
        Descriptor(address: table.address, length: UInt32(table.count), flags: Descriptor.indirect)
      ])
    },
    RingRow("an indirect table in an indirect table", .stops) { bench in
      let (request, response) = try bench.pair()
      let inner = try bench.ram.indirectTable([request, response])
      try bench.offerIndirect([Descriptor(address: inner.address, length: 32, flags: Descriptor.indirect)])
    },
    RingRow("an indirect table that contains itself", .stops) { bench in
      let table = try bench.ram.allocate(16)
      bench.ram.write(Descriptor(address: table, length: 16, flags: Descriptor.indirect).encoded, at: table)
      try bench.offerTable([Descriptor(address: table, length: 16, flags: Descriptor.indirect)])
    },
    RingRow("an indirect descriptor with NEXT", .stops) { bench in
      let (request, response) = try bench.pair()
      let table = try bench.ram.indirectTable([request, response])
      try bench.offerTable([
        Descriptor(address: table.address, length: 32, flags: 5, nextIndex: 1), response,
      ])
    },
    RingRow("an indirect table of no entries", .stops) { try $0.offerIndirect([], length: 0) },
    RingRow("an indirect table of half an entry", .stops) { bench in
      let (request, _) = try bench.pair()
      try bench.offerIndirect([request], length: 8)
    },
    RingRow("an indirect table of one entry and a byte", .stops) { bench in
      let (request, response) = try bench.pair()
      try bench.offerIndirect([request, response], length: 17)
    },
    RingRow("an indirect table of 4 GiB", .stops) { bench in
      let (request, response) = try bench.pair()
      try bench.offerIndirect([request, response], length: 0xffff_fff0)
    },
    RingRow("an indirect next past the table", .stops) { bench in
      let (request, response) = try bench.pair()
      var first = request
      first.flags = Descriptor.next
      first.nextIndex = 2
      try bench.offerIndirect([first, response])
    },
    RingRow("an indirect next of 65535", .stops) { bench in
      let (request, response) = try bench.pair()
      var first = request
      first.flags = Descriptor.next
      first.nextIndex = 0xffff
      try bench.offerIndirect([first, response])
    },
    RingRow("an indirect chain longer than the queue", .survives) { bench in
      let entries = (0..<64).map { _ in Descriptor(address: Stage.memory, length: 1) }
      let table = try bench.ram.indirectTable(entries)
      try bench.offerTable([
        Descriptor(address: table.address, length: UInt32(table.count), flags: Descriptor.indirect)
      ])
    },
    RingRow("a table of 65536 indirect entries", .survives) { bench in
      let table = try bench.ram.allocate(65536 * 16)
      for index in 0..<65536 {
        bench.ram.write(
          Descriptor(
            address: Stage.memory, length: 1, flags: Descriptor.next,
            nextIndex: UInt16(truncatingIfNeeded: index + 1)
          ).encoded, at: table + UInt64(index * 16))
      }
      try bench.offerTable([Descriptor(address: table, length: 65536 * 16, flags: Descriptor.indirect)])
    },
    RingRow("an indirect table in no memory", .stops) { bench in
      try bench.offerIndirect([Descriptor(address: 0, length: 1)], at: bench.hole)
    },
    RingRow("an indirect table that runs out of memory", .stops) { bench in
      try bench.offerTable([
        Descriptor(address: bench.neighbour.end - 16, length: 32, flags: Descriptor.indirect)
      ])
    },
    RingRow("an indirect table whose end wraps", .stops) { bench in
      try bench.offerIndirect([Descriptor(address: 0, length: 1)], length: 32, at: .max - 15)
    },
    RingRow("an indirect table over the ring's own table", .survives) { bench in
      let (request, response) = try bench.pair()
      let table = bench.driver.splitControl.places.descriptorTable
      var first = request
      first.flags = Descriptor.next
      first.nextIndex = 1
      bench.driver.splitControl.setDescriptor(4, first)
      bench.driver.splitControl.setDescriptor(5, response)
      try bench.offerTable([Descriptor(address: table + 64, length: 32, flags: Descriptor.indirect)])
    },
    RingRow("an indirect table across two memory regions", .works) { bench in
      try bench.offerIndirectAcrossRegions(before: 16)
    },
    RingRow("an indirect table whose entry lies across two memory regions", .survives) { bench in
      try bench.offerIndirectAcrossRegions(before: 24)
    },
    RingRow("an indirect table in memory that may only be read", .works) { bench in
      let (request, response) = try bench.pair()
      var first = request
      first.flags = Descriptor.next
      first.nextIndex = 1
      bench.ram.write(first.encoded + response.encoded, at: bench.readOnly.base)
      try bench.offerAndKick([
        Descriptor(address: bench.readOnly.base, length: 32, flags: Descriptor.indirect)
      ])
    },
  ]

  static let addresses: [RingRow] = {
    func both(
      _ name: String, _ length: UInt32, _ address: @escaping @Sendable (Bench) -> UInt64
    ) -> [RingRow] {
      [
        RingRow("a request \(name)", .stops) { bench in
          let (_, response) = try bench.pair()
          try bench.offerTable([
            Descriptor(address: address(bench), length: length, flags: Descriptor.next, nextIndex: 1),
            response,
          ])
        },
        RingRow("an answer \(name)", .stops) { bench in
          let (request, _) = try bench.pair()
          try bench.offerTable([
            Descriptor(address: request.address, length: 24, flags: Descriptor.next, nextIndex: 1),
            Descriptor(address: address(bench), length: length, flags: Descriptor.write),
          ])
        },
      ]
    }
    var rows = both("at address 0", 408) { _ in 0 }
    rows += both("in a hole", 408) { $0.hole }
    rows += both("a byte below memory", 408) { _ in Bench.ramBase - 1 }
    rows += both("a byte past memory", 408) { $0.neighbour.end - 407 }
    rows += both("behind all memory", 408) { $0.readOnly.end }
    rows += both("at 2^63", 408) { _ in 1 << 63 }
    rows += both("whose end wraps", 408) { _ in .max - 100 }
    rows += both("at 2^64-1", 1) { _ in .max }
    rows += both("in the device's own registers", 408) { bench in
      bench.driver.function.inventory.baseAddresses.last?.address ?? 0xe000_0000
    }
    rows += both("of 4 GiB less one byte", .max) { _ in Stage.memory }
    rows.append(
      RingRow("an answer in memory that may only be read", .stops) { bench in
        let (request, _) = try bench.pair()
        try bench.offerTable([
          Descriptor(address: request.address, length: 24, flags: Descriptor.next, nextIndex: 1),
          Descriptor(address: bench.readOnly.base, length: 408, flags: Descriptor.write),
        ])
      })
    rows.append(
      RingRow("a chain of more than 4 GiB in all", .stops) { bench in
        try bench.offerTable(
          (0..<16).map {
            Descriptor(
              address: Stage.memory, length: 0x1800_0000, flags: $0 == 15 ? 0 : Descriptor.next,
              nextIndex: UInt16($0 + 1) % 16)
          })
      })
    return rows
  }()

  static let shapes: [RingRow] = [
    RingRow("readable after writable", .stops) { bench in
      let (request, response) = try bench.pair()
      try bench.offerTable([
        Descriptor(address: response.address, length: 408, flags: 3, nextIndex: 1), request,
      ])
    },
    RingRow("readable between writable ones", .stops) { bench in
      let (request, response) = try bench.pair()
      try bench.offerTable([
        Descriptor(address: request.address, length: 24, flags: Descriptor.next, nextIndex: 1),
        Descriptor(address: response.address, length: 100, flags: 3, nextIndex: 2),
        Descriptor(address: request.address, length: 24, flags: Descriptor.next, nextIndex: 3),
        Descriptor(address: response.address + 100, length: 308, flags: Descriptor.write),
      ])
    },
    RingRow("nothing to read", .survives) { bench in
      let (_, response) = try bench.pair()
      try bench.offerTable([response])
    },
    RingRow("nothing to write to", .survives) { bench in
      let (request, _) = try bench.pair()
      try bench.offerTable([request])
    },
    RingRow("one empty descriptor", .survives) { bench in
      try bench.offerTable([Descriptor(address: Stage.memory, length: 0)])
    },
    RingRow("empty descriptors around a request", .survives) { bench in
      let (request, response) = try bench.pair()
      let empty = Descriptor(address: Stage.memory, length: 0)
      var emptyAnswer = empty
      emptyAnswer.flags = Descriptor.write
      try bench.offerAndKick([empty, request, empty, emptyAnswer, response])
    },
    RingRow("an empty descriptor in no memory", .survives) { bench in
      let (request, response) = try bench.pair()
      try bench.offerAndKick([Descriptor(address: .max, length: 0), request, response])
    },
    RingRow("unknown descriptor flags", .survives) { bench in
      var (request, response) = try bench.pair()
      request.flags |= 0xfff8
      response.flags |= 0xfff8
      try bench.offerAndKick([request, response])
    },
    RingRow("the answer over the request", .works) { bench in
      let (request, _) = try bench.pair()
      try bench.offerAndKick([
        request, Descriptor(address: request.address, length: 408, flags: Descriptor.write),
      ])
    },
    RingRow("the answer over the rings", .survives) { bench in
      let (request, _) = try bench.pair()
      try bench.offerAndKick([
        request,
        Descriptor(
          address: bench.driver.splitControl.places.descriptorTable, length: 408, flags: Descriptor.write),
      ])
    },
    RingRow("doorbells without work", .survives) { bench in
      for _ in 0..<2000 { try bench.driver.kick(0) }
      try bench.driver.kick(1)
      let (request, response) = try bench.pair()
      try bench.offerAndKick([request, response])
    },
    RingRow("absurd event index and flags", .survives) { bench in
      let (request, response) = try bench.pair()
      bench.driver.splitControl.setUsedEvent(0x8000)
      bench.driver.splitControl.setAvailableFlags(0xffff)
      try bench.offerAndKick([request, response])
    },
  ]

  static let all = indices + loops + indirect + addresses + shapes
}

@Suite struct RingMaliceTests {
  @Test(arguments: DevicePath.allCases, RingRows.all)
  func `a broken ring stops the device at most until its reset`(_ path: DevicePath, _ row: RingRow) throws {
    let bench = try Bench(path)
    var options = GPUDriver.Options()
    options.queueSize = row.queueSize
    options.wantedFeatures &= row.features
    try bench.driver.bringUp(options)
    try row.build(bench)
    switch row.verdict {
    case .stops:
      #expect(try bench.outcome() == .needsReset)
      // §2.1.2: a running driver is told by a configuration change.
      #expect(
        try bench.machine.waitForInterrupt(
          bench.driver.configurationLine, timeoutInMilliseconds: Bench.patienceInMilliseconds))
      // A stopped device takes no more work.
      try bench.driver.kick(0)
      try bench.driver.kick(1)
      #expect(try bench.driver.function.status & VirtioLayout.Status.needsReset != 0)
    case .survives:
      _ = try bench.outcome(withinMilliseconds: 100)
    case .works:
      guard case .used(let element) = try bench.outcome() else {
        Issue.record("not answered, status \(try bench.driver.function.status)")
        break
      }
      #expect(element.length == UInt32(GPULayout.displayInfoSize))
      #expect(try bench.driver.function.status & VirtioLayout.Status.needsReset == 0)
    }
    try bench.expectSaneAfterReset()
  }

  @Test(arguments: DevicePath.allCases)
  func `a broken cursor ring stops the device too`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    bench.driver.splitCursor.publish(head: 0xffff)
    try bench.driver.kick(GPULayout.cursorQueue)
    #expect(try bench.outcome(on: GPULayout.cursorQueue) == .needsReset)
    try bench.expectSaneAfterReset()
  }

  @Test(arguments: DevicePath.allCases)
  func `buffers are not used before DRIVER_OK`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.discover()
    try bench.driver.reset()
    try bench.driver.negotiate()
    try bench.driver.setUpQueues()
    try bench.offerAndKick(try bench.layOut(.getDisplayInfo).descriptors)
    #expect(try bench.outcome(withinMilliseconds: 50) == .nothing)
    // §3.1.1: from DRIVER_OK on the device is alive; another doorbell finds the work.
    try bench.driver.function.setStatus(15)
    try bench.driver.kick(0)
    #expect(
      try bench.outcome() == .used(UsedElement(head: 0, length: UInt32(GPULayout.displayInfoSize))))
  }

  @Test(arguments: DevicePath.allCases)
  func `nothing is read or written while bus mastering is off`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    try bench.expectSane()
    try bench.settle()
    try bench.driver.function.setCommand(PCILayout.Command.memorySpace)
    try bench.offerAndKick(try bench.layOut(.getDisplayInfo).descriptors)
    #expect(try bench.outcome(withinMilliseconds: 50) == .nothing)
    try bench.driver.function.setCommand(PCILayout.Command.memorySpace | PCILayout.Command.busMaster)
    try bench.driver.kick(0)
    guard case .used = try bench.outcome() else {
      Issue.record("no answer after bus mastering came back")
      return
    }
    try bench.expectSane()
  }

  @Test(arguments: DevicePath.allCases)
  func `a ring whose memory is taken away stops the device or rests`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    try bench.expectSane()
    let chain = try bench.layOut(.getDisplayInfo)
    let main = try #require(bench.ram.blocks.first)
    try bench.machine.unmapRAM(main)
    try bench.offerAndKick(chain.descriptors)
    let outcome = try bench.outcome(withinMilliseconds: 100)
    #expect(outcome == .needsReset || outcome == .nothing)
    try bench.machine.mapRAM(main, access: .readWrite)
    try bench.expectSaneAfterReset()
  }

  @Test(arguments: DevicePath.allCases)
  func `a backing whose memory is taken away is an error until it is back`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    let rect = GPURect(0, 0, 16, 16)
    try bench.driver.expectOK(.createResource2D(id: 1, format: 1, width: 16, height: 16))
    let entries = [GPUMemoryEntry(address: bench.neighbour.base, length: 1024)]
    try bench.driver.expectOK(.attachBacking(id: 1, entries))
    try bench.driver.expectOK(.transferToHost2D(rect, offset: 0, resource: 1))
    try bench.machine.unmapRAM(bench.neighbour)
    #expect(try !bench.driver.send(.transferToHost2D(rect, offset: 0, resource: 1)).isOK)
    #expect(try !bench.driver.send(.attachBacking(id: 1, entries)).isOK)
    try bench.expectSane()
    try bench.machine.mapRAM(bench.neighbour, access: .readWrite)
    _ = try bench.driver.send(.detachBacking(id: 1))
    try bench.driver.expectOK(.attachBacking(id: 1, entries))
    try bench.driver.expectOK(.transferToHost2D(rect, offset: 0, resource: 1))
    try bench.expectSane()
  }

  @Test(arguments: DevicePath.allCases)
  func `a reset of an idle device touches no ring`(_ path: DevicePath) throws {
    // Firmware resets the device and gives the memory away without waiting.
    let bench = try Bench(path)
    try bench.driver.bringUp()
    for _ in 0..<3 { _ = try bench.driver.send(.getDisplayInfo) }
    let ring = try #require(bench.driver.splitControl)
    try bench.settle()
    // Not rung: it is as good as what the memory's next owner writes there.
    _ = try ring.offer(try bench.layOut(.getDisplayInfo).descriptors)
    let used = ring.usedIndex
    try bench.driver.function.setStatus(0)
    while try bench.driver.function.status != 0 {}
    #expect(ring.usedIndex == used)
    try bench.expectSaneAfterReset()
  }

  @Test(arguments: DevicePath.allCases)
  func `a reset in the middle of work is followed by silence`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    for _ in 0..<50 {
      try bench.driver.bringUp()
      let framebuffer = try bench.driver.createFramebuffer(width: 512, height: 512)
      let ring = try #require(bench.driver.splitControl)
      for _ in 0..<20 {
        let command = GPUCommand.transferToHost2D(
          framebuffer.bounds, offset: 0, resource: framebuffer.resource)
        _ = try ring.offer(try bench.layOut(command).descriptors)
      }
      try bench.driver.kick(0)
      try bench.driver.function.setStatus(0)
      while try bench.driver.function.status != 0 {}
      let used = ring.usedIndex
      let image = bench.ram.read(ring.places.used, count: 6 + 8 * ring.size)
      usleep(200)
      #expect(ring.usedIndex == used)
      #expect(bench.ram.read(ring.places.used, count: 6 + 8 * ring.size) == image)
    }
    try bench.expectSaneAfterReset()
  }
}
