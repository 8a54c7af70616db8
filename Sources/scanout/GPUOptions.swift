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

  /// An option that was given, by its name; nil: none was.
  var given: String? { largestMode.map { _ in "--max-mode" } }

  /// The same for the device.
  var limits: DisplayLimits {
    DisplayLimits(largestMode: largestMode?.mode)
  }

  /// Holds outputs that were asked for against the largest.
  func validate(_ outputs: [OutputGeometry]) throws {
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
