import GuestDriver
import Testing

/// Register accesses of every kind: wrong widths, wrong places, wrong order.
@Suite struct RegisterMaliceTests {
  func discovered(_ path: DevicePath) throws -> Bench {
    let bench = try Bench(path)
    try bench.driver.discover()
    try bench.driver.reset()
    return bench
  }

  /// What an adapter may refuse: an access that its protocol cannot carry.
  func ignoringRefusal<Result>(_ body: () throws -> Result) throws -> Result? {
    do { return try body() } catch DriverError.refused { return nil }
  }

  /// Every width, the impossible ones too, with every value.
  static func widths<Value>(with values: [Value]) -> [(width: Int, value: Value)] {
    (1...8).flatMap { width in values.map { (width, $0) } }
  }

  // MARK: Configuration space

  @Test(arguments: DevicePath.allCases, [1, 2, 3, 4, 5, 6, 7, 8])
  func `configuration space is read anywhere in any width`(_ path: DevicePath, _ width: Int) throws {
    let bench = try discovered(path)
    for offset in 0..<300 {
      let whole = try ignoringRefusal { try bench.machine.readConfig(offset, width: width) }
      guard let whole, width <= 4, offset + width <= 256 else { continue }
      for byte in 0..<width where !inWindow(bench, offset..<offset + width) {
        let single = try bench.machine.readConfig(offset + byte, width: 1)
        #expect(whole >> UInt32(8 * byte) & 0xff == single, "offset \(offset), byte \(byte)")
      }
    }
    for offset in [4092, 4095, 4096, 65536, 1 << 30] {
      _ = try ignoringRefusal { try bench.machine.readConfig(offset, width: width) }
    }
    try bench.expectSaneAfterReset()
  }

  /// The data of the access window depends on the width.
  private func inWindow(_ bench: Bench, _ range: Range<Int>) -> Bool {
    guard
      let window = try? bench.driver.function.inventory.virtioStructure(
        VirtioLayout.CapabilityType.configurationAccess)
    else { return false }
    return range.overlaps(window.capabilityOffset + 16..<window.capabilityOffset + 20)
  }

  @Test(arguments: DevicePath.allCases, widths(with: [UInt32.max, 0, 0x5a5a_5a5a]))
  func `configuration space is written anywhere in any width`(
    _ path: DevicePath, _ access: (width: Int, value: UInt32)
  ) throws {
    let (width, value) = access
    let bench = try discovered(path)
    let identity = try (0..<4).map { try bench.machine.readConfig($0 * 4, width: 4) }
    for offset in 0..<300 {
      _ = try ignoringRefusal { try bench.machine.writeConfig(offset, width: width, value) }
    }
    for offset in [4095, 4096, 1 << 30] {
      _ = try ignoringRefusal { try bench.machine.writeConfig(offset, width: width, value) }
    }
    #expect(try bench.machine.readConfig(0, width: 4) == identity[0])
    #expect(try bench.machine.readConfig(8, width: 4) == identity[2])
    try bench.machine.resetFunction()
    try bench.expectSaneAfterReset()
  }

  @Test(arguments: DevicePath.allCases)
  func `ids, class, capabilities and pin cannot be written`(_ path: DevicePath) throws {
    let bench = try discovered(path)
    let inventory = bench.driver.function.inventory
    var offsets = [0x00, 0x08, 0x2c, 0x34]
    for capability in inventory.capabilities { offsets.append(capability.offset) }
    for offset in offsets {
      let before = try bench.machine.readConfig(offset, width: 4)
      // The control word of MSI-X shares its double word with the list.
      let mask: UInt32 = inventory.vectorTable?.capabilityOffset == offset ? 0x0000_ffff : .max
      try bench.machine.writeConfig(offset, width: 4, ~before & mask)
      #expect(try bench.machine.readConfig(offset, width: 4) & mask == before & mask, "\(offset)")
    }
    #expect(try bench.machine.readConfig(PCILayout.interruptPin, width: 1) == 1)
    #expect(try PCIInventory(probing: bench.machine).capabilities == inventory.capabilities)
  }

