import Dispatch
import FrontEndAPI
import GuestDriver
import GuestRAM
import PCIBus
import ScanoutDevice
import Synchronization
import Testing

/// `DisplayDevice.inspect` on a device whose state is known, and that its driver notices nothing of it.
@Suite(.timeLimit(.minutes(15))) struct InspectionTests {
  /// A driver's options with both ring formats.
  enum Rings: String, CaseIterable {
    case split, packed
    var options: GPUDriver.Options { self == .split ? GPUDriver.Options() : .everything }
  }

  private func look(_ bench: Bench) throws -> (DeviceSnapshot, GPUSnapshot) {
    let snapshot = bench.device.device.inspect(withinMilliseconds: 60_000)
    guard case .gpu(let gpu)? = snapshot.detail else { throw NotKnown() }
    return (snapshot, gpu)
  }

  private struct NotKnown: Error {}

  // MARK: What is known

  @Test(arguments: DevicePath.allCases, Rings.allCases)
  func `the registers and queues are those that the driver has set up`(_ path: DevicePath, _ rings: Rings)
    throws
  {
    let bench = try Bench(path)
    try bench.driver.bringUp(rings.options)
    try bench.expectSane()
    let (snapshot, _) = try look(bench)
    let virtio = snapshot.function.virtio
    #expect(virtio.statusNames == ["ACKNOWLEDGE", "DRIVER", "DRIVER_OK", "FEATURES_OK"])
    #expect(virtio.accepted.rawValue == bench.driver.features)
    #expect(try virtio.offered.rawValue == bench.driver.function.offeredFeatures())
    #expect(virtio.accepted.names(deviceBits: GPUSnapshot.featureNames).contains("VIRTIO_GPU_F_EDID"))
    #expect(virtio.interface == .modern && virtio.isBusMaster && !virtio.isResetting && !virtio.isBusy)
    #expect(try UInt64(virtio.configurationGeneration) == bench.driver.function.read(.configGeneration))
    #expect(snapshot.function.transport == .modern)
    let pci = try #require(snapshot.function.pci)
    #expect(pci.msix.isEnabled && pci.msix.isTableOfHost == (path == .socket))
    for base in pci.bars {
      let placed = bench.driver.function.inventory.baseAddresses.first { $0.index == base.index }
      #expect(placed?.size == base.bar.size)
    }
    for (index, ring) in [bench.driver.control, bench.driver.cursor].enumerated() {
      let queue = virtio.queues[index], places = try #require(ring).places
      #expect(queue.isEnabled && !queue.isResetting && queue.vector == UInt16(index + 1))
      #expect(queue.maximumSize == (index == 0 ? 256 : 64) && queue.size == queue.maximumSize)
      #expect(queue.descriptorArea == places.descriptorTable && queue.driverArea == places.available)
      #expect(queue.deviceArea == places.used)
      let progress = try #require(queue.ring)
      #expect(progress.format.rawValue == rings.rawValue && progress.hasEventIndex)
      #expect(progress.inFlight == 0 && progress.hasBuffers == false)
      #expect(progress.availableIndex == progress.usedIndex && progress.availableWrap == progress.usedWrap)
      // Each request is announced, and its answer too, unless the other side looked before it was told: with event
      // indices that can be so each time. `InspectionTests` of the core hold the counters to exact numbers.
      #expect(progress.buffers == (index == 0 ? 3 : 1))
      #expect(progress.notifications <= progress.buffers && progress.interrupts <= progress.buffers)
      #expect(progress.driverIndex == (rings == .split ? UInt16(progress.buffers) : nil))
    }
  }

  @Test(arguments: DevicePath.allCases)
  func `resources, scanouts, cursors and counters are those of what was asked`(_ path: DevicePath) throws {
    let bench = try Bench(path, outputs: [(640, 480), (800, 600)]), driver = bench.driver
    try driver.bringUp(.everything)
    let picture = try driver.createFramebuffer(
      width: 100, height: 30, format: .rgba, layout: .shuffledPages(seed: 3))
    try driver.show(picture, GPURect(10, 5, 60, 20), on: 1)
    try driver.present(picture)
    let arrow = try driver.createFramebuffer(width: 64, height: 64, format: .bgra)
    try driver.showCursor(arrow, on: 0, x: 7, y: 9, hotX: 3, hotY: 4)
    try driver.expectOK(.moveCursor(scanout: 0, x: UInt32(bitPattern: -2), y: 11))
    try driver.expectOK(.unref(id: arrow.resource))
    let pages = try driver.allocateBacking(12288, .contiguous).map(GPUMemoryEntry.init)
    let blob = driver.makeResourceID()
    try driver.expectOK(.createBlob(id: blob, memory: 1, flags: 2, blobID: 0, size: 8192, pages))
    let uuid = try driver.expectOK(.assignUUID(id: blob))
    try driver.expectOK(
      .setScanoutBlob(
        GPURect(0, 0, 16, 8), scanout: 0, resource: blob, width: 16, height: 8,
        format: GPUFormat.bgrx.rawValue, stride: 128, offset: 64))
    _ = try driver.send(.getDisplayInfo, fence: 1)
    #expect(try driver.send(.unref(id: 999)).type == GPULayout.Response.invalidResourceID)
    #expect(try driver.send(.raw(type: 0x77, [])).type == GPULayout.Response.unspecified)

    let (snapshot, gpu) = try look(bench)
    let resources = gpu.display.resources.sorted { $0.id < $1.id }
    #expect(resources.map(\.id) == [picture.resource, blob])
    #expect(resources[0].kind == .picture(format: "R8G8B8A8", width: 100, height: 30))
    #expect(resources[0].byteCount == 12000 && resources[0].backingByteCount == 12000)
    #expect(resources[0].uuid == nil)
    #expect(resources[1].kind == .blob && resources[1].byteCount == 8192)
    #expect(resources[1].backingByteCount == 12288 && resources[1].backingRangeCount == 1)
    let digits = uuid.room[GPULayout.headerSize..<GPULayout.headerSize + 16].map {
      String($0 >> 4, radix: 16) + String($0 & 15, radix: 16)
    }.joined()
    #expect(resources[1].uuid?.filter { $0 != "-" } == digits)

    let outputs = gpu.display.outputs
    #expect(outputs.map(\.preference.mode.width) == [640, 800] && outputs.allSatisfy(\.preference.isEnabled))
    #expect(outputs[1].scanout?.resource == picture.resource && outputs[1].scanout?.layout == nil)
    #expect(outputs[1].scanout?.rectangle == Rectangle(x: 10, y: 5, width: 60, height: 20))
    let layout = try #require(outputs[0].scanout?.layout)
    #expect(outputs[0].scanout?.resource == blob && layout.format == "B8G8R8X8")
    #expect(layout.width == 16 && layout.height == 8 && layout.stride == 128 && layout.offset == 64)
    #expect(outputs[0].cursor.x == -2 && outputs[0].cursor.y == 11)
    let image = try #require(outputs[0].cursor.image)
    #expect(image.resource == arrow.resource && image.hotX == 3 && image.hotY == 4 && image.width == 64)
    #expect(outputs[1].cursor.image == nil)
    #expect(gpu.display.frontEnds.map(\.label) == ["test"])

    var counts: [String: UInt64] = [:]
    for request in gpu.requests { counts[request.name] = request.count }
    #expect(
      counts == [
        "GET_DISPLAY_INFO": 1, "RESOURCE_CREATE_2D": 2, "RESOURCE_UNREF": 1, "SET_SCANOUT": 1,
        "RESOURCE_FLUSH": 1, "TRANSFER_TO_HOST_2D": 2, "RESOURCE_ATTACH_BACKING": 2,
        "RESOURCE_ASSIGN_UUID": 1,
        "RESOURCE_CREATE_BLOB": 1, "SET_SCANOUT_BLOB": 1, "UPDATE_CURSOR": 1, "MOVE_CURSOR": 1,
      ])
    #expect(gpu.fencedRequests == 1)
    #expect(gpu.errors.map(\.name) == ["ERR_UNSPEC", "ERR_INVALID_RESOURCE_ID"])
    #expect(gpu.errors.map(\.count) == [1, 1])
    #expect(snapshot.refusals == [.noSuchResource: 1, .unknownType: 1])
    #expect(gpu.display.memoryInUse > 12000 && gpu.display.memoryInUse < gpu.display.limits.memory)
    try driver.reset()
    let after = try look(bench).1
    #expect(after.display.resources.isEmpty && after.display.outputs.allSatisfy { $0.scanout == nil })
    #expect(after.display.memoryInUse < gpu.display.memoryInUse)
  }

  // MARK: Nobody notices

  /// What a driver sees of a device besides its answers.
  private struct Noticed: Equatable {
    var status: UInt8
    var generation: UInt64
    var buffers: [UInt64]
    var wasConfigurationChanged: Bool
    var interruptStatus: UInt8
  }

  /// Draws and checks every frame, and says what else the driver noticed.
  private func draw(_ bench: Bench, frames: Int) throws -> Noticed {
    try bench.driver.bringUp()
    let framebuffer = try bench.driver.createFramebuffer(width: 64, height: 48)
    try bench.driver.show(framebuffer)
    for frame in 0..<frames {
      bench.driver.draw(framebuffer, pattern(frame))
      try bench.driver.present(framebuffer)
      try #require(bench.picture() == Picture(width: 64, height: 48, pattern(frame)), "frame \(frame)")
    }
    let rings = try look(bench).0.function.virtio.queues.map { try #require($0.ring) }
    // One for each answer at most; fewer where the driver looked by itself.
    for ring in rings { #expect(ring.interrupts <= ring.buffers) }
    return Noticed(
      status: try bench.driver.function.status,
      generation: try bench.driver.function.read(.configGeneration), buffers: rings.map(\.buffers),
      wasConfigurationChanged: try bench.machine.waitForInterrupt(
        bench.driver.configurationLine, timeoutInMilliseconds: 0),
      interruptStatus: try bench.driver.function.readInterruptStatus())
  }

  @Test(arguments: DevicePath.allCases)
  func `while a guest draws it is looked at a thousand times, and notices nothing`(_ path: DevicePath) throws
  {
    let alone = try draw(try Bench(path), frames: 200)
    #expect(alone.buffers == [200 * 2 + 3, 0])
    let bench = try Bench(path), device = bench.device.device
    let count = Atomic(0)
    var watched: Noticed?
    try RaceTests().disturbed { _ in
      let snapshot = device.inspect(withinMilliseconds: 60_000)
      if snapshot.detail != nil, !snapshot.function.virtio.isBusy { count.add(1, ordering: .relaxed) }
    } _: {
      repeat { watched = try draw(bench, frames: 200) } while count.load(ordering: .relaxed) < 1000
    }
    #expect(watched == alone)
    #expect(count.load(ordering: .relaxed) >= 1000)
    try bench.expectSane()
  }

  // MARK: Hostile states

  @Test(arguments: DevicePath.allCases)
  func `in whatever state the device is it can be looked at`(_ path: DevicePath) throws {
    let bench = try Bench(path), driver = bench.driver
    #expect(try look(bench).0.function.virtio.status == 0)
    try driver.discover()
    try driver.reset()
    #expect(try look(bench).0.function.virtio.queues.allSatisfy { $0.ring == nil })
    try driver.negotiate(.everything)
    #expect(try look(bench).0.function.virtio.statusNames.last == "FEATURES_OK")
    // Features that nobody offered, before they are agreed on.
    try driver.reset()
    for select: UInt64 in 0..<2 {
      try driver.function.write(.driverFeatureSelect, select)
      try driver.function.write(.driverFeature, 0xffff_ffff)
    }
    // Answered after the writes were done.
    #expect(try driver.function.read(.driverFeature) == 0xffff_ffff)
    #expect(try look(bench).0.function.virtio.accepted.names().count == 64)
    // Queues at addresses where nothing is, then at the end of the address space.
    for address: UInt64 in [bench.hole, 0xffff_ffff_ffff_e000] {
      try driver.discover()
      try driver.reset()
      try driver.negotiate()
      for queue: UInt64 in 0..<2 {
        try driver.function.write(.queueSelect, queue)
        for area in [CommonRegister.queueDescriptorArea, .queueDriverArea, .queueDeviceArea] {
          try driver.function.write(area, address)
        }
        try driver.function.write(.queueEnable, 1)
      }
      try driver.function.setStatus(try driver.function.status | VirtioLayout.Status.driverOK)
      _ = try bench.awaitStop()
      let (snapshot, _) = try look(bench)
      #expect(snapshot.function.virtio.queues[0].descriptorArea == address)
      #expect(snapshot.function.virtio.queues[0].ring == nil)
      #expect(snapshot.function.virtio.lastRingFault == .area)
    }
    try bench.expectSaneAfterReset()
  }

  @Test(arguments: DevicePath.allCases)
  func `a broken ring, unmapped memory and a suspended device can be looked at`(_ path: DevicePath) throws {
    let bench = try Bench(path), driver = bench.driver
    try driver.bringUp()
    _ = try driver.control.offer([RingDescriptor(address: bench.hole, length: 24)])
    try driver.kick(0)
    #expect(try bench.outcome() == .needsReset)
    var virtio = try look(bench).0.function.virtio
    #expect(virtio.statusNames.contains("DEVICE_NEEDS_RESET") && virtio.ringFaults == [.buffer: 1])

    var options = GPUDriver.Options.everything
    options.wantedFeatures |= 1 << UInt64(VirtioLayout.Feature.suspend)
    try driver.bringUp(options)
    try driver.function.setStatus(try driver.function.status | VirtioLayout.Status.suspend)
    while try driver.function.status & VirtioLayout.Status.suspend == 0 {}
    virtio = try look(bench).0.function.virtio
    #expect(virtio.statusNames.contains("SUSPEND") && !virtio.statusNames.contains("DRIVER_OK"))
    #expect(try driver.function.status & VirtioLayout.Status.suspend != 0, "it stays suspended")

    try driver.bringUp()
    try bench.expectSane()  // so the rings are at work
    for block in bench.ram.blocks { try bench.machine.unmapRAM(block) }
    let ring = try #require(try look(bench).0.function.virtio.queues[0].ring)
    #expect(ring.driverIndex == nil && ring.interruptsWanted == nil)
    for block in bench.ram.blocks {
      try bench.machine.mapRAM(block, access: block === bench.readOnly ? .readable : .readWrite)
    }
    try bench.expectSaneAfterReset()
  }

  @Test(arguments: DevicePath.allCases)
  func `a device that is reset, broken and unmapped all the time can be looked at`(_ path: DevicePath) throws
  {
    let bench = try Bench(path), device = bench.device.device
    let count = Atomic(0)
    try RaceTests().disturbed { _ in
      _ = device.inspect(withinMilliseconds: 60_000)
      count.add(1, ordering: .relaxed)
    } _: {
      for turn in 0..<30 {
        try bench.driver.bringUp(turn % 2 == 0 ? GPUDriver.Options() : .everything)
        let framebuffer = try bench.driver.createFramebuffer(width: 32, height: 32)
        try bench.driver.show(framebuffer)
        try bench.driver.present(framebuffer)
        try bench.machine.unmapRAM(bench.neighbour)
        try bench.machine.mapRAM(bench.neighbour, access: .readWrite)
        guard turn % 3 == 0 else { continue }
        _ = try bench.driver.control.offer([RingDescriptor(address: bench.hole, length: 24)])
        try bench.driver.kick(0)
      }
    }
    #expect(count.load(ordering: .relaxed) > 0)
    try bench.expectSaneAfterReset()
  }

  @Test func `all resources up to the limit are told`() throws {
    let bench = try Bench(.inProcess), driver = bench.driver
    try driver.bringUp()
    for id: UInt32 in 1...3000 {
      try driver.expectOK(.createResource2D(id: id, format: GPUFormat.bgrx.rawValue, width: 1, height: 1))
    }
    #expect(try look(bench).1.display.resources.map(\.id).sorted() == Array(1...3000))
  }

  @Test func `the other devices can be looked at too`() throws {
    let keyboard = try KeyboardDevice(memory: GuestMemory())
    keyboard.key(KeyCode(rawValue: 30), isPressed: true)
    let snapshot = keyboard.inspect()
    guard case .input(let input)? = snapshot.detail else { throw NotKnown() }
    #expect(input.waitingEvents == 2 && !input.hasDropped && input.lights == [])
    #expect(snapshot.function.virtio.deviceType == 18 && snapshot.function.virtio.queues.count == 2)
    #expect(try RandomDevice(memory: GuestMemory()).inspect().detail == .entropy(byteCount: 0))
    #expect(try PointerDevice(.tablet, memory: GuestMemory()).inspect().function.virtio.deviceType == 18)
    #expect(try TouchDevice(memory: GuestMemory()).inspect().function.virtio.deviceType == 18)
  }
}

extension Bench {
  /// Waits until the device asks for a reset.
  fileprivate func awaitStop() throws -> Bool {
    let deadline = ContinuousClock.now.advanced(by: .seconds(60))
    while ContinuousClock.now < deadline {
      if try driver.function.status & VirtioLayout.Status.needsReset != 0 { return true }
    }
    return false
  }
}
