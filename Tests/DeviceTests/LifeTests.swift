import FrontEndAPI
import GuestDriver
import Testing

/// The end of what is on the screen, and its next life under the same number.
@Suite struct LifeTests {
  /// What is shown.
  enum Kind: CaseIterable { case picture, blob }
  /// How it ends.
  enum End: CaseIterable { case unref, detach, driverReset, hostReset }

  /// A resource of one kind on outputs, and cursors made of another of the same kind.
  private struct Stand {
    let kind: Kind
    let bench: Bench
    let shown: UInt32 = 5, pointer: UInt32 = 6

    init(_ path: DevicePath, _ kind: Kind) throws {
      self.kind = kind
      bench = try Bench(path, outputs: Array(repeating: (320, 200), count: 3))
      try bringUp()
    }

    func bringUp() throws {
      var options = GPUDriver.Options()
      options.wantedFeatures |= 1 << UInt64(GPULayout.Feature.resourceBlob)
      try bench.driver.bringUp(options)
    }

    /// Makes a resource with this pattern in its backing.
    func make(_ id: UInt32, _ width: Int, _ height: Int, seed: Int) throws -> Framebuffer {
      let made = Framebuffer(
        resource: id, format: .bgra, width: width, height: height,
        backing: try bench.driver.allocateBacking(width * height * 4, .shuffledPages(seed: UInt64(seed))))
      let entries = made.backing.map(GPUMemoryEntry.init)
      switch kind {
      case .picture:
        try bench.driver.expectOK(
          .createResource2D(
            id: id, format: made.format.rawValue, width: UInt32(width), height: UInt32(height)))
        try bench.driver.expectOK(.attachBacking(id: id, entries))
      case .blob:
        try bench.driver.expectOK(
          .createBlob(id: id, memory: 1, flags: 0, blobID: 0, size: UInt64(made.byteCount), entries))
      }
      bench.driver.draw(made, pattern(seed))
      try bench.driver.transfer(made)  // answered for blobs too
      return made
    }

    func show(_ framebuffer: Framebuffer, on output: Int) throws {
      switch kind {
      case .picture: try bench.driver.show(framebuffer, on: UInt32(output))
      case .blob:
        try bench.driver.expectOK(
          .setScanoutBlob(
            framebuffer.bounds, scanout: UInt32(output), resource: framebuffer.resource,
            width: UInt32(framebuffer.width), height: UInt32(framebuffer.height),
            format: framebuffer.format.rawValue, stride: UInt32(framebuffer.stride), offset: 0))
      }
    }

    func point(_ framebuffer: Framebuffer, on output: Int) throws {
      try bench.driver.expectOK(
        .updateCursor(
          scanout: UInt32(output), x: 7, y: 8, resource: framebuffer.resource, hotX: 1, hotY: 2))
    }

    func cursor(_ output: Int) -> [UInt8]? { bench.device.channel.cursor(ofOutput: output)?.image?.pixels }

    /// Ends what is shown, and the cursors' resource too.
    func end(_ end: End) throws {
      switch end {
      case .unref: for id in [shown, pointer] { try bench.driver.expectOK(.unref(id: id)) }
      case .detach: for id in [shown, pointer] { try bench.driver.expectOK(.detachBacking(id: id)) }
      case .driverReset: try bringUp()
      case .hostReset:
        try bench.machine.resetFunction()
        try bringUp()
      }
    }
  }

  private static func bytes(_ width: Int, _ height: Int, seed: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    for y in 0..<height {
      for x in 0..<width {
        let pixel = pattern(seed)(x, y)
        bytes += [pixel.blue, pixel.green, pixel.red, pixel.alpha]
      }
    }
    return bytes
  }

  @Test(arguments: DevicePath.allCases, Kind.allCases)
  func `what is on one or several screens ends, and comes again under its number`(
    _ path: DevicePath, _ kind: Kind
  ) throws {
    for outputs in [1, 3] {
      for end in End.allCases {
        try live(try Stand(path, kind), outputs: outputs, end)
      }
    }
  }

  private func live(_ stand: Stand, outputs: Int, _ end: End) throws {
    let bench = stand.bench, what = Comment("\(stand.kind) on \(outputs), \(end)")
    let first = Picture(width: 90, height: 70, pattern(1)), arrow = Self.bytes(64, 64, seed: 2)
    let old = try stand.make(stand.shown, 90, 70, seed: 1)
    let oldPointer = try stand.make(stand.pointer, 64, 64, seed: 2)
    for output in 0..<outputs {
      try stand.show(old, on: output)
      try stand.point(oldPointer, on: output)
    }
    for output in 0..<3 {
      #expect(bench.picture(output) == (output < outputs ? first : nil), what)
      #expect(stand.cursor(output) == (output < outputs ? arrow : nil), what)
    }

    try stand.end(end)
    let isGone = end != .detach
    for output in 0..<outputs {
      // Detached pages leave what was seen; everything else turns the output off.
      #expect(bench.picture(output) == (isGone ? nil : first), what)
      // A cursor is a copy, which outlives its resource, but not a reset.
      let isPointed = end == .unref || end == .detach
      #expect(stand.cursor(output) == (isPointed ? arrow : nil), what)
    }
    let flush = try bench.driver.send(.flush(old.bounds, resource: old.resource))
    #expect(
      flush.type == (isGone ? GPULayout.Response.invalidResourceID : GPULayout.Response.okNoData), what)
    if end == .detach {
      // A picture has its pixels, a blob nothing but its pages.
      for output in 0..<outputs {
        let black = Picture(width: 90, height: 70, bytes: [UInt8](repeating: 0, count: 90 * 70 * 4))
        #expect(bench.picture(output) == (stand.kind == .picture ? first : black), what)
      }
      for id in [stand.shown, stand.pointer] { try bench.driver.expectOK(.unref(id: id)) }
      for output in 0..<outputs { #expect(bench.picture(output) == nil, what) }
    }

    // Another under the same number, shown on the last output alone.
    let new = try stand.make(stand.shown, 50, 110, seed: 3)
    let newPointer = try stand.make(stand.pointer, 64, 64, seed: 4)
    for output in 0..<3 { #expect(bench.picture(output) == nil, what) }
    try stand.show(new, on: 2)
    try stand.point(newPointer, on: 2)
    try bench.driver.flush(new)
    for output in 0..<3 {
      #expect(
        bench.picture(output) == (output == 2 ? Picture(width: 50, height: 110, pattern(3)) : nil), what)
    }
    #expect(stand.cursor(2) == Self.bytes(64, 64, seed: 4), what)
    if outputs == 1 || end == .driverReset || end == .hostReset {
      #expect(stand.cursor(1) == nil, what)
    }
    try bench.expectSane()
  }
}
