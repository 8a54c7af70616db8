/// The driver's side of one virtqueue, split or packed, as far as both are the same.
///
/// Whoever wants to break a format's rules goes to `SplitRing` or `PackedRing`, whose single fields are open.
package protocol DriverRing: AnyObject {
  /// The queue's number in the device.
  var queue: UInt16 { get }
  /// Descriptors.
  var size: Int { get }
  var places: RingPlaces { get }
  /// Descriptors that no chain uses.
  var freeDescriptorCount: Int { get }
  /// How much was made available so far, free-running: entries of a split ring, descriptors of a packed one.
  var availableIndex: UInt16 { get }
  /// What a doorbell says with NOTIFICATION_DATA: `next_off` and, as bit 15, `next_wrap` (virtio 1.4 §2.9).
  var notificationData: UInt16 { get }

  /// Makes a chain available; returns what names it when it is used, its head or its buffer ID.
  ///
  /// NEXT is set as the format wants it, other flags are kept.
  func offer(_ chain: [RingDescriptor]) throws -> UInt16
  /// Whether the device wants to be told of what was made available since `availableIndex` was `old`.
  func wantsKick(since old: UInt16) -> Bool
  /// Whether the device has given a buffer back that was not taken yet.
  var hasUsed: Bool { get }
  /// Takes the next used buffer, if the device has given one back, and frees its descriptors.
  func takeUsed() throws -> UsedElement?

  /// Asks for no interrupts; the device may send some all the same.
  func suppressInterrupts()
  /// Asks for an interrupt at the next used buffer. One that was used before may not raise any: look once more.
  func requestInterrupts()
}

/// A used buffer: an element of a split ring's used ring (virtio 1.4 §2.7.8), or a used descriptor (§2.8.2).
package struct UsedElement: Hashable, Sendable {
  /// The head of the chain, or its buffer ID.
  package var head: UInt32
  /// How many bytes the device says it wrote.
  package var length: UInt32

  package init(head: UInt32, length: UInt32) {
    self.head = head
    self.length = length
  }
}

/// The three parts of a virtqueue, wherever the driver wants them (virtio 1.4 §2.7, §2.8).
package struct RingPlaces: Hashable, Sendable {
  /// The descriptor table, or a packed ring's descriptor ring.
  package var descriptorTable: UInt64
  /// The available ring, or a packed ring's driver event suppression structure.
  package var available: UInt64
  /// The used ring, or a packed ring's device event suppression structure.
  package var used: UInt64

  package init(descriptorTable: UInt64, available: UInt64, used: UInt64) {
    self.descriptorTable = descriptorTable
    self.available = available
    self.used = used
  }

  /// Bytes of each part of a split ring for a queue size, the event index field included (§2.7).
  package static func byteCounts(size: Int) -> (descriptorTable: Int, available: Int, used: Int) {
    (RingDescriptor.size * size, 6 + 2 * size, 6 + 8 * size)
  }

  /// Bytes of each part of a packed ring (§2.8.10.1).
  package static func packedByteCounts(size: Int) -> (descriptorTable: Int, available: Int, used: Int) {
    (PackedDescriptor.size * size, 4, 4)
  }
}

/// What a driver that accepted IN_ORDER knows of the buffers it has made available (virtio 1.4 §2.7.9, §2.8.8).
///
/// A device may write one used element for several buffers; those it left out count as used completely.
struct OrderedBuffers {
  private var outstanding: [(name: UInt16, room: UInt32)] = []
  /// The element that was read last, as long as buffers before it are still to be handed out.
  private var batch: UsedElement?

  /// Notes a buffer that is about to be made available.
  mutating func add(_ name: UInt16, _ chain: [RingDescriptor]) {
    let room = chain.lazy.filter { $0.flags & RingDescriptor.write != 0 }.map(\.length).reduce(0, &+)
    outstanding.append((name, room))
  }

  /// The next used buffer; `read` reads an element of the ring, which is done only when no batch is in hand.
  mutating func next(_ read: () throws -> UsedElement?) throws -> UsedElement? {
    if batch == nil { batch = try read() }
    guard let last = batch else { return nil }
    guard outstanding.contains(where: { UInt32($0.name) == last.head }) else {
      throw DriverError.deviceFault("used buffer \(last.head) is not outstanding")
    }
    let first = outstanding.removeFirst()
    guard UInt32(first.name) != last.head else {
      batch = nil
      return last
    }
    return UsedElement(head: UInt32(first.name), length: first.room)
  }
}
