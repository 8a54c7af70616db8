import CHost
import FrontEndAPI
import Glibc
import GuestRAM
import HostThreads
import Testing

@testable import DisplayModel

/// The device's thread and several front-ends at work at once; run it under ThreadSanitizer too.
@Suite struct ConcurrencyTests {
  static let side = 300

  /// A driver that draws, flips, resizes, moves the cursor, drops resources and resets, while three
  /// front-ends look.
  @Test func `front-ends look while the driver draws, and all memory comes back`() throws {
    let bench = Bench(outputs: 2)
    let side = Self.side, byteCount = side * side * 4
    let size = (byteCount + 4095) & ~4095
    let descriptor = unsafe chost_memfd("guest", UInt64(size), true)
    defer { close(descriptor) }
    try bench.memory.add(
      try MappedRegion(fileDescriptor: descriptor, offset: 0, count: UInt64(size), writable: true),
      at: GuestAddress(0))
    precondition(byteCount > PixelStore.bandSize)
    let stop = Flag()
    let viewers = try (0..<3).map { _ in
      let wake = Event()
      let channel = try bench.publisher.attach(CountingFrontEnd(onChange: { _, _ in wake.signal() }))
      let thread = try HostThread(name: "viewer") {
        while !stop.value {
          for output in 0..<2 {
            guard let changes = channel.takeChanges(ofOutput: output) else { continue }
            for rectangle in changes.damage where changes.output.isEnabled {
              #expect(rectangle.fits(width: changes.output.width, height: changes.output.height))
            }
            _ = channel.withSurface(ofOutput: output) { surface in
              // The span checks every offset, and every bit pattern is a number.
              let first = unsafe surface.bytes.unsafeLoad(fromByteOffset: 0, as: UInt32.self)
              #expect(first & 0xff00_0000 == 0)
            }
            _ = channel.cursor(ofOutput: output)
          }
          wake.wait()
        }
      }
      return (wake, channel, thread)
    }

    var random = SplitMix(state: 42)
    let whole = Rectangle(x: 0, y: 0, width: UInt32(side), height: UInt32(side))
    let ids = [ResourceID(1)!, ResourceID(2)!]
    var frame = [UInt8](repeating: 0, count: byteCount)
    for round in 0..<300 {
      let id = ids[round % 2]
      _ = bench.apply(.createResource(id, .r8g8b8a8, width: UInt32(side), height: UInt32(side)))
      _ = bench.apply(
        .attachBacking(id, [GuestRange(start: GuestAddress(0), count: UInt64(byteCount))!]))
      if round % 10 == 0 {
        for index in frame.indices { frame[index] = UInt8(truncatingIfNeeded: round) }
        let written = unsafe pwrite(descriptor, frame, byteCount, 0)
        precondition(written == byteCount)
      }
      #expect(bench.apply(.transfer(id, whole, offset: 0)) == nil)
      #expect(bench.apply(.setScanout(output: 0, ScanoutSource(resource: id, rectangle: whole))) == nil)
      let small = Rectangle(
        x: 0, y: 0, width: UInt32(1 + random.next() % 200), height: UInt32(1 + random.next() % 200))
      #expect(bench.apply(.setScanout(output: 1, ScanoutSource(resource: id, rectangle: small))) == nil)
      #expect(bench.apply(.flush(id, whole)) == nil)
      bench.apply(.moveCursor(CursorPosition(output: 0, x: Int32(round), y: 0)))
      if round % 7 == 0 { bench.apply(.releaseResource(ids[(round + 1) % 2])) }
      if round % 50 == 49 { bench.display.reset() }
    }
    stop.set(true)
    for (wake, channel, thread) in viewers {
      wake.signal()
      thread.join()
      // The last frames, seen by whoever asks now.
      bench.display.reset()
      #expect(channel.takeChanges(ofOutput: 0)?.output.isEnabled == false)
      #expect(channel.takeChanges(ofOutput: 1)?.output.isEnabled == false)
      channel.detach()
    }
    #expect(bench.budget.inUse == 0)
  }
}
