import GuestDriver

/// Ordinary requests of the device's kind, and what comes back for them.
extension PlainDriver {
  /// Descriptors of an ordinary request that is not cut.
  package var requestDescriptorCount: Int { bench.profile.kind == .gpu ? 2 : 1 }

  /// An ordinary request in memory. On queue 0 that is display information of a GPU, 64 bytes of an entropy device;
  /// on a GPU's cursor queue a movement, which has no answer.
  package func layOutRequest(
    _ layout: ChainLayout = ChainLayout(), queue: UInt16 = 0
  ) throws -> LaidOutChain {
    var layout = layout
    layout.isPacked = accepted(VirtioLayout.Feature.ringPacked)
    guard bench.profile.kind == .gpu, queue == GPULayout.cursorQueue else {
      return try bench.layOutRequest(layout)
    }
    let command = GPUCommand.moveCursor(scanout: 0, x: 1, y: 1)
    return try bench.ram.layOut(request: command.encoded(), responseRoom: 0, layout)
  }

  /// Puts an ordinary request in a queue without telling the device.
  @discardableResult
  package func post(_ layout: ChainLayout = ChainLayout(), on queue: UInt16 = 0) throws -> UInt16 {
    try queues[Int(queue)].offer(try layOutRequest(layout, queue: queue).descriptors)
  }

  /// Puts up to 16 ordinary requests in queue 0 without telling the device, and leaves room for one more; how many.
  package func postMany() throws -> Int {
    var count = 0
    while count < 16, queues[0].freeDescriptorCount >= 2 * requestDescriptorCount {
      try post()
      count += 1
    }
    return count
  }

  /// Puts an ordinary request in a queue, tells the device, waits until it is used, and looks at the answer.
  @discardableResult
  package func roundTrip(
    _ layout: ChainLayout = ChainLayout(), on queue: UInt16 = 0
  ) throws -> UsedElement {
    let mark = bench.ram.mark
    defer { bench.ram.release(to: mark) }
    let chain = try layOutRequest(layout, queue: queue)
    let head = try queues[Int(queue)].offer(chain.descriptors)
    try kick(queue)
    let element = try awaitUsed(queue)
    try expect(element.head == UInt32(head), came: "buffer \(head) was offered, \(element.head) came back")
    try checkAnswer(chain, element)
    return element
  }

  /// Puts ordinary requests in a queue, tells the device once, and takes each back once, in whatever order.
  package func exchange(_ layouts: [ChainLayout], on queue: UInt16 = 0) throws {
    let mark = bench.ram.mark
    defer { bench.ram.release(to: mark) }
    var outstanding: [UInt32: LaidOutChain] = [:]
    for layout in layouts {
      let chain = try layOutRequest(layout, queue: queue)
      outstanding[UInt32(try queues[Int(queue)].offer(chain.descriptors))] = chain
    }
    try kick(queue)
    while !outstanding.isEmpty { try takeAnswer(of: &outstanding, on: queue) }
    try expect(!queues[Int(queue)].hasUsed, came: "more buffers came back than were offered")
  }

  /// Waits for one of the outstanding buffers and looks at its answer.
  package func takeAnswer(of outstanding: inout [UInt32: LaidOutChain], on queue: UInt16 = 0) throws {
    let element = try awaitUsed(queue)
    guard let chain = outstanding.removeValue(forKey: element.head) else {
      throw Deviation("buffer \(element.head) came back, which was not outstanding")
    }
    try checkAnswer(chain, element)
  }

  /// Fails unless the answer of an ordinary request is in its room, wherever the pieces of that are.
  package func checkAnswer(_ chain: LaidOutChain, _ element: UsedElement) throws {
    let room = chain.responseExtents.flatMap { bench.ram.read($0.address, count: $0.count) }
    let length = Int(element.length)
    try expect(length <= room.count, came: "len \(length) for a room of \(room.count) bytes")
    guard !room.isEmpty else { return }
    switch bench.profile.kind {
    case .gpu:
      let type = room.field32(at: 0)
      try expect(
        type == GPULayout.Response.okDisplayInfo, came: "response \(hex(type)) to GET_DISPLAY_INFO")
      let answer = Array(room.prefix(GPULayout.displayInfoSize))
      if let firstAnswer {
        try expect(answer == firstAnswer, came: "other display information than for the first request")
      }
      firstAnswer = answer
    case .entropy, .other:
      try expect(length > 0, came: "nothing was written")
      // A long run of the filling is no random number.
      try expect(length < 16 || !room[..<length].allSatisfy { $0 == 0xa5 }, came: "nothing was written")
    }
  }

  /// What a device says that it wrote, after a look at whether it did: over two fillings.
  func writtenLength() throws -> String {
    var answers: [[UInt8]] = []
    for filling: UInt8 in [0xa5, 0x5a] {
      let chain = try layOutRequest()
      for extent in chain.responseExtents {
        bench.ram.fill(extent.address, count: extent.count, with: filling)
      }
      _ = try queues[0].offer(chain.descriptors)
      try kick()
      let element = try awaitUsed()
      // Compares `len` with the room.
      try checkAnswer(chain, element)
      let room = chain.responseExtents.flatMap { bench.ram.read($0.address, count: $0.count) }
      answers.append(Array(room.prefix(Int(element.length))))
    }
    // Random numbers may have any value, the answer of a GPU is the same each time.
    if bench.profile.kind == .gpu, let place = zip(answers[0], answers[1]).map(!=).firstIndex(of: true) {
      throw Deviation("len \(answers[0].count), and byte \(place) was not written")
    }
    return "\(answers[0].count) bytes"
  }

  // MARK: Waiting

  /// Waits for the next used buffer of a queue, without looking at interrupts.
  package func awaitUsed(_ queue: UInt16 = 0) throws -> UsedElement {
    var taken: UsedElement?
    let hasCome = try bench.eventually {
      taken = try queues[Int(queue)].takeUsed()
      if taken == nil { _ = try function.status }  // an access, which the case's time limit watches
      return taken != nil
    }
    guard hasCome, let taken else {
      throw Deviation("a request on queue \(queue) is not used; device_status \(hex(try function.status))")
    }
    return taken
  }

  /// Whether nothing is used on a queue for a while.
  package func staysUnused(_ queue: UInt16 = 0) throws -> Bool {
    let end = ContinuousClock.now + .milliseconds(bench.patience.quietInMilliseconds)
    while ContinuousClock.now < end {
      if queues[Int(queue)].hasUsed { return false }
      _ = try function.machine.readConfig(PCILayout.vendorID, width: 2)
    }
    return true
  }

  /// Whether a queue's interrupt comes within a time; it is consumed.
  package func interruptComes(_ queue: UInt16 = 0, withinMilliseconds limit: Int) throws -> Bool {
    guard let line = line(of: queue) else { return false }
    guard try bench.machine.waitForInterrupt(line, timeoutInMilliseconds: limit) else { return false }
    guard line == .pin else { return true }
    let status = try function.readInterruptStatus()
    try bench.machine.acknowledgeInterrupt(.pin)
    return status & VirtioLayout.InterruptStatus.queue != 0
  }

  /// Waits until a queue's interrupts have all come, none for so many milliseconds.
  package func settleInterrupts(_ queue: UInt16 = 0, quietMilliseconds: Int = 30) throws {
    while try interruptComes(queue, withinMilliseconds: quietMilliseconds) {}
  }
}
