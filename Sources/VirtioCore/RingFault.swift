import GuestRAM

/// What is wrong with a ring: the device cannot go on and asks for a reset (virtio 1.4 §2.1.2).
package enum RingFault: Error, Equatable, Sendable {
  /// An area of the ring is not guest memory that the device may use.
  case area(GuestFault)
  /// The available index of a split ring is more than the queue's size ahead (§2.7.6).
  case availableIndex
  /// A head or `next` names no descriptor.
  case descriptorIndex
  /// A chain of a packed ring goes on with a descriptor that the driver has not made available (§2.8.17).
  case unavailable
  /// The driver of a packed ring made a descriptor available again that the device has not used (§2.8.16).
  case descriptorInUse
  /// A chain with more descriptors than the queue has, so a loop, or an indirect table that is too long.
  case chainTooLong
  /// More than 2^32 bytes in one chain (§2.7.5).
  case chainTooLarge
  /// A device-readable descriptor behind a device-writable one (§2.7.4.2, §2.8.17).
  case order
  /// An indirect descriptor that was not negotiated, also has NEXT, stands inside a table of a split ring or behind
  /// others in a packed one, or whose table's size is 0 or no multiple of 16 (§2.7.5.3.1, §2.8.19).
  case indirect
  /// A descriptor names what is not guest memory, or writable what is read-only.
  case buffer(GuestFault)

  /// What it is counted as.
  var kind: RingFaultKind {
    switch self {
    case .area: .area
    case .availableIndex: .availableIndex
    case .descriptorIndex: .descriptorIndex
    case .unavailable: .unavailable
    case .descriptorInUse: .descriptorInUse
    case .chainTooLong: .chainTooLong
    case .chainTooLarge: .chainTooLarge
    case .order: .order
    case .indirect: .indirect
    case .buffer: .buffer
    }
  }
}

/// The kinds of broken rings that are told apart, for statistics: each makes the device ask for a reset.
public enum RingFaultKind: Int, Sendable, CaseIterable {
  /// An area of the ring is not guest memory.
  case area
  /// The available index is too far ahead.
  case availableIndex
  /// A head or `next` names no descriptor.
  case descriptorIndex
  /// A chain goes on with a descriptor that is not available.
  case unavailable
  /// A descriptor was made available again before it was used.
  case descriptorInUse
  /// A chain has too many descriptors: a loop, or too long a table.
  case chainTooLong
  /// A chain has more than 2^32 bytes.
  case chainTooLarge
  /// A device-readable descriptor stands behind a device-writable one.
  case order
  /// An indirect descriptor where none may be, or with a table that is none.
  case indirect
  /// A descriptor names what is not guest memory.
  case buffer
}
