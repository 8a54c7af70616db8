import GuestDriver
import GuestRAM
import Synchronization
import VirtioCore
import VirtioEntropy

/// Counts up: what comes out shows where it comes from.
final class CountingSource: EntropySource {
  /// The most that it gives at once.
  let most: Int
  let given = Atomic(0)
  let calls = Atomic(0)

  init(most: Int = .max) { self.most = most }

  func fill(_ bytes: inout MutableRawSpan) -> Int {
    calls.add(1, ordering: .relaxed)
    let count = min(most, bytes.byteCount)
    for index in 0..<count {
      let value = given.load(ordering: .relaxed) + index
      bytes.storeBytes(of: Self.byte(value), toByteOffset: index, as: UInt8.self)
    }
    given.add(count, ordering: .relaxed)
    return count
  }

  /// Byte `index` of all that it ever gives: no period of a power of two.
  static func byte(_ index: Int) -> UInt8 { UInt8(1 + index % 251) }
}

/// A guest with the device's one queue in its memory.
final class EntropyGuest {
  static let base: UInt64 = 0x10_0000
  /// Buffers of a driver lie from here.
  static let buffers: UInt64 = 0x20_0000
  let ram = GuestRAMImage()
  let ring: SplitRing
  private let state: DeviceState

  init(_ source: any EntropySource) throws {
    let memory = GuestMemory()
    state = DeviceState(device: try EntropyDevice(source: source), memory: memory, scheduling: .inline)
    let block = try RAMBlock(base: Self.base, size: 8 << 20)
    ram.add(block)
    let region = try MappedRegion(
      fileDescriptor: block.descriptor, offset: 0, count: UInt64(block.size), writable: true)
    try memory.add(region, at: GuestAddress(Self.base))

    var status: DeviceStatus = [.acknowledge, .driver]
    state.writeStatus(status)
    state.acceptWord(0, UInt32(1) << 28)  // indirect descriptors
    state.acceptWord(1, 1)  // VERSION_1
    status.insert(.featuresOK)
    state.writeStatus(status)
    state.setBusMaster(true)
    let size = Int(state.queueSetup(0).maximumSize)
    let parts = RingPlaces.byteCounts(size: size)
    let places = RingPlaces(
      descriptorTable: try ram.allocate(parts.descriptorTable), available: try ram.allocate(parts.available),
      used: try ram.allocate(parts.used))
    ring = SplitRing(queue: 0, size: size, places: places, usesEventIndex: false, ram: ram)
    state.setDescriptorArea(0, places.descriptorTable)
    state.setDriverArea(0, places.available)
    state.setDeviceArea(0, places.used)
    state.enableQueue(0)
    status.insert(.driverOK)
    state.writeStatus(status)
    precondition(state.status == status)
  }

  /// The device status, as a driver reads it.
  var status: DeviceStatus { state.status }

  /// Rings the doorbell; the device works on this thread, before it returns.
  func kick() { state.notify(0) }

  /// Sends one buffer and returns what the device says it has written; nil when it did not come back.
  func send(_ chain: [RingDescriptor]) throws -> Int? {
    let head = try ring.offer(chain)
    kick()
    guard let used = try ring.takeUsed(), used.head == UInt32(head) else { return nil }
    return Int(used.length)
  }

  /// A device-writable descriptor.
  func room(_ count: Int, at address: UInt64 = buffers) -> RingDescriptor {
    RingDescriptor(address: address, length: UInt32(count), flags: RingDescriptor.write)
  }
}
