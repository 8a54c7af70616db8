import GuestDriver
import GuestRAM
import HostThreads
import Testing
import VirtioCore
import VirtioInput

/// One event as the guest's driver reads it.
struct SeenEvent: Equatable, CustomStringConvertible {
  let type: UInt16
  let code: UInt16
  let value: Int32

  init(_ type: UInt16, _ code: UInt16, _ value: Int32) {
    (self.type, self.code, self.value) = (type, code, value)
  }

  init(_ bytes: [UInt8]) {
    self.init(bytes.field16(at: 0), bytes.field16(at: 2), Int32(bitPattern: bytes.field32(at: 4)))
  }

  static let report = SeenEvent(0, 0, 0)
  static func key(_ code: UInt16, _ value: Int32) -> SeenEvent { SeenEvent(1, code, value) }
  static func way(_ code: UInt16, _ value: Int32) -> SeenEvent { SeenEvent(2, code, value) }
  static func place(_ code: UInt16, _ value: Int32) -> SeenEvent { SeenEvent(3, code, value) }

  var description: String { "(\(type), \(code), \(value))" }
}

/// Lights that the device told of, in order.
final class SeenLights: Sendable {
  let all = Lock<[UInt8]>([])
  var values: [UInt8] { all.withLock { $0 } }
}

/// A guest with the device's two queues in its memory; the device works on the thread that rings.
final class InputGuest {
  static let base: UInt64 = 0x10_0000
  /// Buffers of a driver lie from here.
  static let buffers: UInt64 = 0x20_0000
  static let mark: UInt8 = 0xee

  let ram = GuestRAMImage()
  let device: InputDevice
  let lights = SeenLights()
  private(set) var events: SplitRing
  private(set) var status: SplitRing
  let state: DeviceState
  /// Where the buffers are that the device has, by their heads.
  private var places: [UInt32: UInt64] = [:]
  private var nextPlace = 0

  init(_ kind: InputKind) throws {
    let memory = GuestMemory()
    let lights = lights
    device = InputDevice(kind, serial: "serial") { new in lights.all.withLock { $0.append(new.rawValue) } }
    state = DeviceState(device: device, memory: memory, scheduling: .inline)
    let block = try RAMBlock(base: Self.base, size: 8 << 20)
    ram.add(block)
    let region = try MappedRegion(
      fileDescriptor: block.descriptor, offset: 0, count: UInt64(block.size), writable: true)
    try memory.add(region, at: GuestAddress(Self.base))
    ram.fill(Self.buffers, count: 1 << 20, with: Self.mark)
    let rings = try Self.bringUp(state, ram)
    (events, status) = (rings[0], rings[1])
  }

  /// Resets the device as a driver does and drives it anew.
  func restart() throws {
    state.writeStatus([])
    places = [:]
    let rings = try Self.bringUp(state, ram)
    (events, status) = (rings[0], rings[1])
  }

  private static func bringUp(_ state: DeviceState, _ ram: GuestRAMImage) throws -> [SplitRing] {
    var status: DeviceStatus = [.acknowledge, .driver]
    state.writeStatus(status)
    state.acceptWord(0, UInt32(1) << 28)  // indirect descriptors
    state.acceptWord(1, 0x801)  // VERSION_1 and SUSPEND
    status.insert(.featuresOK)
    state.writeStatus(status)
    state.setBusMaster(true)
    let rings = try (0..<2).map { queue in
      let size = Int(state.queueSetup(UInt16(queue)).maximumSize)
      let parts = RingPlaces.byteCounts(size: size)
      let places = RingPlaces(
        descriptorTable: try ram.allocate(parts.descriptorTable),
        available: try ram.allocate(parts.available), used: try ram.allocate(parts.used))
      state.setDescriptorArea(UInt16(queue), places.descriptorTable)
      state.setDriverArea(UInt16(queue), places.available)
      state.setDeviceArea(UInt16(queue), places.used)
      state.enableQueue(UInt16(queue))
      return SplitRing(queue: UInt16(queue), size: size, places: places, usesEventIndex: false, ram: ram)
    }
    status.insert(.driverOK)
    state.writeStatus(status)
    precondition(state.status == status)
    return rings
  }

  /// Something happens outside; as a transport does it.
  @discardableResult
  func happen(_ changes: InputChange...) -> Bool {
    let isKept = device.add(changes)
    state.lookAgain(at: InputDevice.Queue.event)
    return isKept
  }

  /// Offers buffers for events, each of one descriptor and in a place of its own, and rings.
  func offer(_ count: Int, size: Int = 8) throws {
    for _ in 0..<count {
      nextPlace = (nextPlace + 1) % 4096
      try offer([room(size, at: Self.buffers + UInt64(nextPlace) * 64)])
    }
    state.notify(0)
  }

  /// Offers one buffer for an event; its first descriptor is where the event is looked for.
  func offer(_ chain: [RingDescriptor]) throws {
    places[UInt32(try events.offer(chain))] = chain[0].address
  }

  /// The next buffer that came back: its length and its first 8 bytes.
  func takeBuffer() throws -> (length: Int, bytes: [UInt8])? {
    guard let used = try events.takeUsed() else { return nil }
    let known = places.removeValue(forKey: used.head)
    let place = try #require(known)
    return (Int(used.length), ram.read(place, count: 8))
  }

  /// The lengths of the event buffers that came back.
  func usedLengths() throws -> [Int] {
    var lengths: [Int] = []
    while let buffer = try takeBuffer() { lengths.append(buffer.length) }
    return lengths
  }

  /// Takes all events that there are, buffer by buffer.
  func takeAll() throws -> [SeenEvent] {
    var seen: [SeenEvent] = []
    while true {
      if places.isEmpty { try offer(1) }
      guard let buffer = try takeBuffer() else { return seen }
      try #require(buffer.length == 8)
      seen.append(SeenEvent(buffer.bytes))
    }
  }

  /// Sends bytes on the status queue; the length that the device says it has written, nil when it kept the buffer.
  func send(_ bytes: [UInt8]) throws -> Int? {
    let place = Self.buffers + 0x8_0000
    if !bytes.isEmpty { ram.write(bytes, at: place) }
    _ = try status.offer([RingDescriptor(address: place, length: UInt32(bytes.count))])
    state.notify(1)
    return try status.takeUsed().map { Int($0.length) }
  }

  /// A device-writable descriptor.
  func room(_ count: Int, at address: UInt64 = buffers) -> RingDescriptor {
    RingDescriptor(address: address, length: UInt32(count), flags: RingDescriptor.write)
  }

  /// Reads the configuration as a driver that selected something.
  func configuration(_ select: UInt8, _ subsel: UInt8) -> [UInt8] {
    write(0, [select])
    write(1, [subsel])
    return read(0, 136)
  }

  func write(_ offset: Int, _ bytes: [UInt8]) {
    unsafe state.writeConfiguration(at: offset, bytes.span.bytes)  // a UInt8 has no hole
  }

  func read(_ offset: Int, _ count: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: Self.mark, count: count)
    var span = bytes.mutableSpan
    var raw = unsafe span.mutableBytes  // any byte is a UInt8
    state.readConfiguration(at: offset, into: &raw)
    return bytes
  }
}
