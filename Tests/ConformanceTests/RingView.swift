import GuestDriver

/// Where queue 0 is in guest memory, as the writes of its registers tell.
final class RingView {
  let ram: GuestRAMImage
  private(set) var table: UInt64 = 0
  private(set) var driverPart: UInt64 = 0
  private(set) var devicePart: UInt64 = 0
  private(set) var size = 0
  private var isPacked = false
  private var selectedQueue: UInt64 = 0
  private var selectedFeatures: UInt64 = 0

  init(_ ram: GuestRAMImage) { self.ram = ram }

  /// Takes notice of a write to the common configuration.
  func note(_ offset: UInt64, _ value: UInt64) {
    switch Int(offset) {
    case CommonRegister.driverFeatureSelect.offset: selectedFeatures = value
    case CommonRegister.driverFeature.offset where selectedFeatures == 1: isPacked = value & 4 != 0
    case CommonRegister.queueSelect.offset: selectedQueue = value
    case _ where selectedQueue != 0: return
    case CommonRegister.queueSize.offset: size = Int(value)
    // The upper halves are 0 in this machine.
    case CommonRegister.queueDescriptorArea.offset: table = value
    case CommonRegister.queueDriverArea.offset: driverPart = value
    case CommonRegister.queueDeviceArea.offset: devicePart = value
    default: return
    }
  }

  /// What changes when the device uses a buffer.
  var image: [UInt8] {
    guard size > 0 else { return [] }
    return isPacked ? ram.read(table, count: 16 * size) : ram.read(devicePart + 2, count: 2)
  }

  /// The last element of a split ring's used ring.
  var lastElement: UInt64 {
    devicePart + 4 + 8 * ((ram.load(devicePart + 2, width: 2) &+ 0xffff) % UInt64(size))
  }

  /// Changes a field in memory.
  func change(_ address: UInt64, width: Int, _ change: (UInt64) -> UInt64) {
    ram.store(change(ram.load(address, width: width)), width: width, at: address)
  }

  /// Changes the flags of each used descriptor of a packed ring, which has both bits set or both clear.
  func changeUsedFlags(_ change: (UInt64) -> UInt64) {
    for index in 0..<UInt64(size) {
      let at = table + 16 * index + 14
      let flags = ram.load(at, width: 2), bits = flags & 0x8080
      guard bits == 0x8080 || bits == 0 && flags != 0 else { continue }
      ram.store(change(flags), width: 2, at: at)
    }
  }
}
