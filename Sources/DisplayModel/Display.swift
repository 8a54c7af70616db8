import FrontEndAPI
import GuestRAM

/// The display that display commands act on: resources, what each output shows of them, cursors.
///
/// Confined to the device's thread. It knows no guest interface: commands come in decoded, faults go out as
/// cases. A command that fails has changed nothing.
package final class Display {
  private let directory: OutputDirectory
  private let limits: DisplayLimits
  private let budget: MemoryBudget
  private let memory: GuestMemory
  private let publisher: DisplayPublisher
  private var resources: [ResourceID: Resource] = [:]
  private var scanouts: [Scanout?]
  /// The clock that outputs refresh by; nil: what is flushed counts as shown.
  private let now: (@Sendable () -> ContinuousClock.Instant)?

  /// - Parameters:
  ///   - outputs: what the host wants of each output; as many as the publisher has.
  ///   - memory: the guest's, which front-ends read blobs from.
  ///   - budget: what everything that a guest makes this display hold is charged to.
  ///   - now: the clock that outputs refresh by; nil: they do not, and show at once what is flushed.
  package init(
    outputs: OutputDirectory, memory: GuestMemory, limits: DisplayLimits, budget: MemoryBudget,
    publisher: DisplayPublisher, now: (@Sendable () -> ContinuousClock.Instant)? = nil
  ) {
    precondition(outputs.count == publisher.outputs.count)
    directory = outputs
    self.memory = memory
    self.limits = limits
    self.budget = budget
    self.publisher = publisher
    self.now = now
    scanouts = Array(repeating: nil, count: outputs.count)
  }

  /// Carries out one command.
  package func apply(
    _ command: DisplayCommand, in access: borrowing GuestAccess
  ) throws(DisplayFault) -> DisplayReply {
    switch command {
    case .displayInfo: return .displayInfo(directory.answerPreferences())
    case .edid(let number): return .edid(directory.answerEDID(try output(number)))
    case .createResource(let id, let format, let width, let height):
      try createResource(id, format, width, height)
    case .createBlob(let id, let size, let ranges): try createBlob(id, size, ranges, in: access)
    case .releaseResource(let id): try releaseResource(id)
    case .setScanout(let number, let source): try setScanout(try output(number), source)
    case .flush(let id, let rectangle): return try flush(try resource(id), rectangle)
    case .transfer(let id, let rectangle, let offset):
      try transfer(try resource(id), rectangle, offset, in: access)
    case .attachBacking(let id, let ranges):
      let resource = try resource(id)
      guard !resource.hasBacking else { throw .backingExists }
      try resource.attach(try Backing(ranges, budget: budget, in: access))
    case .detachBacking(let id):
      let resource = try resource(id)
      guard resource.hasBacking else { throw .noBacking }
      resource.detach()
    case .mapBlob(let id), .unmapBlob(let id):
      // Without 3D no resource has memory of the host's.
      _ = try resource(id)
      throw .notHostMemory
    case .assignUUID(let id): return .uuid(try resource(id).uuid)
    case .updateCursor(let position, let source): try updateCursor(position, source, in: access)
    case .moveCursor(let position):
      publisher.outputs[try output(position.output)].moveCursor(x: position.x, y: position.y)
    }
    return .done
  }

  /// Drops everything that a driver made and turns every output off, as after power-on.
  package func reset() {
    // Front-ends may be at the guest's pages of one.
    for resource in resources.values { resource.detach() }
    resources.removeAll()
    for index in scanouts.indices {
      scanouts[index] = nil
      publisher.outputs[index].show(nil)
      publisher.outputs[index].updateCursor(x: 0, y: 0, nil)
    }
  }

  // MARK: Commands

  private func createResource(
    _ id: ResourceID, _ format: PixelFormat, _ width: UInt32, _ height: UInt32
  ) throws(DisplayFault) {
    guard resources[id] == nil else { throw .resourceExists }
    let sides = 1...limits.maxDimension
    guard sides.contains(width), sides.contains(height) else { throw .badDimension }
    guard resources.count < limits.maxResources,
      let pixels = PixelStore(width: width, height: height, format: format, budget: budget)
    else { throw .outOfMemory }
    resources[id] = Resource(id: id, .picture(Resource.Picture(pixels)))
  }

  private func createBlob(
    _ id: ResourceID, _ size: UInt64, _ ranges: [GuestRange], in access: borrowing GuestAccess
  ) throws(DisplayFault) {
    guard resources[id] == nil else { throw .resourceExists }
    guard resources.count < limits.maxResources,
      let blob = Blob(size: size, memory: memory, budget: budget)
    else { throw .outOfMemory }
    if !ranges.isEmpty { try blob.attach(try Backing(ranges, budget: budget, in: access)) }
    resources[id] = Resource(id: id, .blob(blob))
  }

  private func releaseResource(_ id: ResourceID) throws(DisplayFault) {
    guard let resource = resources.removeValue(forKey: id) else { throw .noSuchResource }
    // A cursor made from it stays: its image was copied when it was set.
    for (index, scanout) in scanouts.enumerated() where scanout?.resource === resource {
      scanouts[index] = nil
      publisher.outputs[index].show(nil)
    }
    resource.detach()
  }

  private func setScanout(_ output: Int, _ source: ScanoutSource?) throws(DisplayFault) {
    guard let source else {
      scanouts[output] = nil
      publisher.outputs[output].show(nil)
      return
    }
    let resource = try resource(source.resource)
    let rectangle = source.rectangle
    let pixels = try pixels(of: resource, source.layout)
    guard !rectangle.isEmpty, pixels.holds(rectangle) else { throw .badRectangle }
    let width = Int(rectangle.width), height = Int(rectangle.height)
    let room: SurfaceRoom
    let refreshes: RefreshCycle?
    if let current = scanouts[output], current.room.width == width, current.room.height == height {
      // A page flip takes no room. Nor is it held to a limit that came after the picture.
      room = current.room
      refreshes = current.refreshes
    } else {
      if let largest = publisher.largestPicture(ofOutput: output) {
        guard width <= largest.width, height <= largest.height else { throw .beyondLimit }
      }
      guard let new = SurfaceRoom(width: width, height: height, budget: budget) else { throw .outOfMemory }
      room = new
      refreshes = now.map { RefreshCycle(from: $0(), width: width, height: height) }
    }
    scanouts[output] = Scanout(
      resource: resource, source: pixels, rectangle: rectangle, room: room, refreshes: refreshes)
    publisher.outputs[output].show(OutputState.View(source: pixels, rectangle: rectangle, room: room))
  }

  /// The pixels of a resource, which lie in a blob as `layout` says.
  private func pixels(of resource: Resource, _ layout: BlobLayout?) throws(DisplayFault) -> PixelSource {
    switch (resource.content, layout) {
    case (.picture(let picture), nil): return .pixels(picture.pixels)
    case (.blob(let blob), let layout?):
      let sides = 1...limits.maxDimension
      guard sides.contains(layout.width), sides.contains(layout.height) else { throw .badDimension }
      guard layout.fits(in: blob.size) else { throw .badLayout }
      return .blob(blob, layout)
    default: throw .wrongKind
    }
  }

  /// Whether a rectangle to be flushed lies inside the resource. A blob has no sides of its own: it has those of the
  /// pictures that outputs show of it, and while none does, any will do.
  private func holds(_ resource: Resource, _ rectangle: Rectangle) -> Bool {
    if case .picture(let picture) = resource.content {
      return rectangle.fits(width: picture.pixels.width, height: picture.pixels.height)
    }
    var isShown = false
    for index in scanouts.indices {
      guard let scanout = scanouts[index], scanout.resource === resource else { continue }
      if scanout.source.holds(rectangle) { return true }
      isShown = true
    }
    return !isShown
  }

  /// Viewers may look at it at once. With refreshes it is shown when the last of the outputs that show it has had one.
  private func flush(_ resource: Resource, _ rectangle: Rectangle) throws(DisplayFault) -> DisplayReply {
    guard holds(resource, rectangle) else { throw .badRectangle }
    let instant = now?()
    var shown: ContinuousClock.Instant?
    for index in scanouts.indices {
      guard let scanout = scanouts[index], scanout.resource === resource,
        let part = rectangle.intersection(scanout.rectangle)
      else { continue }
      // The intersection starts at or after the scanout's corner.
      publisher.outputs[index].addDamage(
        Rectangle(
          x: part.x - scanout.rectangle.x, y: part.y - scanout.rectangle.y, width: part.width,
          height: part.height))
      if let instant, let refresh = scanout.refreshes?.next(after: instant) {
        shown = max(shown ?? refresh, refresh)
      }
    }
    if let shown { return .shown(at: shown) }
    return .done
  }

  private func transfer(
    _ resource: Resource, _ rectangle: Rectangle, _ offset: UInt64, in access: borrowing GuestAccess
  ) throws(DisplayFault) {
    guard resource.hasBacking else { throw .noBacking }
    // What is in a blob's pages is in the blob.
    guard case .picture(let picture) = resource.content, let backing = picture.backing else { return }
    guard holds(resource, rectangle) else { throw .badRectangle }
    guard !rectangle.isEmpty else { return }
    // Both sides have the picture's stride; the first row starts at `offset` here and at the rectangle's
    // corner there.
    let stride = picture.pixels.stride
    let copy = RowCopy(
      sourceOffset: offset, sourceStride: stride,
      destinationOffset: Int(rectangle.y) * stride + Int(rectangle.x) * PixelFormat.bytesPerPixel,
      destinationStride: stride, rowBytes: Int(rectangle.width) * PixelFormat.bytesPerPixel,
      rows: Int(rectangle.height))
    try picture.pixels.withPixels { (pixels: inout PageMemory) throws(DisplayFault) in
      var bytes = pixels.mutableBytes
      try backing.copyRows(copy, into: &bytes, in: access)
    }
  }

  private func updateCursor(
    _ position: CursorPosition, _ source: CursorSource?, in access: borrowing GuestAccess
  ) throws(DisplayFault) {
    let output = publisher.outputs[try output(position.output)]
    var picture: CursorPicture?
    if let source {
      picture = try CursorPicture(
        try resource(source.resource), hotX: source.hotX, hotY: source.hotY, budget: budget, in: access)
    }
    output.updateCursor(x: position.x, y: position.y, picture)
  }

  /// Everything about it at this moment; nothing changes by it. On the device's thread, and bounded by the limits: as
  /// many entries as there are resources, in no order.
  package var snapshot: DisplaySnapshot {
    var snapshot = DisplaySnapshot(limits: limits, memoryInUse: budget.inUse)
    snapshot.resources = resources.values.map(ResourceSnapshot.init)
    snapshot.outputs = zip(directory.preferences, publisher.outputs).map { preference, output in
      OutputSnapshot(preference, scanouts[output.index], output.pointer)
    }
    snapshot.frontEnds = publisher.outputs.first?.frontEnds ?? []
    return snapshot
  }

  // MARK: Looking up

  private func output(_ number: UInt32) throws(DisplayFault) -> Int {
    guard let index = Int(exactly: number), scanouts.indices.contains(index) else { throw .noSuchOutput }
    return index
  }

  private func resource(_ id: ResourceID) throws(DisplayFault) -> Resource {
    guard let resource = resources[id] else { throw .noSuchResource }
    return resource
  }
}
