import Dispatch
import GuestDriver
import GuestRAM
import PCIBus
import Synchronization
import Testing

/// Other processors of the guest at work while the device is: they change what it reads, ring and reset.
///
/// They write through a mapping of their own, as a guest's processors do from the device's point of view.
@Suite struct RaceTests {
  /// Runs `disturb` again and again on another thread for as long as `work` takes.
  func disturbed(
    by disturb: @escaping @Sendable (_ turn: Int) -> Void, _ work: () throws -> Void
  ) rethrows {
    let isDone = Flag(), ended = DispatchSemaphore(value: 0)
    DispatchQueue(label: "disturber").async {
      var turn = 0
      while !isDone.isSet {
        disturb(turn)
        turn += 1
      }
      ended.signal()
    }
    defer {
      isDone.set()
      ended.wait()
    }
    try work()
  }

  final class Flag: Sendable {
    private let value = Atomic(false)
    var isSet: Bool { value.load(ordering: .relaxed) }
    func set() { value.store(true, ordering: .relaxed) }
  }

  /// A number that follows from `turn` and nothing else.
  static func noise(_ turn: Int) -> UInt64 {
    var state = UInt64(truncatingIfNeeded: turn) &* 0x9e37_79b9_7f4a_7c15 &+ 0x1234_5678
    state ^= state >> 29
    state = state &* 0xbf58_476d_1ce4_e5b9
    state ^= state >> 32
    return state
  }

  /// What the second processor scribbles over.
  enum Target: String, CaseIterable {
    case descriptorTable = "descriptor table"
    case availableRing = "available ring"
    case request
    case indirectTable = "indirect table"
    case everything
  }

  @Test(arguments: DevicePath.allCases, Target.allCases)
  func `memory is rewritten while the device reads it`(_ path: DevicePath, _ target: Target) throws {
    let bench = try Bench(path)
    let view = try #require(bench.ram.blocks.first).secondView()
    var options = GPUDriver.Options()
    options.queueSize = 16
    for _ in 0..<20 {
      try bench.driver.bringUp(options)
      for command in Stage.commands { try bench.driver.expectOK(command) }
      let layout = ChainLayout(
        request: .pieces(3), indirection: target == .indirectTable || target == .everything ? .all : .none)
      let chains = try (0..<8).map { index in
        try bench.layOut(CommandRows.valid[index % CommandRows.valid.count], layout)
      }
      let places = bench.driver.control.places
      let extents: [GuestExtent] =
        switch target {
        case .descriptorTable: [GuestExtent(address: places.descriptorTable, count: 256)]
        case .availableRing: [GuestExtent(address: places.available, count: 36)]
        case .request: chains.flatMap(\.requestExtents)
        case .indirectTable: chains.compactMap(\.indirectTable)
        case .everything:
          [GuestExtent(address: places.descriptorTable, count: 16384)] + chains.compactMap(\.indirectTable)
        }
      try disturbed { turn in
        let noise = Self.noise(turn)
        let extent = extents[Int(noise % UInt64(extents.count))]
        let at = extent.address + (noise >> 8) % UInt64(extent.count)
        view.write([UInt8(truncatingIfNeeded: noise >> 40)], at: at)
      } _: {
        for turn in 0..<40 {
          let chain = chains[turn % chains.count]
          // Whatever comes back: the ring is not the driver's alone.
          guard bench.driver.control.freeDescriptorCount >= chain.descriptors.count else { break }
          _ = try bench.driver.control.offer(chain.descriptors)
          try bench.driver.kick(0)
          _ = try? bench.driver.control.takeUsed()
        }
      }
    }
    try bench.expectSaneAfterReset()
  }

