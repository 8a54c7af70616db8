import ArgumentParser
import ScanoutDevice

/// What a served GPU can do.
struct GPUOptions: ParsableArguments {
  @Option(
    name: .customLong("max-mode"),
    help: ArgumentHelp(
      "The largest picture that an output shows, such as 1920x1080: a guest is refused more. (default: what fits a "
        + "resource, 16384x16384)", valueName: "size"))
  var largestMode: OutputSize?

  /// An option that was given, by its name; nil: none was.
  var given: String? { largestMode.map { _ in "--max-mode" } }

  /// The same for the device.
  var limits: DisplayLimits {
    DisplayLimits(largestMode: largestMode.flatMap { OutputMode(width: $0.width, height: $0.height) })
  }

  /// Holds outputs that were asked for against the largest.
  func validate(_ outputs: [OutputSize]) throws {
    guard let largestMode,
      let output = outputs.first(where: { $0.width > largestMode.width || $0.height > largestMode.height })
    else { return }
    throw ValidationError("--output \(output) is larger than --max-mode \(largestMode) lets a guest show")
  }
}
