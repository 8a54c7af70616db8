import DisplayModel
import GuestRAM
import VirtioCore

/// The way of one request: copied once, decoded, carried out, answered. Confined to the device's thread.
struct RequestHandler: ~Copyable {
  private let display: Display
  private let decoder: RequestDecoder
  private let counters: RefusalCounters
  private var log: RefusalLog?
  private var request: RequestBuffer
  private var response: ResponseEncoder
  private var counts = RequestCounts()

  /// nil when the host has no memory for the buffers.
  init?(
    display: Display, decoder: RequestDecoder, budget: MemoryBudget, counters: RefusalCounters,
    log: RefusalLog?
  ) {
    guard let request = RequestBuffer(budget: budget), let response = ResponseEncoder() else { return nil }
    self.display = display
    self.decoder = decoder
    self.counters = counters
    self.log = log
    self.request = request
    self.response = response
  }

  /// Handles one buffer of either queue and completes it.
  mutating func handle(
    _ chain: consuming DescriptorChain, from virtqueue: Virtqueue, on queue: RequestQueue,
    in access: borrowing GuestAccess
  ) {
    let room = chain.writableCount
    // A control request that leaves no room for an answer is dropped: nobody would learn what became of it.
    // Drivers leave none on the cursor queue and want none.
    if queue == .control, room < ControlHeader.size {
      refuse(.noRoom(room), to: nil, on: queue)
      virtqueue.complete(chain, written: 0, in: access)
      return
    }
    var header: ControlHeader?
    var instant: ContinuousClock.Instant?
    do throws(RequestFault) {
      let copied = copyIn(
        chain, from: virtqueue, 0..<min(chain.readableCount, RequestType.largestSize), in: access)
      let decodedHeader = try ControlHeader(request.bytes.extracting(0..<copied))
      header = decodedHeader
      if decodedHeader.isFenced { counts.fenced &+= 1 }
      let command = try decode(decodedHeader, copied, chain, from: virtqueue, on: queue, in: access)
      let reply = try apply(command, in: access)
      counts.countDone(decodedHeader.type)
      if room >= ControlHeader.size { try response.encode(reply, to: decodedHeader, room: room) }
      // The fence says that the processing is finished: that what was flushed is shown (virtio 1.4 §5.7.6.5). Without one
      // nobody waits.
      if decodedHeader.isFenced, case .shown(let refresh) = reply { instant = refresh }
    } catch {
      refuse(error, to: header, on: queue)
    }
    let written =
      room >= ControlHeader.size ? virtqueue.write(chain, at: 0, response.bytes, in: access) : 0
    virtqueue.complete(chain, written: written, notBefore: instant, in: access)
  }

  /// Copies a part of the chain to the same place in the buffer, and says how much there was.
  private mutating func copyIn(
    _ chain: borrowing DescriptorChain, from virtqueue: Virtqueue, _ part: Range<Int>,
    in access: borrowing GuestAccess
  ) -> Int {
    var bytes = request.mutableBytes
    var target = bytes._mutatingExtracting(part)
    return virtqueue.read(chain, at: part.lowerBound, into: &target, in: access)
  }

  /// Decodes the request whose first `copied` bytes are in the buffer, and copies the rest of a backing list.
  private mutating func decode(
    _ header: ControlHeader, _ copied: Int, _ chain: borrowing DescriptorChain, from virtqueue: Virtqueue,
    on queue: RequestQueue, in access: borrowing GuestAccess
  ) throws(RequestFault) -> DisplayCommand {
    var count = copied
    let type = try decoder.requestType(header, byteCount: count, on: queue)
    guard type.feature.map({ virtqueue.features.contains($0) }) ?? true else {
      throw .unknownType(header.type)
    }
    let size = try decoder.sizeWithEntries(
      request.bytes.extracting(0..<count), type, available: chain.readableCount)
    if size > count {
      try request.reserve(size, keeping: count)
      count += copyIn(chain, from: virtqueue, count..<size, in: access)
    }
    let command = try decoder.decode(request.bytes.extracting(0..<count), type)
    // §5.7.6.8.1: once that is negotiated, sizes of blobs are aligned.
    if case .createBlob(_, let size, _) = command,
      virtqueue.features.contains(GPUDevice.blobAlignmentFeature),
      size % UInt64(GPUDevice.blobAlignment) != 0
    {
      throw .badBlob(size)
    }
    return command
  }

  private func apply(
    _ command: DisplayCommand, in access: borrowing GuestAccess
  ) throws(RequestFault) -> DisplayReply {
    do { return try display.apply(command, in: access) } catch { throw .display(error) }
  }

  private mutating func refuse(_ fault: RequestFault, to header: ControlHeader?, on queue: RequestQueue) {
    response.encode(fault, to: header)
    counters.count(fault.kind)
    counts.countRefused(fault.responseType)
    log?.add(fault.kind, type: header?.type ?? 0, queue: queue.rawValue)
  }

  /// What the display holds and what was asked of it; nothing changes by it.
  var snapshot: GPUSnapshot { GPUSnapshot(display.snapshot, counts) }

  /// Drops everything that the driver made.
  mutating func reset() {
    display.reset()
    request.shrink()
  }
}
