import FrontEndAPI

/// The crossing from the device's thread to front-ends: each output's state, and who looks at it.
package final class DisplayPublisher: Sendable {
  let outputs: [PublishedOutput]
  /// What the device side offers.
  package let interface: InterfaceVersion

  /// - Parameter label: who speaks, for errors, such as `virtio-gpu display`.
  package init(outputCount: Int, label: String) {
    precondition(1...16 ~= outputCount)
    outputs = (0..<outputCount).map { PublishedOutput(index: $0) }
    interface = InterfaceVersion(
      type: DisplayInterface.type, label: label, major: DisplayInterface.major, minor: DisplayInterface.minor)
  }

  /// Opens the handshake with a front-end and attaches it; it hears of changes until it detaches.
  ///
  /// Any thread may call. `attached(to:)` is called first, and it may ask for changes already.
  package func attach(_ frontEnd: any DisplayFrontEnd) throws(InterfaceMismatch) -> any DisplayChannel {
    let version = try interface.agreed(with: frontEnd.interface)
    let attachment = Attachment(frontEnd, version: version, outputs: outputs)
    for output in outputs { output.add(attachment) }
    frontEnd.attached(to: attachment)
    attachment.open()
    return attachment
  }
}
