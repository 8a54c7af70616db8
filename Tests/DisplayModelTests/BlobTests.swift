import CHost
import FrontEndAPI
import Glibc
import GuestRAM
import HostThreads
import Testing

@testable import DisplayModel

/// Blobs where the device's thread, front-ends and a VMM that moves memory meet; run it under ThreadSanitizer too.
@Suite struct BlobTests {
  private static let side: UInt32 = 512
  private static let byteCount = UInt64(side * side * 4)
  private static let whole = Rectangle(x: 0, y: 0, width: side, height: side)
  private static let range = GuestRange(start: GuestAddress(0), count: byteCount)!
  private static let layout = BlobLayout(
    format: .a8r8g8b8, width: side, height: side, stride: side * 4, offset: 0)

  @Test func `the driver and the VMM take pages away while front-ends look, and nothing is left`() throws {
    let bench = Bench()
    let descriptor = unsafe chost_memfd("guest", Self.byteCount, true)
    defer { close(descriptor) }
    let frame = [UInt8](repeating: 0x5a, count: Int(Self.byteCount))
    let written = unsafe pwrite(descriptor, frame, frame.count, 0)
    precondition(written == frame.count)
    let stop = Flag()
    let viewers = try (0..<2).map { _ in
      let wake = Event()
      let channel = try bench.publisher.attach(CountingFrontEnd(onChange: { _, _ in wake.signal() }))
      let thread = try HostThread(name: "viewer") {
        while !stop.value {
          _ = channel.takeChanges(ofOutput: 0)
          _ = channel.withSurface(ofOutput: 0) { surface in
            for (x, y) in [(0, 0), (surface.width - 1, surface.height - 1)] {
              // Either the guest's pixel or black.
              #expect([0, 0x5a_5a5a].contains(surface.pixel(x: x, y: y)))
            }
          }
          wake.wait()
        }
      }
      return (wake, channel, thread)
    }
    let id = ResourceID(1)!
    for round in 0..<200 {
      try bench.memory.add(
        try MappedRegion(fileDescriptor: descriptor, offset: 0, count: Self.byteCount, writable: true),
        at: GuestAddress(0))
      if round % 10 == 0 {
        #expect(bench.apply(.createBlob(id, size: Self.byteCount, [Self.range])) == nil)
        let source = ScanoutSource(resource: id, rectangle: Self.whole, layout: Self.layout)
        #expect(bench.apply(.setScanout(output: 0, source)) == nil)
      }
      #expect(bench.apply(.flush(id, Self.whole)) == nil)
      if round % 3 == 0 {
        #expect(bench.apply(.detachBacking(id)) == nil)
        #expect(bench.apply(.attachBacking(id, [Self.range])) == nil)
        #expect(bench.apply(.flush(id, Self.whole)) == nil)
      }
      if round % 20 == 9 { #expect(bench.apply(.releaseResource(id)) == nil) }
      if round % 20 == 19 { bench.display.reset() }
      // Whoever reads a page from here on would find no mapping.
      try bench.memory.remove(Self.range)
    }
    stop.set(true)
    for (wake, channel, thread) in viewers {
      wake.signal()
      thread.join()
      _ = channel.takeChanges(ofOutput: 0)
      channel.detach()
    }
    #expect(bench.budget.inUse == 0)
  }

  @Test func `the VMM changes the map while a front-end refreshes without pause`() throws {
    let bench = Bench()
    let descriptor = unsafe chost_memfd("guest", Self.byteCount, true)
    defer { close(descriptor) }
    func map() throws {
      try bench.memory.add(
        try MappedRegion(fileDescriptor: descriptor, offset: 0, count: Self.byteCount, writable: true),
        at: GuestAddress(0))
    }
    try map()
    let id = ResourceID(1)!
    #expect(bench.apply(.createBlob(id, size: Self.byteCount, [Self.range])) == nil)
    let source = ScanoutSource(resource: id, rectangle: Self.whole, layout: Self.layout)
    #expect(bench.apply(.setScanout(output: 0, source)) == nil)
    let channel = try bench.publisher.attach(CountingFrontEnd())
    let stop = Flag(), output = bench.publisher.outputs[0]
    let viewer = try HostThread(name: "viewer") {
      while !stop.value {
        output.addDamage(Self.whole)
        _ = channel.takeChanges(ofOutput: 0)
      }
    }
    for _ in 0..<100 {
      try bench.memory.remove(Self.range)
      try map()
    }
    stop.set(true)
    viewer.join()
    _ = channel.takeChanges(ofOutput: 0)
    #expect(channel.withSurface(ofOutput: 0) { $0.width } == Int(Self.side))
  }

  @Test(
    arguments: [
      (1, 1, 4, 0, 4, true), (1, 1, 4, 0, 3, false), (1, 1, 3, 0, 100, false), (2, 2, 8, 1, 17, true),
      (2, 2, 8, 1, 16, false), (2, 2, 9, 0, 17, true), (2, 2, 9, 0, 16, false),
      (16384, 16384, .max, .max, 0x4000_0000_c000, true),
      (16384, 16384, .max, .max, 0x4000_0000_bfff, false),
    ] as [(UInt32, UInt32, UInt32, UInt32, UInt64, Bool)])
  func `a layout fits when its last row's last pixel does`(
    _ width: UInt32, _ height: UInt32, _ stride: UInt32, _ offset: UInt32, _ size: UInt64, _ fits: Bool
  ) {
    let layout = BlobLayout(
      format: .b8g8r8a8, width: width, height: height, stride: stride, offset: offset)
    #expect(layout.fits(in: size) == fits)
  }

  @Test(arguments: PixelFormat.allCases)
  func `pixels converted in place are those converted elsewhere`(_ format: PixelFormat) {
    let source = (0..<1001).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ $0 / 256) }
    var elsewhere = [UInt8](repeating: 0xee, count: 1001), inPlace = source
    do {
      var span = elsewhere.mutableSpan
      // The arrays' own storage; every byte pattern is a byte.
      var target = unsafe span.mutableBytes
      let bytes = unsafe source.span.bytes
      format.convert(count: 200, from: bytes, at: 3, to: &target, at: 3, fourthByte: .zero)
    }
    do {
      var span = inPlace.mutableSpan
      // As above.
      var target = unsafe span.mutableBytes
      format.convert(count: 200, in: &target, at: 3, fourthByte: .zero)
    }
    #expect(inPlace[3..<803] == elsewhere[3..<803])
    #expect(inPlace[..<3] == source[..<3] && inPlace[803...] == source[803...])
  }
}
