import CBenchmark
import DeviceMachine
import GuestDriver
import ScanoutDevice

/// Counts what the entropy device's thread allocates while it fills buffers.
enum RandomNumbers {
  static func run(_ report: inout Report) throws {
    let device = try RandomDevice(memory: GuestMemory())
    let machine = try InProcessMachine(device.function, memory: device.memory)
    let block = try RAMBlock(base: 0x1000_0000, size: 1 << 20)
    let ram = GuestRAMImage()
    ram.add(block)
    try machine.mapRAM(block, access: .readWrite)
    let function = try VirtioFunction(machine, try PCIInventory(probing: machine))
    let ring = try bringUp(function, ram)

    let size = 64 << 10
    let buffer = RingDescriptor(
      address: try ram.allocate(size), length: UInt32(size), flags: RingDescriptor.write)
    func fill(_ count: Int) throws {
      for _ in 0..<count {
        _ = try ring.offer([buffer])
        try function.kick(queue: 0, notifyOffset: 0)
        var used: UsedElement?
        while used == nil { used = try ring.takeUsed() }
        guard used?.length == UInt32(size) else { throw BenchError() }
      }
    }
    try fill(50)
    let start = cbenchmark_allocations()
    let time = try ContinuousClock().measure { try fill(1000) }
    let allocated = cbenchmark_allocations() - start
    let rate = 1000 * size / max(1, Int(time / .microseconds(1)))
    report.check(
      "1000 buffers of 64 KiB of random numbers allocate nothing", allocated == 0,
      "\(allocated) allocations, \(rate) MB/s")
  }

  /// Brings the device up with its one queue, without interrupts.
  private static func bringUp(_ function: VirtioFunction, _ ram: GuestRAMImage) throws -> SplitRing {
    typealias Status = VirtioLayout.Status
    try function.setCommand(PCILayout.Command.memorySpace | PCILayout.Command.busMaster)
    let status = Status.acknowledge | Status.driver
    try function.setStatus(status)
    try function.acceptFeatures(1 << UInt64(VirtioLayout.Feature.version1))
    try function.setStatus(status | Status.featuresOK)
    try function.write(.queueSelect, 0)
    let size = Int(try function.read(.queueSize))
    let parts = RingPlaces.byteCounts(size: size)
    let places = RingPlaces(
      descriptorTable: try ram.allocate(parts.descriptorTable), available: try ram.allocate(parts.available),
      used: try ram.allocate(parts.used))
    let ring = SplitRing(queue: 0, size: size, places: places, usesEventIndex: false, ram: ram)
    ring.setAvailableFlags(1)
    try function.write(.queueDescriptorArea, places.descriptorTable)
    try function.write(.queueDriverArea, places.available)
    try function.write(.queueDeviceArea, places.used)
    try function.write(.queueEnable, 1)
    try function.setStatus(status | Status.featuresOK | Status.driverOK)
    return ring
  }
}
