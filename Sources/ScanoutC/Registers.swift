public import CScanout
import Glibc
import ScanoutDevice

/// `scanout_device_get_info`; see `scanout.h`, as for every function here.
@c @implementation
public func scanout_device_get_info(
  _ device: OpaquePointer?, _ info: UnsafeMutablePointer<scanout_device_info>?
) -> CInt {
  result { () throws(Refusal) in
    let device = try unsafe object(device, DeviceHandle.self), target = try unsafe StructTarget(info)
    var info = scanout_device_info()
    info.kind = UInt32(device.number)
    info.flags = device.function.hasINTx ? UInt32(SCANOUT_DEVICE_HAS_INTX) : 0
    info.config_size = UInt32(clamping: device.function.configurationSpaceSize)
    info.msix_vectors = UInt32(clamping: device.function.msixVectorCount)
    if case .display(let display) = device.kind {
      info.outputs = UInt32(clamping: display.outputPreferences.count)
    }
    target.fill(info)
  }
}

extension DeviceHandle {
  /// C's number of the kind.
  fileprivate var number: Int {
    switch kind {
    case .display: SCANOUT_DEVICE_DISPLAY
    case .keyboard: SCANOUT_DEVICE_KEYBOARD
    case .pointer(let pointer): pointer.kind == .tablet ? SCANOUT_DEVICE_TABLET : SCANOUT_DEVICE_MOUSE
    case .touch: SCANOUT_DEVICE_TOUCH
    case .entropy: SCANOUT_DEVICE_ENTROPY
    }
  }
}

/// `scanout_device_get_bar`
@c @implementation
public func scanout_device_get_bar(
  _ device: OpaquePointer?, _ index: UInt32, _ bar: UnsafeMutablePointer<scanout_bar>?
) -> CInt {
  result { () throws(Refusal) in
    let bars = try unsafe object(device, DeviceHandle.self).function.bars
    let target = try unsafe StructTarget(bar)
    guard bars.indices.contains(Int(index)) else { throw .invalid }
    let found = bars[Int(index)]
    var bar = scanout_bar()
    bar.kind = UInt32(found.kind.number)
    bar.flags = found.isPrefetchable ? UInt32(SCANOUT_BAR_PREFETCHABLE) : 0
    bar.bytes = found.size
    target.fill(bar)
  }
}

extension BAR.Kind {
  /// C's number of the kind.
  fileprivate var number: Int {
    switch self {
    case .absent: SCANOUT_BAR_ABSENT
    case .io: SCANOUT_BAR_IO
    case .memory32: SCANOUT_BAR_MEMORY32
    case .memory64: SCANOUT_BAR_MEMORY64
    }
  }
}

/// The most bytes of one access.
private let largestAccess = 4096

/// The region that C names.
private func region(_ number: UInt32) throws(Refusal) -> PCIRegion {
  switch Int(number) {
  case SCANOUT_REGION_BAR0...SCANOUT_REGION_BAR5: .bar(Int(number))
  case SCANOUT_REGION_CONFIG: .configuration
  default: throw .invalid
  }
}

/// `scanout_device_read`
@c @implementation
public func scanout_device_read(
  _ device: OpaquePointer?, _ region: UInt32, _ offset: UInt64, _ bytes: UnsafeMutableRawPointer?,
  _ count: Int
) -> CInt {
  result { () throws(Refusal) in
    let device = try unsafe object(device, DeviceHandle.self), place = try ScanoutC.region(region)
    guard let bytes = unsafe bytes, 1...largestAccess ~= count else { throw .invalid }
    // The caller promises `count` bytes for the time of the call; what they held before is not read.
    var span = unsafe MutableRawSpan(_unsafeStart: bytes, byteCount: count)
    device.function.read(place, at: offset, into: &span)
  }
}

/// `scanout_device_write`
@c @implementation
public func scanout_device_write(
  _ device: OpaquePointer?, _ region: UInt32, _ offset: UInt64, _ bytes: UnsafeRawPointer?, _ count: Int
) -> CInt {
  result { () throws(Refusal) in
    let device = try unsafe object(device, DeviceHandle.self), place = try ScanoutC.region(region)
    guard let bytes = unsafe bytes, 1...largestAccess ~= count else { throw .invalid }
    // The caller promises `count` bytes for the time of the call.
    unsafe device.function.write(place, at: offset, RawSpan(_unsafeStart: bytes, byteCount: count))
  }
}

extension DeviceHandle {
  /// The doorbell of C's index.
  fileprivate func doorbell(_ index: UInt32) throws(Refusal) -> PCIDoorbell {
    let doorbells = function.doorbells
    guard index < doorbells.count else { throw Refusal(errno: ENOENT) }
    return doorbells[Int(index)]
  }
}

/// `scanout_device_get_doorbell`
@c @implementation
public func scanout_device_get_doorbell(
  _ device: OpaquePointer?, _ index: UInt32, _ doorbell: UnsafeMutablePointer<scanout_doorbell>?
) -> CInt {
  result { () throws(Refusal) in
    let device = try unsafe object(device, DeviceHandle.self), target = try unsafe StructTarget(doorbell)
    let found = try device.doorbell(index)
    var doorbell = scanout_doorbell()
    doorbell.bar = UInt32(clamping: found.bar)
    doorbell.offset = found.offset
    doorbell.queue = UInt32(clamping: found.queue)
    doorbell.width = found.match == nil ? 0 : 2
    doorbell.match = UInt32(found.match ?? 0)
    target.fill(doorbell)
  }
}

/// `scanout_device_ring`
@c @implementation
public func scanout_device_ring(_ device: OpaquePointer?, _ index: UInt32) -> CInt {
  result { () throws(Refusal) in
    let device = try unsafe object(device, DeviceHandle.self)
    device.function.ring(try device.doorbell(index))
  }
}

/// `scanout_device_reset`
@c @implementation
public func scanout_device_reset(_ device: OpaquePointer?) -> CInt {
  result { () throws(Refusal) in try unsafe object(device, DeviceHandle.self).function.reset() }
}

/// `scanout_device_connect`
@c @implementation
public func scanout_device_connect(
  _ device: OpaquePointer?, _ interrupts: UnsafePointer<scanout_interrupts>?
) -> CInt {
  result { () throws(Refusal) in
    let device = try unsafe object(device, DeviceHandle.self)
    guard unsafe interrupts != nil else { return device.function.connect(nil) }
    let wanted = try unsafe load(interrupts)
    try unsafe check(flags: wanted.flags, known: SCANOUT_INTERRUPTS_HOST_TABLE)
    unsafe device.function.connect(CallbackSink(wanted))
  }
}

/// Brings interrupts to callbacks of C's.
@safe private final class CallbackSink: InterruptSink, @unchecked Sendable {
  // Sendable: never changes, and the header says on which threads the callbacks come.
  private let target: scanout_interrupts

  init(_ target: scanout_interrupts) { unsafe self.target = target }

  var ownsMSIXTable: Bool { unsafe target.flags.has(SCANOUT_INTERRUPTS_HOST_TABLE) }

  // The header has the context live until another sink is connected or the device has ended.
  func signalMessage(vector: Int, address: UInt64, data: UInt32) {
    unsafe target.message?(target.context, UInt32(clamping: vector), address, data)
  }

  func setINTx(asserted: Bool) { unsafe target.intx?(target.context, asserted ? 1 : 0) }
}
