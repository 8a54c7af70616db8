import CBenchmark
import FrontEndVNC
import Glibc
import GuestDriver
import HostLoop
import ScanoutDevice

/// What viewers cost the guest: the time of its frames with twelve VNC viewers and with none.
enum Viewers {
  /// What a viewer prefers, and how many milliseconds it waits after each update; one reads a single update and stops.
  private static let kinds: [(encoding: String, milliseconds: Int)] = [
    ("tight", 0), ("zrle", 0), ("raw", 0), ("hextile", 0),
    ("tight", 30), ("zrle", 50), ("raw", 100), ("tight", 100),
    ("zrle", 500), ("tight", 1000), ("raw", 2000),
    ("raw", -1),
  ]
  private static let framesPerSecond = 30
  private static let framesOfARun = 300
  private static let runs = 5

  static func run(_ report: inout Report) throws {
    let bench = try Bench(scheduling: .ownThread)
    let guest = try Guest(bench)
    let loop = try HostLoop()
    defer { loop.stop() }
    let device = bench.device
    let server = try VNCServer(
      at: .tcp(host: "127.0.0.1", port: 0), output: 0, name: "bench", protection: .local, core: loop,
      attach: { try device.attach($0) })
    defer { server.stop() }
    guard case .tcp(_, let port) = server.address else { throw BenchError() }
    try guest.draw(frames: framesPerSecond)  // so that everything has been touched once

    let before = Footprint()
    var alone: [Double] = [], watched: [Double] = [], ratios: [Double] = []
    var largest = before, last = Footprint()
    for run in 1...runs {
      let quiet = try guest.draw(frames: framesOfARun)
      let viewers = try kinds.map { kind in
        try ChildProcess(
          ["/proc/\(getpid())/exe", "viewer", "\(port)", kind.encoding, "\(kind.milliseconds)"],
          inheriting: [])
      }
      // One thread for each that is being served.
      try wait("twelve viewers") { Footprint().threads == before.threads + kinds.count }
      try guest.draw(frames: framesPerSecond)
      let busy = try guest.draw(frames: framesOfARun)
      largest = largest.larger(Footprint())
      for viewer in viewers { viewer.end(patienceInMilliseconds: 0) }
      try wait("the viewers' end") { Footprint().threads == before.threads }
      last = Footprint()
      alone.append(quiet)
      watched.append(busy)
      ratios.append(busy / quiet)
      print("run \(run): 99th percentile of a frame \(text(quiet)) µs alone, \(text(busy)) µs with viewers")
    }
    report.check(
      "twelve viewers of mixed speed, one of them stopped, keep the guest's frames", ratios.median <= 1.25,
      "median ratio \(text(ratios.median)) of \(ratios.map(text).joined(separator: " ")), at most 1.25; "
        + "\(text(alone.median)) and \(text(watched.median)) µs")
    // Each has a copy of the picture, and what the library needs to compress.
    let picture = (1920 * 1080 * 4) >> 20
    let bound = kinds.count * (picture + 4)
    report.check(
      "their memory is bounded", largest.megabytes - before.megabytes <= bound,
      "\(largest.megabytes - before.megabytes) MiB for \(kinds.count), at most \(bound); a picture has \(picture)"
    )
    report.check(
      "nothing of them is left", last.threads == before.threads && last.descriptors == before.descriptors,
      "threads \(before.threads) and \(last.threads), descriptors \(before.descriptors) and \(last.descriptors), "
        + "\(last.megabytes - before.megabytes) MiB more than before")
  }

  /// The viewer's own program: port, encoding and milliseconds.
  static func look(_ arguments: [String]) -> Never {
    guard let port = Int32(arguments[0]), let milliseconds = Int32(arguments[2]) else { exit(2) }
    // Others' programs, on other machines: what they do themselves is not measured.
    _ = setpriority(CInt(PRIO_PROCESS.rawValue), 0, 19)
    // The strings live through the call.
    exit(unsafe cbenchmark_view("127.0.0.1", port, arguments[1], milliseconds))
  }

