import CBenchmark
import GuestDriver
import HostThreads
import ScanoutDevice
import Synchronization

/// Counts what the device's thread allocates in a steady stream of transfers, flushes and cursor moves.
enum Allocations {
  static func run(_ report: inout Report) throws {
    cbenchmark_ignore_this_thread()
    // The count must move when another thread allocates, or 0 would prove nothing.
    let before = cbenchmark_allocations()
    try HostThread(name: "control") {
      for size in 1...100 { extendLifetime([UInt8](repeating: 1, count: size * 64)) }
    }.join()
    let control = cbenchmark_allocations() - before
    report.check(
      "the positive control, 100 allocations on another thread, is counted", control >= 100,
      "\(control) counted")

    let bench = try Bench(scheduling: .ownThread)
    let picture = try bench.driver.createFramebuffer(
      width: 640, height: 480, layout: .shuffledPages(seed: 7))
    try bench.driver.show(picture)
    let small = GPURect(13, 27, 101, 57)
    let id = picture.resource
    let blob = try showBlob(bench)
    let stream = try [
      (0, bench.layOut(.transferToHost2D(picture.bounds, offset: 0, resource: id))),
      (0, bench.layOut(.flush(picture.bounds, resource: id))),
      (0, bench.layOut(.transferToHost2D(small, offset: picture.offset(of: small), resource: id))),
      (0, bench.layOut(.flush(small, resource: id))),
      (0, bench.layOut(.flush(blob.bounds, resource: blob.resource))),
      (1, bench.layOut(.moveCursor(scanout: 0, x: 5, y: 6))),
      (1, bench.layOut(.moveCursor(scanout: 0, x: 7, y: 8))),
    ]
    func frames(_ count: Int) throws {
      for _ in 0..<count {
        for (queue, chain) in stream { try bench.send(chain, on: UInt16(queue)) }
      }
    }
    try frames(50)
    let start = cbenchmark_allocations()
    try frames(2000)
    let allocated = cbenchmark_allocations() - start
    report.check(
      "14000 transfers, flushes and cursor moves allocate nothing", allocated == 0, "\(allocated) allocations"
    )
    try runPaced(&report)
  }

  /// The same for flushes with fences that wait for refreshes.
  private static func runPaced(_ report: inout Report) throws {
    // A clock that has gone 20 ms further each time somebody looks, so that every flush waits and none for long.
    let start = ContinuousClock.now, looks = Atomic(0)
    let bench = try Bench(scheduling: .ownThread) {
      start.advanced(by: .milliseconds(20 * looks.add(1, ordering: .relaxed).newValue))
    }
    let picture = try bench.driver.createFramebuffer(width: 640, height: 480)
    try bench.driver.show(picture)
    let flush = try bench.layOut(.flush(picture.bounds, resource: picture.resource), fence: 7)
    for _ in 0..<50 { try bench.send(flush) }
    let before = cbenchmark_allocations(), looksBefore = looks.load(ordering: .relaxed)
    for _ in 0..<1000 { try bench.send(flush) }
    let allocated = cbenchmark_allocations() - before
    let looked = looks.load(ordering: .relaxed) - looksBefore
    // Each looks when it is executed and when its time has come, perhaps more often; the last one's looks may be to come.
    report.check(
      "1000 fenced flushes that wait for refreshes allocate nothing", allocated == 0 && looked >= 1999,
      "\(allocated) allocations, the clock was looked at \(looked) times")
  }

  /// A blob on an output of its own.
  private static func showBlob(_ bench: Bench) throws -> Framebuffer {
    let blob = Framebuffer(
      resource: bench.driver.makeResourceID(), format: .bgrx, width: 640, height: 480,
      backing: try bench.driver.allocateBacking(640 * 480 * 4, .shuffledPages(seed: 8)))
    try bench.driver.expectOK(
      .createBlob(
        id: blob.resource, memory: 1, flags: 0, blobID: 0, size: UInt64(blob.byteCount),
        blob.backing.map(GPUMemoryEntry.init)))
    try bench.driver.expectOK(
      .setScanoutBlob(
        blob.bounds, scanout: 1, resource: blob.resource, width: 640, height: 480,
        format: blob.format.rawValue, stride: UInt32(blob.stride), offset: 0))
    return blob
  }
}
