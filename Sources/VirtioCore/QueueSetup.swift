import GuestRAM

/// What a driver has said of one queue: written through a register file, read by the device's thread.
package struct QueueSetup: Sendable, Equatable {
  /// The largest size that the device offers; 0 when there is no such queue.
  package let maximumSize: UInt16
  /// The ring's number of entries, the driver's to reduce (`queue_size`).
  package internal(set) var size: UInt16
  /// The MSI-X vector, or `noVector` (`queue_msix_vector`).
  package internal(set) var vector: UInt16 = QueueSetup.noVector
  /// Whether the driver has enabled the queue (`queue_enable`); size and addresses are frozen from then on.
  package internal(set) var isEnabled = false
  /// Whether the driver has reset the queue and the device's thread has not let go of it yet (`queue_reset`).
  package internal(set) var isResetting = false
  /// Where the descriptor area lies (`queue_desc`).
  package internal(set) var descriptorArea: UInt64 = 0
  /// Where the driver area lies: the available ring (`queue_driver`).
  package internal(set) var driverArea: UInt64 = 0
  /// Where the device area lies: the used ring (`queue_device`).
  package internal(set) var deviceArea: UInt64 = 0

  /// No vector (`VIRTIO_MSI_NO_VECTOR`).
  package static let noVector: UInt16 = 0xffff

  init(maximumSize: UInt16) {
    self.maximumSize = maximumSize
    size = maximumSize
  }

  /// Lays a split ring out in one piece, by the classic formula (virtio 1.4 §2.7.2): the descriptor table, the
  /// available ring right behind it, the used ring at the next multiple of `alignment`.
  ///
  /// False, with nothing changed, when the alignment is no power of two of at least 4, when `address` is no multiple of
  /// it and of the 16 that descriptors need, or when the ring would wrap around the end of the address space.
  mutating func layOut(at address: UInt64, alignment: UInt64) -> Bool {
    guard alignment >= 4, alignment.nonzeroBitCount == 1, address % max(alignment, 16) == 0 else {
      return false
    }
    let (driver, driverWraps) = address.addingReportingOverflow(16 * UInt64(size))
    // Flags, index, one entry for each descriptor, the event index.
    let (end, endWraps) = driver.addingReportingOverflow(6 + 2 * UInt64(size))
    let (raised, deviceWraps) = end.addingReportingOverflow(alignment - 1)
    let device = raised & ~(alignment - 1)
    guard !driverWraps, !endWraps, !deviceWraps,
      GuestRange(start: GuestAddress(device), count: 6 + 8 * UInt64(size)) != nil
    else { return false }
    descriptorArea = address
    driverArea = driver
    deviceArea = device
    return true
  }

  /// Whether size and addresses are such as a ring of the accepted format may have: areas aligned and not wrapping, and
  /// the size of a split ring a power of two (virtio 1.4 §2.7, §2.8, §2.8.10.1). Whether memory is there is seen when the
  /// ring is first used.
  func isWellFormed(_ features: FeatureSet) -> Bool {
    guard size > 0, size <= maximumSize, descriptorArea % 16 == 0, deviceArea % 4 == 0 else { return false }
    if features.contains(.ringPacked) {
      return size <= PackedLayout.largestSize && driverArea % 4 == 0 && PackedLayout(self) != nil
    }
    return size.nonzeroBitCount == 1 && driverArea % 2 == 0 && SplitLayout(self) != nil
  }
}

/// The three areas of a split ring as ranges of guest memory (virtio 1.4 §2.7).
struct SplitLayout {
  let descriptors: GuestRange
  let available: GuestRange
  let used: GuestRange

  /// Nil when an area would wrap around the end of the address space.
  init?(_ setup: QueueSetup) {
    let size = UInt64(setup.size)
    guard
      let descriptors = GuestRange(start: GuestAddress(setup.descriptorArea), count: 16 * size),
      let available = GuestRange(start: GuestAddress(setup.driverArea), count: 6 + 2 * size),
      let used = GuestRange(start: GuestAddress(setup.deviceArea), count: 6 + 8 * size)
    else { return nil }
    self.descriptors = descriptors
    self.available = available
    self.used = used
  }
}
