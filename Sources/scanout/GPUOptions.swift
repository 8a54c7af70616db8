import ArgumentParser
import ScanoutDevice

/// What a served GPU can do.
struct GPUOptions: ParsableArguments {
  @Option(
    name: .customLong("max-mode"),
    help: ArgumentHelp(
      "The largest picture that an output shows, such as 1920x1080: a guest is refused more. (default: what fits a "
        + "resource, 16384x16384)", valueName: "size"))
  var largestMode: OutputGeometry?

  @Option(
    name: .customLong("host-visible-memory"),
    help: ArgumentHelp(
      "Offer a region that blobs of host memory could be mapped into, such as 256M: a power of two from 4K to 1T. "
        + "Without 3D it stays empty. (default: none)", valueName: "size"))
  var hostVisibleMemory: MemorySize?

  @Option(
    help: ArgumentHelp(
      "When a guest hears that what it flushed with a fence is shown: now, or at the output's next refresh, at 60 Hz, so "
        + "that it draws no faster. (default: now)", valueName: "when"))
  var fences: FlushFences?

  /// An option that was given, by its name; nil: none was.
  var given: String? {
    if largestMode != nil { return "--max-mode" }
    if fences != nil { return "--fences" }
    return hostVisibleMemory.map { _ in "--host-visible-memory" }
  }

  /// The same for the device.
  var limits: DisplayLimits {
    DisplayLimits(largestMode: largestMode?.mode)
  }

  /// Holds the outputs that were asked for, and the interface, against what is said here.
  func validate(_ outputs: [OutputGeometry], _ bus: BusOptions) throws {
    guard hostVisibleMemory == nil || bus.transport != .legacy else {
      throw ValidationError(
        "--host-visible-memory is for the modern interface: legacy drivers know no such regions")
    }
    guard let largestMode else { return }
    guard largestMode.position == nil else {
      throw ValidationError("--max-mode is a size, such as 1920x1080, without a position")
    }
    let largest = largestMode.mode
    guard
      let output = outputs.first(where: { $0.mode.width > largest.width || $0.mode.height > largest.height })
    else { return }
    throw ValidationError("--output \(output) is larger than --max-mode \(largestMode) lets a guest show")
  }
}

extension FlushFences: ExpressibleByArgument {}

/// A power of two of bytes, from 4 KiB to 1 TiB, with K, M, G or T for the larger units.
struct MemorySize: ExpressibleByArgument, Equatable {
  let byteCount: UInt64

  init?(argument: String) {
    let units: [Character: UInt64] = ["K": 10, "M": 20, "G": 30, "T": 40]
    let unit = argument.last.flatMap { units[$0] }
    let digits = unit == nil ? argument[...] : argument.dropLast()
    // Digits alone: `UInt64` would take a sign.
    guard (1...13).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let number = UInt64(digits), number <= 1 << (40 - (unit ?? 0))
    else { return nil }
    byteCount = number << (unit ?? 0)
    guard byteCount >= 4096, byteCount.nonzeroBitCount == 1 else { return nil }
  }
}
