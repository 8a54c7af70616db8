import FrontEndAPI
import HostThreads

/// The crossing from the device's thread to front-ends: each output's state, and who looks at it.
package final class DisplayPublisher: Sendable {
  let outputs: [PublishedOutput]
  /// What the device side offers.
  package let interface: InterfaceVersion
  /// The largest picture that the device itself lets through; nil: any.
  private let largest: PictureSize?
  private let limitsChanged = Lock<(@Sendable () -> Void)?>(nil)

  /// - Parameters:
  ///   - label: who speaks, for errors, such as `virtio-gpu display`.
  ///   - largest: the largest picture that an output shows, whatever front-ends can; nil: any.
  package init(outputCount: Int, label: String, largest: PictureSize? = nil) {
    precondition(1...16 ~= outputCount)
    self.largest = largest
    outputs = (0..<outputCount).map { PublishedOutput(index: $0) }
    interface = InterfaceVersion(
      type: DisplayInterface.type, label: label, major: DisplayInterface.major, minor: DisplayInterface.minor)
  }

  /// What each output shows at the moment. Any thread may ask.
  package var descriptions: [OutputDescription] { outputs.map(\.description) }

  /// Opens the handshake with a front-end and attaches it; it hears of changes until it detaches.
  ///
  /// Any thread may call. `attached(to:)` is called first, and it may ask for changes already.
  package func attach(_ frontEnd: any DisplayFrontEnd) throws(InterfaceMismatch) -> any DisplayChannel {
    let version = try interface.agreed(with: frontEnd.interface)
    // Version 1.0 knows no limits.
    let limited = version.minor >= 1 ? frontEnd as? any SizeLimitedFrontEnd : nil
    let limits = outputs.map { limited?.largestPicture(ofOutput: $0.index) }
    let hasLimits = limits.contains { $0 != nil }
    let attachment = Attachment(frontEnd, version: version, outputs: outputs) { [weak self] in
      if hasLimits { self?.tellOfLimits() }
    }
    for (output, limit) in zip(outputs, limits) { output.add(attachment, largest: limit) }
    frontEnd.attached(to: attachment)
    attachment.open()
    if hasLimits { tellOfLimits() }
    return attachment
  }

  // MARK: Limits

  /// The largest picture that an output, which exists, can show now: what the device lets through and every front-end
  /// that looks at it can show; nil: any. No side is below what a mode has at least.
  package func largestPicture(ofOutput index: Int) -> PictureSize? {
    outputs[index].largestPicture.lowered(to: largest).map {
      PictureSize(
        width: max($0.width, OutputMode.sides.lowerBound), height: max($0.height, OutputMode.sides.lowerBound)
      )
    }
  }

  /// Says what to do when that may have changed: on the thread that attaches or detaches a front-end, without a lock of
  /// the display's.
  package func whenLimitsChange(_ body: @escaping @Sendable () -> Void) {
    limitsChanged.withLock { $0 = body }
  }

  private func tellOfLimits() {
    let body = limitsChanged.withLock { $0 }
    body?()
  }
}

extension Optional<PictureSize> {
  /// The smaller of each side; nil stands for any size.
  func lowered(to other: PictureSize?) -> PictureSize? {
    guard let self, let other else { return self ?? other }
    return PictureSize(
      width: Swift.min(self.width, other.width), height: Swift.min(self.height, other.height))
  }
}
