import GuestDriver

/// Finds the requests that a doorbell announces and changes them where they lie, before the device looks.
///
/// It reads split rings as the driver laid them out, and of each chain the first descriptor alone.
final class RequestTap {
  private struct Queue {
    var size: UInt64 = 1
    var descriptors: UInt64 = 0
    var available: UInt64 = 0
    var seen: UInt16 = 0
  }

  private let ram: GuestRAMImage
  private var selected: UInt64 = 0
  private var queues: [UInt64: Queue] = [:]
  /// Doorbells of our own device lie from here on.
  private static let doorbells: UInt64 = 0x4000

  init(ram: GuestRAMImage) { self.ram = ram }

  /// Follows a write into the region of the modern structures, whose first one is the common configuration.
  func written(_ offset: UInt64, _ value: UInt64, _ change: (inout [UInt8]) -> Void) {
    func isRegister(_ register: CommonRegister) -> Bool { offset == UInt64(register.offset) }
    if offset >= Self.doorbells {
      for number in queues.keys { changeRequests(of: number, change) }
    } else if isRegister(.queueSelect) {
      selected = value
    } else if isRegister(.queueSize) {
      queues[selected, default: Queue()].size = value
    } else if isRegister(.queueDescriptorArea) {
      queues[selected, default: Queue()].descriptors = value
    } else if isRegister(.queueDriverArea) {
      queues[selected, default: Queue()].available = value
    } else if isRegister(.queueEnable) {
      queues[selected]?.seen = 0
    } else if isRegister(.deviceStatus), value == 0 {
      queues = [:]
    }
  }

  private func changeRequests(of number: UInt64, _ change: (inout [UInt8]) -> Void) {
    guard var queue = queues[number], queue.available != 0 else { return }
    let end = ram.read(queue.available + 2, count: 2).field16(at: 0)
    while queue.seen != end {
      let slot = queue.available + 4 + 2 * (UInt64(queue.seen) % queue.size)
      let head = UInt64(ram.read(slot, count: 2).field16(at: 0))
      let descriptor = ram.read(queue.descriptors + 16 * head, count: 16)
      if descriptor.field16(at: 12) & RingDescriptor.write == 0 {
        let address = descriptor.field64(at: 0)
        var bytes = ram.read(address, count: Int(descriptor.field32(at: 8)))
        change(&bytes)
        ram.write(bytes, at: address)
      }
      queue.seen &+= 1
    }
    queues[number] = queue
  }
}