  /// Waits until something is so; it must become so soon.
  private static func wait(_ what: String, until isSo: () -> Bool) throws {
    for _ in 0..<30_000 {
      if isSo() { return }
      usleep(1000)
    }
    throw DriverError.timedOut(waitingFor: what)
  }

  private static func text(_ figure: Double) -> String { "\((figure * 100).rounded() / 100)" }

  /// What the process holds of the system.
  private struct Footprint {
    var threads: Int
    var descriptors: Int
    var megabytes: Int

    init() {
      threads = Self.entries("/proc/self/task")
      descriptors = Self.entries("/proc/self/fd")
      var usage = rusage()
      // A local variable. The most so far, in KiB: what a moment's look would miss is in it.
      unsafe getrusage(RUSAGE_SELF.rawValue, &usage)
      megabytes = usage.ru_maxrss >> 10
    }

    func larger(_ other: Footprint) -> Footprint { other.megabytes > megabytes ? other : self }

    private static func entries(_ path: String) -> Int {
      guard let directory = unsafe opendir(path) else { return 0 }
      defer { unsafe closedir(directory) }
      var count = 0
      while unsafe readdir(directory) != nil { count += 1 }
      return count
    }
  }

  /// The guest: an update of 64x64 pixels thirty times a second, each at another place.
  private struct Guest {
    let bench: Bench
    private let frames: [Frame]
    private static let side = 64
    private static let width = 1920, height = 1080

    /// One update: where its rows are in the guest's memory, and the commands that show them.
    private struct Frame {
      let rows: UInt64
      let transfer: LaidOutChain
      let flush: LaidOutChain
    }

    init(_ bench: Bench) throws {
      self.bench = bench
      let picture = try bench.driver.createFramebuffer(width: Self.width, height: Self.height)
      try bench.driver.show(picture)
      try bench.driver.present(picture)
      frames = try (0..<120).map { index in
        let x = index * 131 % (Self.width - Self.side), y = index * 89 % (Self.height - Self.side)
        let place = GPURect(UInt32(x), UInt32(y), UInt32(Self.side), UInt32(Self.side))
        let offset = UInt64((y * Self.width + x) * 4)
        return Frame(
          rows: picture.backing[0].address + offset,
          transfer: try bench.layOut(.transferToHost2D(place, offset: offset, resource: picture.resource)),
          flush: try bench.layOut(.flush(place, resource: picture.resource)))
      }
    }

    /// Draws at its pace and returns the 99th percentile of the microseconds from the doorbell until both commands
    /// of a frame were answered.
    @discardableResult
    func draw(frames count: Int) throws -> Double {
      var times: [Double] = []
      var next = Self.now()
      for number in 0..<count {
        let frame = frames[number % frames.count]
        for row in 0..<Self.side {
          bench.ram.fill(
            frame.rows + UInt64(row * Self.width * 4), count: Self.side * 4,
            with: UInt8(truncatingIfNeeded: number))
        }
        let start = Self.now()
        _ = try bench.driver.ring(0).offer(frame.transfer.descriptors)
        _ = try bench.driver.ring(0).offer(frame.flush.descriptors)
        try bench.driver.kick(0)
        for _ in 0..<2 { _ = try bench.driver.awaitUsed() }
        let end = Self.now()
        times.append(Double(end - start) / 1000)
        next += 1_000_000_000 / UInt64(Viewers.framesPerSecond)
        if next > end { usleep(UInt32((next - end) / 1000)) }
      }
      return times.sorted()[times.count * 99 / 100]
    }

    /// Nanoseconds of the monotonic clock.
    private static func now() -> UInt64 {
      var time = timespec()
      // The pointer is to a local variable.
      unsafe clock_gettime(CLOCK_MONOTONIC, &time)
      return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
  }
}
