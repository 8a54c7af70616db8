import ArgumentParser
import ScanoutDevice

/// How a served device appears to the guest.
struct BusOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The interface that drivers find: of version 1 and later, of before, or both.", valueName: "kind"))
  var transport = VirtioPCIOptions.Transport.modern

  @Flag(help: "Be a PCI Express endpoint instead of a conventional PCI function.")
  var pcie = false

  @Flag(help: "Give each queue's doorbell a page of its own.")
  var doorbellPages = false

  @Option(
    help: ArgumentHelp(
      "Features not to offer, with commas between: \(WithheldFeature.allNames).", valueName: "features"))
  var without: [WithheldFeatures] = []

  /// Whether everything is as it is without being said.
  var isUntouched: Bool { transport == .modern && !pcie && !doorbellPages && without.isEmpty }

  /// The same for the device.
  var options: VirtioPCIOptions {
    var options = VirtioPCIOptions()
    options.transport = transport
    options.placement = pcie ? .express : .conventional
    options.hasDoorbellPages = doorbellPages
    options.withheld = without.reduce(into: []) { $0.formUnion($1.set) }
    return options
  }

  func validate() throws {
    guard !doorbellPages || transport != .legacy else {
      throw ValidationError("--doorbell-pages is for the modern interface: a legacy device has one doorbell")
    }
  }
}

extension VirtioPCIOptions.Transport: ExpressibleByArgument {}

/// A feature that can be held back, by the name that the command has for it.
enum WithheldFeature: String, CaseIterable {
  case packed, inOrder = "in-order", indirect, eventIndex = "event-index", accessPlatform = "access-platform"
  case orderPlatform = "order-platform", notificationData = "notification-data"
  case notificationConfigData = "notification-config-data", ringReset = "ring-reset", suspend, edid, uuid,
    blob
  case blobAlignment = "blob-alignment"

  /// Every name, for the help.
  static var allNames: String { allCases.map(\.rawValue).joined(separator: ", ") }

  /// Whether it is the GPU's and not the rings'.
  var isOfGPU: Bool {
    switch self {
    case .edid, .uuid, .blob, .blobAlignment: true
    default: false
    }
  }

  /// Its bit.
  var set: FeatureSet {
    switch self {
    case .packed: .ringPacked
    case .inOrder: .inOrder
    case .indirect: .indirectDescriptors
    case .eventIndex: .eventIndex
    case .accessPlatform: .accessPlatform
    case .orderPlatform: .orderPlatform
    case .notificationData: .notificationData
    case .notificationConfigData: .notificationConfigData
    case .ringReset: .ringReset
    case .suspend: .suspend
    case .edid: GPUDevice.edidFeature
    case .uuid: GPUDevice.uuidFeature
    case .blob: GPUDevice.blobFeature
    case .blobAlignment: GPUDevice.blobAlignmentFeature
    }
  }
}

/// What `--without` takes: names with commas between.
struct WithheldFeatures: ExpressibleByArgument {
  let features: [WithheldFeature]

  init?(argument: String) {
    let names = argument.split(separator: ",", omittingEmptySubsequences: false)
    features = names.compactMap { WithheldFeature(rawValue: String($0)) }
    guard features.count == names.count else { return nil }
  }

  /// Their bits.
  var set: FeatureSet { features.reduce(into: []) { $0.formUnion($1.set) } }
}
