import CBenchmark
import Glibc
import GuestDriver
import ScanoutDevice

/// CPU time of TRANSFER_TO_HOST_2D beside that of memcpy over the same pieces, in turn, in one process.
enum Transfers {
  /// The least that each has to reach of memcpy's speed.
  static let leastRatio = 0.8

  static func run(_ report: inout Report) throws {
    for (width, height) in [(3840, 2160), (1920, 1080), (1280, 800)] {
      for pages in [Pages.contiguous, .neighbouring, .shuffled] {
        try measure(width, height, pages, &report)
      }
    }
  }

  enum Pages: String {
    case contiguous = "contiguous"
    case neighbouring = "4 KiB pages, neighbouring"
    case shuffled = "4 KiB pages, shuffled"
  }

  static func measure(_ width: Int, _ height: Int, _ pages: Pages, _ report: inout Report) throws {
    let bench = try Bench(scheduling: .inline)
    let count = width * height * 4
    let pieces = (count + 4095) / 4096
    var picture = try bench.driver.createFramebuffer(
      width: width, height: height, layout: pages == .shuffled ? .shuffledPages(seed: 99) : .contiguous)
    if pages == .neighbouring {
      // The same memory, told page by page as Linux does.
      let start = picture.backing[0].address
      picture.backing = (0..<pieces).map { page in
        GuestExtent(address: start + UInt64(page * 4096), count: min(4096, count - page * 4096))
      }
      try bench.driver.expectOK(.detachBacking(id: picture.resource))
      try bench.driver.expectOK(
        .attachBacking(id: picture.resource, picture.backing.map(GPUMemoryEntry.init)))
    }
    let chain = try bench.layOut(.transferToHost2D(picture.bounds, offset: 0, resource: picture.resource))
    let reference = try Reference(bench.block, picture.backing, isContiguous: pages == .contiguous)

    var ratios: [Double] = []
    var times: [UInt64] = []
    for round in 0..<41 {
      // In turn, so that both meet the same weather; which goes first alternates.
      let isFirst = round % 2 == 0
      let before = isFirst ? 0 : reference.copy()
      let device = try bench.send(chain)
      let copy = isFirst ? reference.copy() : before
      guard round >= 4 else { continue }
      ratios.append(Double(copy) / Double(device))
      times.append(device)
    }
    let speed = Double(count) / Double(times.median)
    report.check(
      "transfer of \(width)x\(height), \(pages.rawValue)", ratios.median >= leastRatio,
      "\(times.median / 1000) us, \(rounded(speed)) GB/s, \(rounded(ratios.median)) of memcpy's speed")
  }

  private static func rounded(_ value: Double) -> String {
    let hundredths = Int((value * 100).rounded())
    return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
  }
}

/// The copy to compare with: from the guest's memory into pixels of the kind that the device has, in C.
@safe
final class Reference {
  private let guest: UnsafeMutableRawPointer
  private let guestSize: Int
  private let pixels: UnsafeMutableRawPointer
  private let offsets: [UInt64]
  private let byteCount: Int
  private let isContiguous: Bool

  init(_ block: RAMBlock, _ backing: [GuestExtent], isContiguous: Bool) throws {
    byteCount = backing.reduce(0) { $0 + $1.count }
    offsets = backing.map { $0.address - block.base }
    guestSize = block.size
    self.isContiguous = isContiguous
    // New mappings at places of the kernel's choice.
    guard let guest = unsafe mmap(nil, block.size, PROT_READ, MAP_SHARED, block.descriptor, 0),
      unsafe guest != MAP_FAILED, let pixels = unsafe cbenchmark_pixels((byteCount + 4095) & ~4095)
    else { throw BenchError() }
    unsafe self.guest = guest
    unsafe self.pixels = pixels
  }

  deinit {
    // Both were mapped by init with these sizes.
    unsafe munmap(guest, guestSize)
    unsafe munmap(pixels, (byteCount + 4095) & ~4095)
  }

  /// Copies once; CPU time in nanoseconds.
  func copy() -> UInt64 {
    let start = cbenchmark_thread_time()
    if isContiguous {
      // Inside both mappings.
      unsafe memcpy(pixels, guest + Int(offsets[0]), byteCount)
    } else {
      // As above; the last page's tail is inside the last page.
      unsafe cbenchmark_copy_pieces(pixels, guest, offsets, offsets.count, 4096)
    }
    return cbenchmark_thread_time() - start
  }
}