  @Test(arguments: DevicePath.allCases)
  func `memory is unmapped and mapped while transfers read it`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    let rect = GPURect(0, 0, 256, 256)
    let entries = (0..<64).map {
      GPUMemoryEntry(address: bench.neighbour.base + UInt64(63 - $0) * 4096, length: 4096)
    }
    try bench.driver.expectOK(.createResource2D(id: 1, format: 1, width: 256, height: 256))
    try bench.driver.expectOK(.attachBacking(id: 1, entries))
    let chains = try (0..<8).map { _ in
      try bench.layOut(.transferToHost2D(rect, offset: 0, resource: 1))
    }
    for turn in 0..<150 {
      var heads: [UInt32: LaidOutChain] = [:]
      for chain in chains {
        bench.ram.fill(chain.responseExtents[0].address, count: 24, with: 0)
        heads[UInt32(try bench.driver.control.offer(chain.descriptors))] = chain
      }
      try bench.driver.kick(0)
      try bench.machine.unmapRAM(bench.neighbour)
      // Nobody reads it any more: what stands there now must not matter.
      bench.ram.fill(bench.neighbour.base, count: 4096, with: UInt8(truncatingIfNeeded: turn))
      try bench.machine.mapRAM(bench.neighbour, access: .readWrite)
      while !heads.isEmpty {
        let element = try bench.driver.awaitUsed()
        let removed = heads.removeValue(forKey: element.head)
        let chain = try #require(removed)
        #expect(element.length == 24)
        let type = bench.driver.answer(in: chain).field32(at: 0)
        #expect(type == 0x1100 || (0x1200...0x1205).contains(type))
      }
      _ = try bench.driver.send(.detachBacking(id: 1))
      try bench.driver.expectOK(.attachBacking(id: 1, entries))
    }
    try bench.expectSane()
  }

  @Test func `doorbells and registers are hit from other threads while the driver works`() throws {
    let bench = try Bench(.inProcess)
    try bench.driver.bringUp()
    let function = bench.device.device.function, registers = try #require(bench.driver.function)
    let notify = registers.notify, common = registers.common
    try disturbed { turn in
      let noise = Self.noise(turn)
      var bytes: [UInt8] = [0, 0]
      if turn % 4 != 0 {
        unsafe function.write(.bar(notify.bar), at: notify.offset + noise % 64, bytes.span.bytes)
      } else {
        var span = bytes.mutableSpan
        var raw = unsafe span.mutableBytes
        function.read(.bar(common.bar), at: common.offset + noise % 64, into: &raw)
      }
    } _: {
      for _ in 0..<30 {
        try bench.driver.bringUp()
        for turn in 0..<20 {
          #expect(try bench.driver.send(.getDisplayInfo, fence: UInt64(turn)).header?.fenceID == UInt64(turn))
        }
      }
    }
    try bench.expectSane()
  }

  @Test func `a front-end looks while the driver draws, switches and resets`() throws {
    let bench = try Bench(.inProcess, outputs: [(64, 64), (64, 64)])
    let channel = bench.device.channel
    try disturbed { turn in
      let output = turn % 3
      _ = channel.takeChanges(ofOutput: output)
      _ = channel.withSurface(ofOutput: output) { $0.bytes.byteCount }
      _ = channel.cursor(ofOutput: output)
    } _: {
      for turn in 0..<30 {
        try bench.driver.bringUp()
        let framebuffer = try bench.driver.createFramebuffer(width: 64 + turn, height: 64)
        bench.driver.draw(framebuffer, in: GPURect(0, 0, 64, 4), pattern(turn))
        try bench.driver.show(framebuffer, on: UInt32(turn % 2))
        for _ in 0..<10 { try bench.driver.present(framebuffer) }
        try bench.driver.expectOK(.unref(id: framebuffer.resource))
      }
    }
    try bench.expectSaneAfterReset()
  }

  @Test(arguments: DevicePath.allCases)
  func `a file that shrinks under its mapping does not end the process`(_ path: DevicePath) throws {
    try BusFaultGuard.install()
    let bench = try Bench(path)
    let block = try RAMBlock(base: 0x8000_0000, size: 1 << 20, canShrink: true)
    try bench.machine.mapRAM(block, access: .readWrite)
    try bench.driver.bringUp()
    try bench.driver.expectOK(.createResource2D(id: 1, format: 1, width: 256, height: 256))
    try bench.driver.expectOK(
      .attachBacking(id: 1, [GPUMemoryEntry(address: block.base, length: 256 * 256 * 4)]))
    try block.truncateFile(to: 4096)
    _ = try bench.driver.send(.transferToHost2D(GPURect(0, 0, 256, 256), offset: 0, resource: 1))
    let chain = try bench.ram.describe(
      request: [GuestExtent(address: block.base + 8192, count: 24)],
      response: [GuestExtent(address: block.base + 16384, count: 408)])
    try bench.offerAndKick(chain.descriptors)
    _ = try bench.outcome(withinMilliseconds: 200)
    try bench.expectSaneAfterReset()
  }
}
