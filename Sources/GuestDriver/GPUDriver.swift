/// A driver of a virtio GPU, from the first configuration read to pixels on an output.
///
/// The shortest way: `GPUDriver(machine, ram: ram)`, `bringUp()`, `createFramebuffer`, `show`, `draw`,
/// `present`. Whoever wants to misbehave finds each step below as a call of its own, and the registers
/// and rings open. One thread at a time.
package final class GPUDriver {
  /// How to bring the device up.
  package struct Options: Sendable {
    /// Of the features offered, those to accept; bit numbers 0 to 63.
    package var wantedFeatures: UInt64 =
      1 << UInt64(VirtioLayout.Feature.version1) | 1 << UInt64(VirtioLayout.Feature.indirectDescriptors)
      | 1 << UInt64(VirtioLayout.Feature.eventIndex) | 1 << UInt64(GPULayout.Feature.edid)
    /// Queue size for both queues, reduced to the device's maximum; nil for that maximum.
    package var queueSize: Int?
    /// MSI-X if the device has it, else INTx.
    package var usesVectors = true
    /// Extra distance of each ring part from its alignment, in multiples of that alignment.
    package var ringSkew = 0
    /// The registers to use.
    package var interface = Interface.modern

    package init() {}

    /// With every feature that this driver knows accepted, if it is offered.
    package static var everything: Options {
      typealias Feature = VirtioLayout.Feature
      var options = Options()
      let more = [
        Feature.accessPlatform, Feature.ringPacked, Feature.inOrder, Feature.orderPlatform,
        Feature.notificationData, Feature.notificationConfigData, Feature.ringReset,
        GPULayout.Feature.resourceUUID, GPULayout.Feature.resourceBlob, GPULayout.Feature.blobAlignment,
      ]
      for bit in more { options.wantedFeatures |= 1 << UInt64(bit) }
      return options
    }
  }

  /// The ways to a device's queues.
  package enum Interface: Hashable, Sendable {
    /// The common configuration.
    case modern
    /// The common configuration, but queues are placed in one piece by the register file for that.
    case contiguous(alignment: Int)
    /// The legacy registers.
    case legacy
  }

  package let machine: any Machine
  package let ram: GuestRAMImage
  /// The modern registers; there after `discover` if the device has them.
  package private(set) var function: VirtioFunction!
  /// The legacy registers; there after `discover` if the device has them.
  package private(set) var legacy: LegacyFunction!
  /// The registers in use.
  package private(set) var registers: (any VirtioRegisters)!
  /// Features accepted by the last negotiation.
  package internal(set) var features: UInt64 = 0
  /// There after `setUpQueues`.
  package internal(set) var control: (any DriverRing)!
  package internal(set) var cursor: (any DriverRing)!
  /// How long to wait for an answer. It bounds a hang: a loaded machine keeps a thread from its turn for seconds.
  package var timeoutInMilliseconds = 60_000
  var notifyOffsets: [UInt16] = [0, 0]
  /// What names each queue in a doorbell.
  var notifyNames: [UInt16] = [0, 1]
  var vectors: [InterruptLine] = [.pin, .pin, .pin]
  private var nextResource: UInt32 = 1
  private var startOfMemory: UInt64 = 0

  /// - Parameter ram: guest memory, whose blocks are mapped to the machine already; the first one has
  ///   to hold rings, requests and framebuffers.
  package init(_ machine: any Machine, ram: GuestRAMImage) {
    self.machine = machine
    self.ram = ram
    startOfMemory = ram.mark
  }

  // MARK: Bring-up

  /// Probes the function and brings it up until DRIVER_OK (virtio 1.4 §3.1.1).
  package func bringUp(_ options: Options = Options()) throws {
    try discover(options.interface)
    try reset()
    try negotiate(options)
    try setUpQueues(options)
    try registers.setStatus(try registers.status | VirtioLayout.Status.driverOK)
  }

  /// Finds the GPU by configuration reads and gives it addresses and bus mastering.
  package func discover(_ interface: Interface = .modern) throws {
    let inventory = try PCIInventory(probing: machine)
    guard inventory.virtioType == VirtioLayout.gpuDeviceID else { throw DriverError.missing("virtio GPU") }
    function = inventory.virtioStructures.isEmpty ? nil : try VirtioFunction(machine, inventory)
    legacy = inventory.isModernOnly ? nil : try LegacyFunction(machine, inventory)
    registers = interface == .legacy ? legacy : function
    guard registers != nil else { throw DriverError.missing("\(interface) interface") }
    if let table = inventory.vectorTable { machine.foundVectorTable(table) }
    typealias Command = PCILayout.Command
    try registers.setCommand(Command.ioSpace | Command.memorySpace | Command.busMaster)
  }

  /// Resets the device by its status register and waits for it (§4.1.4.3.2).
  ///
  /// All memory given out so far is free again: the device has let go of it.
  package func reset() throws {
    try registers.setStatus(0)
    let start = ContinuousClock.now
    while try registers.status != 0 {
      // Not the time for an answer, which a test that expects none makes short: a loaded machine may take a while to
      // give the device's thread a processor.
      guard ContinuousClock.now - start < .seconds(60) else {
        throw DriverError.timedOut(waitingFor: "device_status to read 0")
      }
    }
    ram.release(to: startOfMemory)
    nextResource = 1
  }

  /// Whether a feature was negotiated.
  package func accepted(_ feature: Int) -> Bool { features >> UInt64(feature) & 1 != 0 }

  /// The interrupt of a queue.
  package func line(of queue: UInt16) -> InterruptLine { vectors[Int(queue) + 1] }

  /// The interrupt of configuration changes.
  package var configurationLine: InterruptLine { vectors[0] }

  // MARK: Requests

  /// The ring of a queue number.
  package func ring(_ queue: UInt16) -> any DriverRing {
    queue == GPULayout.cursorQueue ? cursor : control
  }

  /// The control queue's ring if it is split.
  package var splitControl: SplitRing! { control as? SplitRing }
  /// The cursor queue's ring if it is split.
  package var splitCursor: SplitRing! { cursor as? SplitRing }
  /// The control queue's ring if it is packed.
  package var packedControl: PackedRing! { control as? PackedRing }
  /// The cursor queue's ring if it is packed.
  package var packedCursor: PackedRing! { cursor as? PackedRing }

  /// Rings a queue's doorbell in the way that the accepted features ask for (virtio 1.4 §4.1.5.2).
  package func kick(_ queue: UInt16) throws {
    if registers === legacy { return try legacy.kick(queue: queue) }
    let name = notifyNames[Int(queue)], offset = notifyOffsets[Int(queue)]
    guard accepted(VirtioLayout.Feature.notificationData) else {
      return try function.kick(queue: name, notifyOffset: offset)
    }
    try function.kick(queue: name, data: ring(queue).notificationData, notifyOffset: offset)
  }

  /// A layout whose indirect tables are such as the accepted ring format has.
  package func suited(_ layout: ChainLayout) -> ChainLayout {
    var layout = layout
    layout.isPacked = accepted(VirtioLayout.Feature.ringPacked)
    return layout
  }

  /// Puts a chain in a ring and rings the doorbell if the device wants that.
  @discardableResult
  package func submit(_ chain: [RingDescriptor], on queue: UInt16 = GPULayout.controlQueue) throws -> UInt16 {
    let ring = ring(queue), old = ring.availableIndex
    let head = try ring.offer(chain)
    if ring.wantsKick(since: old) { try kick(queue) }
    return head
  }

  /// Waits for the next used element of a queue, woken by its interrupt.
  package func awaitUsed(_ queue: UInt16 = GPULayout.controlQueue) throws -> UsedElement {
    let ring = ring(queue), line = line(of: queue)
    var waited = 0
    while true {
      if let element = try ring.takeUsed() { return element }
      guard waited < timeoutInMilliseconds else {
        let status = try registers.status
        throw DriverError.timedOut(waitingFor: "a used element of queue \(queue), status \(status)")
      }
      // Short turns: an interrupt may have been taken while the last element was.
      if try machine.waitForInterrupt(line, timeoutInMilliseconds: 5) {
        if line == .pin {
          _ = try registers.readInterruptStatus()
          try machine.acknowledgeInterrupt(.pin)
        }
      } else {
        waited += 5
      }
    }
  }

  /// Sends any bytes and waits for the answer; the memory for both is given back afterwards.
  package func send(
    _ request: [UInt8], on queue: UInt16 = GPULayout.controlQueue, responseRoom: Int = GPULayout.headerSize,
    layout: ChainLayout = ChainLayout()
  ) throws -> GPUReply {
    let mark = ram.mark
    defer { ram.release(to: mark) }
    let chain = try ram.layOut(request: request, responseRoom: responseRoom, suited(layout))
    return try send(chain, on: queue)
  }

  /// Sends a chain that is in memory already and waits for its answer.
  package func send(_ chain: LaidOutChain, on queue: UInt16 = GPULayout.controlQueue) throws -> GPUReply {
    let head = try submit(chain.descriptors, on: queue)
    let element = try awaitUsed(queue)
    guard element.head == UInt32(head) else {
      throw DriverError.deviceFault("used element of head \(element.head), submitted was \(head)")
    }
    return GPUReply(usedLength: element.length, room: answer(in: chain))
  }

  /// The bytes in the room for an answer.
  package func answer(in chain: LaidOutChain) -> [UInt8] {
    chain.responseExtents.flatMap { ram.read($0.address, count: $0.count) }
  }

  /// Sends a command on its own queue with room for its answer.
  package func send(
    _ command: GPUCommand, fence: UInt64? = nil, layout: ChainLayout = ChainLayout()
  ) throws -> GPUReply {
    let bytes = fence.map { command.encoded(fence: $0) } ?? command.encoded()
    return try send(bytes, on: command.queue, responseRoom: command.responseRoom, layout: layout)
  }

  /// Sends a command that has to succeed.
  @discardableResult
  package func expectOK(_ command: GPUCommand) throws -> GPUReply {
    let reply = try send(command)
    guard reply.isOK else {
      throw DriverError.deviceFault("response \(String(reply.type, radix: 16)) to \(command)")
    }
    return reply
  }

  /// A resource id that this driver has not used since the last reset.
  package func makeResourceID() -> UInt32 {
    defer { nextResource += 1 }
    return nextResource
  }
}