  @Test(arguments: DevicePath.allCases)
  func `BARs are sized and moved while the device works`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    for value: UInt32 in [.max, 0, 0xfee0_0000, 0x1000_0000, 0xe000_0000] {
      for register in 0..<6 {
        try bench.machine.writeConfig(PCILayout.baseAddress0 + 4 * register, width: 4, value)
      }
      try bench.machine.writeConfig(PCILayout.romAddress, width: 4, value)
      try bench.expectSane()
    }
  }

  @Test(arguments: DevicePath.allCases)
  func `memory space and bus mastering are toggled while the device works`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    for turn in 0..<200 {
      try bench.offerAndKick(try bench.layOut(.getDisplayInfo).descriptors)
      try bench.driver.function.setCommand(UInt16(truncatingIfNeeded: turn * 7919))
      try bench.driver.function.setCommand(PCILayout.Command.memorySpace | PCILayout.Command.busMaster)
      try bench.driver.kick(0)
      guard case .used = try bench.outcome() else {
        Issue.record("turn \(turn): not answered")
        return
      }
    }
    try bench.expectSane()
  }

  // MARK: BARs

  @Test(arguments: DevicePath.allCases, [1, 2, 3, 4, 5, 6, 7, 8])
  func `BARs are read anywhere in any width, past their end too`(_ path: DevicePath, _ width: Int) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    for bar in bench.driver.function.inventory.baseAddresses {
      var offsets = Array(stride(from: UInt64(0), to: min(bar.size, 0x80), by: 1))
      for place in stride(from: UInt64(0), to: bar.size, by: 0x100) {
        offsets += [place, place + 1, place + 0xff]
      }
      offsets += [bar.size - 1, bar.size, bar.size + 1, 1 << 32, 1 << 63, .max - 7, .max - 1, .max]
      for offset in offsets {
        _ = try ignoringRefusal { try bench.machine.readBAR(bar.index, at: offset, width: width) }
      }
    }
    try bench.expectSane()
  }

  @Test(arguments: DevicePath.allCases, widths(with: [UInt64.max, 0, 0x0101_0101_0101_0101]))
  func `BARs are written anywhere in any width`(
    _ path: DevicePath, _ access: (width: Int, value: UInt64)
  ) throws {
    let (width, value) = access
    let bench = try Bench(path)
    try bench.driver.bringUp()
    for bar in bench.driver.function.inventory.baseAddresses {
      var offsets = Array(UInt64(0)..<0x50)
      for place in stride(from: UInt64(0), to: bar.size, by: 0x40) { offsets += [place, place + 3] }
      offsets += [bar.size - 1, bar.size, 1 << 32, .max - 7, .max]
      for offset in offsets {
        _ = try ignoringRefusal { try bench.machine.writeBAR(bar.index, at: offset, width: width, value) }
      }
    }
    try bench.machine.resetFunction()
    try bench.expectSaneAfterReset()
  }

  @Test(arguments: DevicePath.allCases)
  func `a BAR that does not exist reads nothing and takes everything`(_ path: DevicePath) throws {
    let bench = try discovered(path)
    let present = Set(bench.driver.function.inventory.baseAddresses.map(\.index))
    for index in 0..<6 where !present.contains(index) {
      for offset: UInt64 in [0, 8, 4096, .max] {
        let value = try ignoringRefusal { try bench.machine.readBAR(index, at: offset, width: 4) }
        #expect(value == nil || value == 0)
        _ = try ignoringRefusal { try bench.machine.writeBAR(index, at: offset, width: 4, .max) }
      }
    }
    try bench.expectSaneAfterReset()
  }

  @Test(arguments: DevicePath.allCases)
  func `doorbells of queues that do not exist ring nowhere`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    let function = try #require(bench.driver.function), notify = function.notify
    for queue in [2, 3, 16, 0x7fff, 0xffff] as [UInt16] {
      try function.kick(queue: queue, notifyOffset: 0)
      _ = try ignoringRefusal { try function.kick(queue: queue, notifyOffset: queue) }
    }
    for offset in stride(from: UInt64(0), to: min(notify.length, 4096), by: 1) {
      for width in [1, 2, 4, 8] {
        _ = try ignoringRefusal {
          try bench.machine.writeBAR(notify.bar, at: notify.offset + offset, width: width, .max)
        }
      }
    }
    try bench.expectSane()
  }

  // MARK: Access window

  @Test(
    arguments: DevicePath.allCases,
    [
      (UInt8(0), UInt32(0), UInt32(0)), (0, 0, 3), (0, 0, 8), (0, 0, .max), (6, 0, 4), (7, 0, 4), (255, 0, 1),
      (4, .max, 4), (4, 0xffff_fffc, 4), (4, 1, 4), (4, 3, 2), (4, 0x4000, 4), (1, 0, 4), (1, 0xffd, 4),
      (5, 0, 1), (4, 0x8000_0000, 1),
    ])
  func `the access window takes any place and length`(
    _ path: DevicePath, _ place: (bar: UInt8, offset: UInt32, length: UInt32)
  ) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    let function = try #require(bench.driver.function)
    _ = try function.readThroughWindow(bar: place.bar, offset: place.offset, length: place.length)
    try function.writeThroughWindow(bar: place.bar, offset: place.offset, length: place.length, 0)
    try function.writeThroughWindow(bar: place.bar, offset: place.offset, length: place.length, .max)
    let at = try function.inventory.virtioStructure(VirtioLayout.CapabilityType.configurationAccess)
      .capabilityOffset
    for width in [1, 2, 4] {
      for data in 16..<20 where data + width <= 20 {
        _ = try bench.machine.readConfig(at + data, width: width)
        try bench.machine.writeConfig(at + data, width: width, .max)
      }
    }
    try bench.expectSaneAfterReset()
  }

  // MARK: Common configuration

  @Test(arguments: DevicePath.allCases, CommonRegister.all.filter { !$0.isWritable })
  func `a read-only register keeps its value`(_ path: DevicePath, _ register: CommonRegister) throws {
    let bench = try discovered(path)
    let function = try #require(bench.driver.function)
    let before = try function.read(register)
    for value: UInt64 in [0, .max, 0x1234] {
      try function.write(register, value)
      #expect(try function.read(register) == before)
    }
    try bench.expectSaneAfterReset()
  }

  @Test(arguments: DevicePath.allCases, CommonRegister.all)
  func `a register is read byte by byte as whole`(_ path: DevicePath, _ register: CommonRegister) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    let function = try #require(bench.driver.function)
    _ = try function.read(register)
    let at = function.common.offset + UInt64(register.offset)
    for byte in 0..<UInt64(register.width) {
      _ = try ignoringRefusal { try bench.machine.readBAR(function.common.bar, at: at + byte, width: 1) }
      _ = try ignoringRefusal {
        try bench.machine.writeBAR(function.common.bar, at: at + byte, width: 1, 0xff)
      }
    }
    try bench.expectSaneAfterReset()
  }

  @Test(arguments: DevicePath.allCases, [true, false])
  func `queue addresses are written in halves in any order`(_ path: DevicePath, _ highFirst: Bool) throws {
    let bench = try discovered(path)
    let function = try #require(bench.driver.function), common = function.common
    try function.write(.queueSelect, 0)
    let value: UInt64 = 0x1122_3344_5566_7780
    for register in [CommonRegister.queueDescriptorArea, .queueDriverArea, .queueDeviceArea] {
      let at = common.offset + UInt64(register.offset)
      let halves: [(UInt64, UInt64)] = [(at, value & 0xffff_ffff), (at + 4, value >> 32)]
      for (place, half) in highFirst ? halves.reversed() : halves {
        try bench.machine.writeBAR(common.bar, at: place, width: 4, half)
      }
      #expect(try function.read(register) == value)
      try bench.machine.writeBAR(common.bar, at: at + 4, width: 4, 7)
      #expect(try function.read(register) == 7 << 32 | value & 0xffff_ffff)
    }
  }

  @Test(arguments: DevicePath.allCases, [UInt64(2), 3, 0x7fff, 0x8000, 0xffff])
  func `a queue that does not exist reads size 0 and cannot be enabled`(
    _ path: DevicePath, _ queue: UInt64
  ) throws {
    let bench = try discovered(path)
    let function = try #require(bench.driver.function)
    try bench.driver.negotiate()
    try function.write(.queueSelect, queue)
    #expect(try function.read(.queueSize) == 0)
    for register in CommonRegister.all where register.offset >= CommonRegister.queueSize.offset {
      try function.write(register, 1)
    }
    #expect(try function.read(.queueEnable) == 0)
    #expect(try function.read(.queueSize) == 0)
    try bench.expectSaneAfterReset()
  }

  @Test(arguments: DevicePath.allCases, [UInt64(0), 3, 5, 6, 7, 100, 0x8000, 0xffff, 1024, 4096])
  func `a queue size that is no power of two or too large does no harm`(
    _ path: DevicePath, _ size: UInt64
  ) throws {
    let bench = try discovered(path)
    let function = try #require(bench.driver.function)
    try bench.driver.negotiate()
    try function.write(.queueSelect, 0)
    let maximum = try function.read(.queueSize)
    guard size.nonzeroBitCount != 1 || size > maximum else { return }
    try function.write(.queueSize, size)
    let now = try function.read(.queueSize)
    // §4.1.4.3.1: what is read back is 0 or a power of two.
    #expect(now == 0 || now.nonzeroBitCount == 1 && now <= maximum)
    _ = try bench.driver.setUpQueue(1)
    try function.write(.queueSelect, 0)
    try bench.driver.program(
      RingPlaces(descriptorTable: Stage.memory, available: Stage.memory + 8192, used: Stage.memory + 16384))
    try function.write(.queueEnable, 1)
    try function.setStatus(15)
    try function.kick(queue: 0, notifyOffset: 0)
    try bench.expectSaneAfterReset()
  }

  /// Where ring parts cannot be.
  struct BadPlaces: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var places: @Sendable (Bench) -> RingPlaces
  }

  static let badPlaces: [BadPlaces] = {
    func row(
      _ name: String, _ change: @escaping @Sendable (Bench, inout RingPlaces) -> Void
    ) -> BadPlaces {
      BadPlaces(testDescription: name) { bench in
        var places = RingPlaces(
          descriptorTable: Stage.memory, available: Stage.memory + 8192, used: Stage.memory + 16384)
        change(bench, &places)
        return places
      }
    }
    let parts: [(String, @Sendable (inout RingPlaces, UInt64) -> Void)] = [
      ("descriptor table", { $0.descriptorTable = $1 }), ("available ring", { $0.available = $1 }),
      ("used ring", { $0.used = $1 }),
    ]
    var rows: [BadPlaces] = []
    for (name, set) in parts {
      rows += [
        row("\(name) at an odd address") { set(&$1, Stage.memory + 32768 + 1) },
        row("\(name) at address 0") { set(&$1, 0) },
        row("\(name) at the last byte of all") { set(&$1, .max) },
        row("\(name) at the last aligned address of all") { set(&$1, 0xffff_ffff_ffff_fff0) },
        row("\(name) in a hole") { set(&$1, $0.hole & ~15) },
        row("\(name) that ends behind memory") { set(&$1, $0.neighbour.end - 16) },
        row("\(name) across two regions") { set(&$1, $0.neighbour.base - 16) },
        row("\(name) in the device's own registers") {
          set(&$1, $0.driver.function.inventory.baseAddresses.last?.address ?? 0)
        },
        row("\(name) in memory that may only be read") { set(&$1, $0.readOnly.base) },
      ]
    }
    rows += [
      row("all parts in one place") {
        $1 = RingPlaces(descriptorTable: Stage.memory, available: Stage.memory, used: Stage.memory)
        _ = $0
      },
      row("parts that overlap by a little") { $1.used = $1.available + 4 },
      row("the descriptor table aligned to 8 only") { $1.descriptorTable = Stage.memory + 8 },
      row("the used ring aligned to 2 only") { $1.used = Stage.memory + 16386 },
    ]
    return rows
  }()

  @Test(arguments: DevicePath.allCases, badPlaces)
  func `rings lie where they cannot, and the device survives`(_ path: DevicePath, _ bad: BadPlaces) throws {
    let bench = try discovered(path)
    let function = try #require(bench.driver.function)
    try bench.driver.negotiate()
    try bench.driver.setUpQueues()
    try function.setStatus(0)
    while try function.status != 0 {}
    try bench.driver.negotiate()
    try function.write(.queueSelect, 0)
    try function.write(.queueSize, 16)
    try bench.driver.program(bad.places(bench))
    try function.write(.queueEnable, 1)
    try function.setStatus(15)
    // Bytes that a device would take for work.
    bench.ram.fill(Stage.memory, count: 65536, with: 1)
    bench.ram.fill(bench.readOnly.base, count: 8192, with: 1)
    for _ in 0..<3 { try function.kick(queue: 0, notifyOffset: 0) }
    _ = try function.status
    try bench.expectSaneAfterReset()
  }

  @Test(arguments: DevicePath.allCases, [UInt64(0), 2, 0xff, 0x100, 0xffff])
  func `queue_enable takes only 1`(_ path: DevicePath, _ value: UInt64) throws {
    let bench = try discovered(path)
    let function = try #require(bench.driver.function)
    try bench.driver.negotiate()
    try function.write(.queueSelect, 0)
    try function.write(.queueEnable, value)
    #expect(try function.read(.queueEnable) != value || value == 0)
    try bench.expectSaneAfterReset()
  }

  @Test(
    arguments: DevicePath.allCases,
    [CommonRegister.queueSize, .queueDescriptorArea, .queueDriverArea, .queueDeviceArea])
  func `a queue's setup is frozen once it is enabled`(_ path: DevicePath, _ register: CommonRegister) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    let function = try #require(bench.driver.function)
    try function.write(.queueSelect, 0)
    let before = try function.read(register)
    for value: UInt64 in [0, 3, 0xffff, 0x1000, .max] {
      try function.write(register, value)
      #expect(try function.read(register) == before)
    }
    try function.write(.queueEnable, 0)
    #expect(try function.read(.queueEnable) == 1)
    try function.write(.queueEnable, 1)
    try bench.expectSane()
  }

  @Test(arguments: DevicePath.allCases)
  func `enabling a queue before FEATURES_OK does no harm`(_ path: DevicePath) throws {
    let bench = try discovered(path)
    let function = try #require(bench.driver.function)
    for status: UInt8 in [0, 1, 3] {
      if status != 0 { try function.setStatus(status) }
      for queue: UInt64 in 0..<2 {
        try function.write(.queueSelect, queue)
        try function.write(.queueEnable, 1)
        try function.kick(queue: UInt16(queue), notifyOffset: UInt16(queue))
      }
    }
    try bench.expectSaneAfterReset()
  }

  // MARK: Features and status

  @Test(
    arguments: DevicePath.allCases, [0, 2, 3, 5, 10, 24, 27, 30, 31, 33, 34, 35, 37, 38, 39, 40, 41, 50, 63])
  func `a feature that was not offered is not accepted`(_ path: DevicePath, _ bit: Int) throws {
    let bench = try discovered(path)
    let function = try #require(bench.driver.function)
    let offered = try function.offeredFeatures()
    guard offered >> UInt64(bit) & 1 == 0 else { return }
    try function.setStatus(3)
    try function.acceptFeatures(1 << UInt64(VirtioLayout.Feature.version1) | 1 << UInt64(bit))
    try function.setStatus(11)
    let refused = try function.status & VirtioLayout.Status.featuresOK == 0
    try function.write(.driverFeatureSelect, UInt64(bit / 32))
    let dropped = try function.read(.driverFeature) >> UInt64(bit % 32) & 1 == 0
    // §3.1.1, §4.1.4.3.1: the device refuses FEATURES_OK, or never took the bit.
    #expect(refused || dropped)
    try bench.expectSaneAfterReset()
  }

  @Test(arguments: DevicePath.allCases)
  func `FEATURES_OK without VERSION_1 is refused`(_ path: DevicePath) throws {
    let bench = try discovered(path)
    let function = try #require(bench.driver.function)
    try function.setStatus(3)
    try function.acceptFeatures(0)
    try function.setStatus(11)
    #expect(try function.status & VirtioLayout.Status.featuresOK == 0)
    try bench.expectSaneAfterReset()
  }

  @Test(arguments: DevicePath.allCases)
  func `features are frozen by FEATURES_OK`(_ path: DevicePath) throws {
    let bench = try discovered(path)
    let function = try #require(bench.driver.function)
    try bench.driver.negotiate()
    try function.write(.driverFeatureSelect, 0)
    let before = try function.read(.driverFeature)
    try function.write(.driverFeature, 0)
    #expect(try function.read(.driverFeature) == before)
    try function.write(.driverFeatureSelect, 1)
    try function.write(.driverFeature, 0)
    #expect(try function.read(.driverFeature) & 1 == 1)
    try bench.expectSaneAfterReset()
  }

  @Test(arguments: DevicePath.allCases, [UInt64(2), 3, 31, 0x7fff_ffff, 0xffff_ffff])
  func `feature words past the second are empty and ignored`(_ path: DevicePath, _ select: UInt64) throws {
    let bench = try discovered(path)
    let function = try #require(bench.driver.function)
    try function.setStatus(3)
    try function.acceptFeatures(1 << UInt64(VirtioLayout.Feature.version1))
    try function.write(.driverFeatureSelect, select)
    try function.write(.driverFeature, 0xffff_ffff)
    try function.write(.deviceFeatureSelect, select)
    #expect(try function.read(.deviceFeature) == 0)
    try function.setStatus(11)
    #expect(try function.status == 11)
    try bench.expectSaneAfterReset()
  }

  @Test(
    arguments: DevicePath.allCases,
    [
      [UInt8(4)], [8], [0x40], [0x80], [0xff], [15], [1, 5], [1, 3, 7], [3, 11, 15, 11], [1, 3, 2],
      [0x80, 1, 3, 11, 15], [1, 0x81, 3], [3, 0x43], [16], [32], [1, 3, 11, 15, 0x8f, 15],
    ] as [[UInt8]])
  func `status bits in any order do no harm`(_ path: DevicePath, _ statuses: [UInt8]) throws {
    let bench = try discovered(path)
    let function = try #require(bench.driver.function)
    for status in statuses {
      try function.setStatus(status)
      for queue: UInt16 in 0..<2 { try function.kick(queue: queue, notifyOffset: queue) }
      _ = try function.status
    }
    try bench.expectSaneAfterReset()
  }

  @Test(arguments: DevicePath.allCases)
  func `a thousand resets in a row, at any moment of bring-up`(_ path: DevicePath) throws {
    let bench = try discovered(path)
    let function = try #require(bench.driver.function)
    for turn in 0..<1000 {
      for status: UInt8 in [1, 3, 11, 15].prefix(turn % 5) { try function.setStatus(status) }
      try function.setStatus(0)
    }
    while try function.status != 0 {}
    try bench.expectSaneAfterReset()
  }

  // MARK: Vectors

  @Test(arguments: DevicePath.allCases, [UInt64(3), 4, 0x7ff, 0x800, 0xfffe])
  func `a vector that does not exist reads back as none`(_ path: DevicePath, _ vector: UInt64) throws {
    let bench = try discovered(path)
    let function = try #require(bench.driver.function)
    guard let table = function.inventory.vectorTable, vector >= UInt64(table.vectorCount) else { return }
    try function.write(.configVector, vector)
    #expect(try function.read(.configVector) == 0xffff)
    for queue: UInt64 in 0..<2 {
      try function.write(.queueSelect, queue)
      try function.write(.queueVector, vector)
      #expect(try function.read(.queueVector) == 0xffff)
    }
    try bench.expectSaneAfterReset()
  }

  @Test(arguments: DevicePath.allCases)
  func `any event may go to any vector, and to none`(_ path: DevicePath) throws {
    let bench = try discovered(path)
    let function = try #require(bench.driver.function)
    let table = try #require(function.inventory.vectorTable)
    for vector in 0..<UInt64(table.vectorCount) {
      try function.write(.configVector, vector)
      #expect(try function.read(.configVector) == vector)
      for queue: UInt64 in 0..<2 {
        try function.write(.queueSelect, queue)
        try function.write(.queueVector, vector)
        #expect(try function.read(.queueVector) == vector)
      }
    }
    try function.write(.configVector, 0xffff)
    #expect(try function.read(.configVector) == 0xffff)
  }

  @Test(arguments: DevicePath.allCases)
  func `without a vector a used buffer raises no interrupt`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    let function = try #require(bench.driver.function)
    try function.write(.queueSelect, 0)
    try function.write(.queueVector, 0xffff)
    guard try function.read(.queueVector) == 0xffff else { return }
    try bench.offerAndKick(try bench.layOut(.getDisplayInfo).descriptors)
    guard case .used = try bench.outcome() else {
      Issue.record("not answered")
      return
    }
    #expect(try !bench.machine.waitForInterrupt(bench.driver.line(of: 0), timeoutInMilliseconds: 30))
  }

  @Test func `a masked vector is pending until it is unmasked`() throws {
    // Only in the process: over vfio-user the client keeps table and mask.
    let bench = try Bench(.inProcess)
    try bench.driver.bringUp()
    let table = try #require(bench.driver.function.inventory.vectorTable)
    let control = table.tableOffset + UInt64(1 * PCILayout.MSIX.entrySize + PCILayout.MSIX.entryControl)
    try bench.machine.writeBAR(table.tableBAR, at: control, width: 4, 1)
    try bench.offerAndKick(try bench.layOut(.getDisplayInfo).descriptors)
    guard case .used = try bench.outcome() else {
      Issue.record("not answered")
      return
    }
    #expect(try !bench.machine.waitForInterrupt(.vector(1), timeoutInMilliseconds: 30))
    // The buffer is used before the interrupt is raised, so the bit may come a moment later.
    #expect(
      try bench.eventually {
        try bench.machine.readBAR(table.pendingBAR, at: table.pendingOffset, width: 4) & 2 == 2
      })
    try bench.machine.writeBAR(table.tableBAR, at: control, width: 4, 0)
    #expect(
      try bench.machine.waitForInterrupt(.vector(1), timeoutInMilliseconds: Bench.patienceInMilliseconds))
    #expect(try bench.machine.readBAR(table.pendingBAR, at: table.pendingOffset, width: 4) & 2 == 0)
    // The function mask does the same for all of them.
    try bench.driver.function.setVectorControl(0xc000)
    try bench.offerAndKick(try bench.layOut(.getDisplayInfo).descriptors)
    _ = try bench.outcome()
    #expect(try !bench.machine.waitForInterrupt(.vector(1), timeoutInMilliseconds: 30))
    try bench.driver.function.setVectorControl(0x8000)
    #expect(
      try bench.machine.waitForInterrupt(.vector(1), timeoutInMilliseconds: Bench.patienceInMilliseconds))
  }

  // MARK: Device configuration

  @Test(arguments: DevicePath.allCases)
  func `device configuration takes writes anywhere and changes nothing but events`(_ path: DevicePath) throws
  {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    let function = try #require(bench.driver.function)
    for offset in 0..<24 {
      for width in [1, 2, 4, 8] {
        for value: UInt64 in [.max, 0, 0x8000_0001] {
          _ = try ignoringRefusal { try function.writeDevice(offset, width: width, value) }
        }
      }
    }
    #expect(try function.readDevice(GPULayout.Config.scanoutCount, width: 4) == 1)
    #expect(try function.readDevice(GPULayout.Config.capsetCount, width: 4) == 0)
    #expect(try function.readDevice(GPULayout.Config.eventsRead, width: 4) == 0)
    try bench.expectSane()
  }
}
