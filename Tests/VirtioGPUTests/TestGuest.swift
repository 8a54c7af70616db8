import CHost
import CVirtioGPUABI
import DisplayModel
import FrontEndAPI
import Glibc
import GuestRAM
import VirtioCore
import VirtioGPU

/// A guest with a device and two rings in its memory; requests are laid out by the system's own header.
final class TestGuest {
  static let pages = 4096
  /// Where a request and the room for its response lie, far from the rings and below the pictures.
  static let requestAddress = 0x10_0000
  static let responseAddress = 0x18_0000
  /// Free for pictures from here.
  static let pictures = 0x20_0000
  private static let queueSize: UInt16 = 64

  let device: GPUDevice
  let memory = GuestMemory()
  let descriptor: CInt
  private let state: DeviceState
  private var sent: [UInt16] = [0, 0]

  init(
    outputs: [(Int, Int)] = [(640, 480)], limits: DisplayLimits = DisplayLimits(),
    features: [Int32] = [VIRTIO_GPU_F_EDID], log: (@Sendable (RefusedRequest) -> Void)? = nil
  ) throws {
    device = try GPUDevice(
      outputs: outputs.map { OutputPreference(mode: OutputMode(width: $0.0, height: $0.1)!) }, memory: memory,
      limits: limits,
      log: log)
    state = DeviceState(device: device, memory: memory, scheduling: .inline)
    descriptor = unsafe chost_memfd("guest", UInt64(Self.pages * 4096), true)
    precondition(descriptor >= 0)
    try map()
    var status: DeviceStatus = [.acknowledge, .driver]
    state.writeStatus(status)
    state.acceptWord(0, state.offered.word(0) & features.reduce(0) { $0 | 1 << UInt32($1) })
    state.acceptWord(1, 1)  // VERSION_1
    status.insert(.featuresOK)
    state.writeStatus(status)
    state.setBusMaster(true)
    for index in 0..<2 as Range<UInt16> {
      let ring = UInt64(Self.ring(Int(index)))
      state.setQueueSize(index, Self.queueSize)
      state.setDescriptorArea(index, ring)
      state.setDriverArea(index, ring + 0x1000)
      state.setDeviceArea(index, ring + 0x2000)
      state.enableQueue(index)
    }
    status.insert(.driverOK)
    state.writeStatus(status)
    precondition(state.status == status)
  }

  deinit { close(descriptor) }

  private static func ring(_ index: Int) -> Int { 0x1000 + index * 0x4000 }

  /// Maps all of the guest's memory at address 0, anew.
  func map() throws { try mapBelow(Self.pages * 4096) }

  /// Maps the first `count` bytes of the guest's memory.
  func mapBelow(_ count: Int) throws {
    let region = try MappedRegion(
      fileDescriptor: descriptor, offset: 0, count: UInt64(count), writable: true)
    try memory.add(region, at: GuestAddress(0))
  }

  /// Maps one page of the guest's memory as a region of its own.
  func mapPage(_ page: Int) throws {
    let region = try MappedRegion(
      fileDescriptor: descriptor, offset: UInt64(page * 4096), count: 4096, writable: true)
    try memory.add(region, at: GuestAddress(UInt64(page * 4096)))
  }

  func write(_ bytes: [UInt8], at address: Int) {
    let count = unsafe pwrite(descriptor, bytes, bytes.count, address)
    precondition(count == bytes.count)
  }

  func read(_ count: Int, at address: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let done = unsafe pread(descriptor, &bytes, count, address)
    precondition(done == count)
    return bytes
  }

  /// Sends a request and returns what the device says it has written; nil if the buffer did not come back.
  ///
  /// - Parameters:
  ///   - room: bytes of the device-writable descriptor; none when nil.
  ///   - piece: the request is cut into descriptors of so many bytes.
  func send(_ request: [UInt8], on queue: Int = 0, room: Int? = 2048, piece: Int = .max) -> [UInt8]? {
    write(request, at: Self.requestAddress)
    let mark = [UInt8](repeating: 0xa5, count: 4096)
    write(mark, at: Self.responseAddress)
    var buffers: [(Int, Int, Bool)] = []
    for start in stride(from: 0, to: request.count, by: min(piece, max(request.count, 1))) {
      buffers.append((Self.requestAddress + start, min(piece, request.count - start), false))
    }
    if let room { buffers.append((Self.responseAddress, room, true)) }
    precondition(!buffers.isEmpty && buffers.count <= Int(Self.queueSize))
    var table: [UInt8] = []
    for (index, buffer) in buffers.enumerated() {
      let flags = (buffer.2 ? 2 : 0) | (index + 1 < buffers.count ? 1 : 0)
      table += little(buffer.0, 8) + little(buffer.1, 4) + little(flags, 2) + little(index + 1, 2)
    }
    let ring = Self.ring(queue)
    write(table, at: ring)
    let slot = Int(sent[queue] % Self.queueSize)
    write(little(0, 2), at: ring + 0x1000 + 4 + slot * 2)  // the chain always starts at descriptor 0
    sent[queue] &+= 1
    write(little(Int(sent[queue]), 2), at: ring + 0x1000 + 2)
    state.notify(UInt16(queue))  // worked on this thread, before it returns
    guard read(2, at: ring + 0x2000 + 2) == little(Int(sent[queue]), 2) else { return nil }
    let used = read(8, at: ring + 0x2000 + 4 + slot * 8)
    let count = used[4...].reversed().reduce(0) { $0 << 8 | Int($1) }
    let area = read(4096, at: Self.responseAddress)
    // What lies behind the response must not have been touched.
    precondition(area[count...].allSatisfy { $0 == 0xa5 }, "written beyond the used length")
    return Array(area[..<count])
  }

  /// The type of the response to a request, 0 when there is none.
  func type(_ request: [UInt8], on queue: Int = 0, room: Int? = 2048) -> UInt32 {
    guard let response = send(request, on: queue, room: room), response.count >= 24 else { return 0 }
    return word(response, 0)
  }
}

/// The `count` low bytes of a number, lowest first.
func little(_ value: Int, _ count: Int) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
}

/// Four bytes as a number.
func word(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
  (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32($1 * 8) }
}

/// Eight bytes as a number.
func long(_ bytes: [UInt8], _ offset: Int) -> UInt64 {
  UInt64(word(bytes, offset)) | UInt64(word(bytes, offset + 4)) << 32
}
