import CBenchmark
import GuestDriver
import HostThreads
import ScanoutDevice

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
    let stream = try [
      (0, bench.layOut(.transferToHost2D(picture.bounds, offset: 0, resource: id))),
      (0, bench.layOut(.flush(picture.bounds, resource: id))),
      (0, bench.layOut(.transferToHost2D(small, offset: picture.offset(of: small), resource: id))),
      (0, bench.layOut(.flush(small, resource: id))),
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
      "12000 transfers, flushes and cursor moves allocate nothing", allocated == 0, "\(allocated) allocations"
    )
  }
}
