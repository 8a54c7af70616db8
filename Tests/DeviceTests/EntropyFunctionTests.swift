import DeviceMachine
import GuestDriver
import GuestRAM
import ScanoutDevice
import Testing

/// The entropy device as a guest finds it on its bus.
@Suite(.timeLimit(.minutes(15))) struct EntropyFunctionTests {
  private let machine: InProcessMachine
  private let ram = GuestRAMImage()
  private let device: RandomDevice

  init() throws {
    device = try RandomDevice(memory: GuestMemory())
    machine = try InProcessMachine(device.function, memory: device.memory)
    let block = try RAMBlock(base: 0x10_0000, size: 1 << 20)
    ram.add(block)
    try machine.mapRAM(block, access: .readWrite)
  }

  @Test func `its identity is that of an entropy device and it has no device configuration`() throws {
    let inventory = try PCIInventory(probing: machine)
    #expect(inventory.vendorID == 0x1af4 && inventory.deviceID == 0x1044 && inventory.revisionID >= 1)
    #expect(inventory.baseClass == 0x00 && inventory.subclass == 0xff)
    // Common, notify, ISR, the access window, and vendor data for rings in one piece.
    // Common, notify, ISR and the access window.
    #expect(inventory.virtioStructures.map(\.type).sorted() == [1, 2, 3, 5, 9])
    #expect(throws: DriverError.self) { try inventory.virtioStructure(VirtioLayout.CapabilityType.device) }
  }

  @Test func `registers where other devices have their configuration read as 0 and swallow writes`() throws {
    let function = try VirtioFunction(machine, try PCIInventory(probing: machine))
    // The page between ISR status and doorbells, whose place is fixed (spec/pci-function.md).
    for offset in [0x2000, 0x2ff8] as [UInt64] {
      try machine.writeBAR(function.common.bar, at: offset, width: 4, 0xffff_ffff)
      #expect(try machine.readBAR(function.common.bar, at: offset, width: 8) == 0)
    }
  }

  @Test(arguments: [true, false])
  func `a driver that brings it up gets bytes and an interrupt`(_ usesVectors: Bool) throws {
    typealias Status = VirtioLayout.Status
    let function = try VirtioFunction(machine, try PCIInventory(probing: machine))
    try function.setCommand(PCILayout.Command.memorySpace | PCILayout.Command.busMaster)
    let offered = try function.offeredFeatures()
    #expect(offered & 0xff_ffff == 0)  // none of its type's own
    var status = Status.acknowledge | Status.driver
    try function.setStatus(status)
    try function.acceptFeatures(1 << UInt64(VirtioLayout.Feature.version1))
    status |= Status.featuresOK
    try function.setStatus(status)
    #expect(try function.status == status)
    if usesVectors {
      try function.programVector(1)
      try function.setVectorControl(PCILayout.MSIX.controlEnable)
    }
    try function.write(.queueSelect, 1)
    #expect(try function.read(.queueSize) == 0)
    try function.write(.queueSelect, 0)
    let size = Int(try function.read(.queueSize))
    #expect(size == 64)
    let parts = RingPlaces.byteCounts(size: size)
    let places = RingPlaces(
      descriptorTable: try ram.allocate(parts.descriptorTable), available: try ram.allocate(parts.available),
      used: try ram.allocate(parts.used))
    let ring = SplitRing(queue: 0, size: size, places: places, usesEventIndex: false, ram: ram)
    try function.write(.queueDescriptorArea, places.descriptorTable)
    try function.write(.queueDriverArea, places.available)
    try function.write(.queueDeviceArea, places.used)
    if usesVectors { try function.write(.queueVector, 1) }
    try function.write(.queueEnable, 1)
    try function.setStatus(status | Status.driverOK)

    let buffer = try ram.allocate(4096)
    _ = try ring.offer([RingDescriptor(address: buffer, length: 4096, flags: RingDescriptor.write)])
    try function.kick(queue: 0, notifyOffset: UInt16(try function.read(.queueNotifyOffset)))
    let line: InterruptLine = usesVectors ? .vector(1) : .pin
    #expect(try machine.waitForInterrupt(line, timeoutInMilliseconds: Bench.patienceInMilliseconds))
    #expect(try ring.takeUsed()?.length == 4096)
    // A value is missing among 4096 random bytes with a chance of one in 35,000 for all together.
    #expect(Set(ram.read(buffer, count: 4096)).count > 250)
  }
}
